"""What people answer to questions on the telephone: expected where nobody says what else may be."""

COMMON_ANSWERS: dict[str, tuple[str, ...]] = {
    "zh": (
        "是的", "是", "是我", "我是", "我就是", "不是", "不是我", "对", "对的", "不对", "好", "好的", "行", "不行",
        "可以", "不可以", "没有", "喂", "嗯", "打错了", "他不在", "你是谁", "不要再打了", "转人工", "再说一遍",
    ),
    "en": (
        "yes", "no", "yeah", "nope", "yes I am", "no I am not", "speaking", "that's me", "this is he", "this is she",
        "not me", "that's right", "that's wrong", "correct", "okay", "sure", "wrong number", "he's not here",
        "she's not here", "who is this", "stop calling me", "a real person", "say that again", "hello",
    ),
}  # fmt: skip
