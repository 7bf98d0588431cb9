"""What somebody means who answers a message: whether they want no more of it. In doubt they do."""

import re
import unicodedata

_MARKS = re.compile(r"[\s.,!?;:'\"()\[\]。，！？；：、“”‘’（）…·*#_-]+")
_WORDS = frozenset(
    {
        "stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "revoke", "remove", "removeme", "unsub",
        "stopp", "arret", "arrêt", "baja", "alto", "parar",
        "td", "t", "n", "tt", "0000", "00000", "退", "退订", "退定", "拒收", "停", "停止", "取消", "取消订阅", "勿扰", "不要",
        "不要发了", "不要再发", "不要再发了", "别发了", "别再发了", "停发", "退訂", "取消訂閱", "不要再發", "不要再發了", "別發了",
    }
)  # fmt: skip
"""The whole answer, marks and spaces left out: what carriers and regulators name, and what people write."""
_POLITE = re.compile(
    r"^(?:please|pls|plz|请|請|麻烦)|(?:please|pls|plz|thanks|thankyou|now|谢谢|谢了|吧|了)$"
)
_ANYWHERE = re.compile(
    r"退订|退訂|拒收|取消订阅|取消訂閱"
    r"|(?:不要|别|別|勿|停止)(?:再|给我|給我|继续|繼續)*(?:发|發|联系|聯繫|打扰|打擾|骚扰|騷擾|打电话|打電話|来电|來電)"
    r"|\bunsubscribe\b|\bopt(?:ing)?[\s-]?out\b"
    r"|\b(?:stop|quit|cease)\s+(?:all\s+|these\s+|the\s+|this\s+|sending|texting|messag|contact|call|it\b|spam|harass)"
    r"|\b(?:do\s?n[o']?t|don’t|do not|never|no more)\s+(?:ever\s+)?"
    r"(?:text|texts|message|messages|sms|contact|call|calls|write|send|bother)\b"
    r"|\b(?:remove|take)\s+(?:me|my number|this number)\b|\bleave me alone\b"
)


def is_opt_out(text: str) -> bool:
    """Return whether an answer asks never to be contacted again."""
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    bare = _MARKS.sub("", folded)
    while (shorter := _POLITE.sub("", bare)) != bare and shorter:
        if bare in _WORDS:
            return True
        bare = shorter
    return bare in _WORDS or _ANYWHERE.search(folded) is not None


def tells_how_to_stop(text: str, language: str) -> bool:
    """Return whether a wording names an answer that stops the messages, in words this box understands."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if language.startswith("zh"):
        return (
            re.search(r"退订|拒收|回复?\s*[“\"「]?\s*(?:td|t|n)\b|(?<![a-z])td(?![a-z])", folded) is not None
        )
    return re.search(r"\bstop\b|\bunsubscribe\b", folded) is not None
