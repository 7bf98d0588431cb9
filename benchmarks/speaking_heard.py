"""Whether what the box says is understood: prompts rendered clip by clip, joined as in a call, and written down by Whisper.

    python benchmarks/speaking_heard.py [--models DIR] [--engine kokoro|piper|espeak] [--language zh-CN|en] [--whole] [--texts]

Needs the models kokoro-82m-int8 or piper-joe, whisper-base, and the extra [speech]. Whisper base at 8 kHz is a poor judge:
it writes homophones (环款 for 还款). So Mandarin is also compared by syllable without tone. `--whole` renders each prompt in
one piece instead of clip by clip: the difference is what the cutting costs.
"""

import argparse
import re
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import soxr

from audio.frame import FULL_SCALE, Clip
from audio.models import ModelShelf, default_models_folder
from audio.speech.engine_process import EngineProcess
from audio.speech.espeak import EspeakSynthesizer
from audio.speech.joining import joined, words_of
from audio.speech.mandarin_readings import read_known
from firmware.dialogue.speaking import in_words

PROMPTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "zh-CN": (
        ("您好，我是", "恒安银行的", "智能语音助手，通话会录音。"),
        ("请问是王伟先生吗？", "是请按一，不是按二，打错了按三。"),
        ("我是恒安银行的", "智能语音助手，有件事想和", "王伟本人确认。"),
        ("为保护您的隐私，请输入证件号后四位。",),
        ("抱歉，这几位数字没有对上，请您再输入一次。",),
        ("抱歉，这次没能核对上，我们不再打扰您了。祝您一切顺利，再见。",),
        ("温馨提醒：您有", "一千二百三十四元五角，", "已于十二月十号到期。"),
        ("十二月十一号星期五前", "能还请按一，改日期按二，已还按三，有疑问按四，有困难按五。"),
        ("请输入日期，月份两位，日子两位。",),
        ("十二月十五号星期二", "前还", "八百", "元", "，对请按一，不对按二。"),
        ("记下了，非常感谢，再见！",),
        ("好的，谢谢您告诉我们，我们这就去核对。打扰您了，再见。",),
        ("谢谢您愿意告诉我们，请别太担心。会有同事和您联系，一起商量合适的办法。再见。",),
        ("非常抱歉打扰您！这个号码我们会马上删除，不再拨打。再见。",),
        ("好的，我们不会再给您打电话了。",),
        ("请您尽快还款，最低还款额为", "两千三百元。"),
        ("您还有三天时间，还清以后请告诉我们。",),
        ("您的还款日是每月二十号。",),
        ("三万零五元", "已经还清了吗？"),
        ("应还金额一万两千三百元零五分。",),
    ),
    "en": (
        ("Hello, this is ", "Harbour Bank's ", "automated assistant. This call is recorded."),
        ("Am I speaking with ", "Ms Taylor? ", "For yes press one, for no two, wrong number three."),
        ("I am the automated assistant of ", "Harbour Bank, ", "with a message for ", "Ms Taylor ", "in person."),
        ("For your privacy, please key in the last four digits of your ID.",),
        ("Sorry, those digits did not match. Please try once more.",),
        (
            "A friendly reminder: ",
            "one thousand two hundred and thirty-four dollars and fifty cents ",
            "was due on ",
            "the tenth of December.",
        ),
        (
            "To pay by ",
            "Friday, the eleventh of December, ",
            "press one. Another date, two; already paid, three; a question, four; difficulties, five.",
        ),
        ("Please key in the date, two digits for the month and two for the day.",),
        (
            "eight", "hundred", "dollars", ", by ", "Tuesday, the fifteenth of December",
            ": if that is right press one, if not two.",
        ),
        ("Thank you very much, I have noted it. Goodbye.",),
        ("Thank you for telling us. We will check our records. Sorry to have troubled you, and goodbye.",),
        ("We will take this number off our list and not call it again. Goodbye.",),
        ("Certainly. We will not call you again.",),
        ("Of course. A colleague will ring you back as soon as possible. Thank you, and goodbye.",),
        ("Thank you for telling me. Please look after yourself first; this can wait.",),
        ("That is all right, we will get in touch another time. Have a good day, and goodbye.",),
    ),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, default=default_models_folder())
    parser.add_argument("--engine", choices=("kokoro", "piper", "espeak"), default="kokoro")
    parser.add_argument("--language", choices=tuple(PROMPTS), default="zh-CN")
    parser.add_argument("--voice", default="", help="a voice of Kokoro")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--texts", action="store_true", help="show what was written down")
    given = parser.parse_args()
    shelf = ModelShelf(given.models)

    from faster_whisper import WhisperModel  # noqa: PLC0415 - optional

    ears = WhisperModel(str(shelf.path("whisper-base")), device="cpu", compute_type="int8", cpu_threads=1)
    voice = given.voice or {"en": "af_heart", "zh-CN": "zf_xiaoxiao"}[given.language]
    chosen = f"{given.language[:2]}={voice}"
    speakers: dict[str, EngineProcess | EspeakSynthesizer] = {
        "kokoro": EngineProcess(["kokoro", str(shelf.path("kokoro-82m-int8")), chosen], name="kokoro"),
        "piper": EngineProcess(["piper", str(shelf.path("piper-joe")), "voice"], name="piper"),
        "espeak": EspeakSynthesizer(),
    }
    speaker = speakers[given.engine]
    pairs = []
    for phrases in PROMPTS[given.language]:
        pieces = ("".join(phrases),) if given.whole else phrases
        clips = joined(pieces, lambda phrase: speaker.render(words_of(phrase), given.language))
        heard = written_down(ears, clips, given.language)
        pairs.append(("".join(phrases), heard))
        if given.texts:
            print(f"{pairs[-1][0]}\n    {heard}")
    for engine in speakers.values():
        if isinstance(engine, EngineProcess):
            engine.close()
    how = "whole" if given.whole else "by clips"
    print(
        f"{given.engine} {given.language} {how}: character errors {rate(pairs, given.language):.1%} of {len(pairs)} prompts"
    )
    if given.language == "zh-CN":
        print(f"    syllable errors {rate([(syllables(a), syllables(b)) for a, b in pairs], ''):.1%}")


def written_down(ears: object, clips: Sequence[Clip], language: str) -> str:
    sound = soxr.resample(np.concatenate(clips).astype(np.float32) / FULL_SCALE, 8000, 16_000)
    segments, _ = ears.transcribe(  # type: ignore[attr-defined]
        sound,
        language=language[:2],
        beam_size=5,
        initial_prompt="以下是普通话的句子。" if language == "zh-CN" else None,
        condition_on_previous_text=False,
    )
    return "".join(segment.text for segment in segments)


def rate(pairs: Sequence[tuple[Sequence[str], Sequence[str]]], language: str) -> float:
    """Return edits a letter or syllable of what was said."""
    wrong = said = 0
    for text, heard in pairs:
        one, other = (bare(str(text), language), bare(str(heard), language)) if language else (text, heard)
        wrong += edits(one, other)
        said += len(one)
    return wrong / said


def bare(text: str, language: str) -> str:
    """Return text without marks, its figures spelt, so that 1,234 and one thousand … count as the same."""
    text = unicodedata.normalize("NFKC", text)
    if language == "zh-CN":
        spelt = in_words(text, language).replace("两", "二").replace("幺", "一")
        return re.sub("[^\u4e00-\u9fff]", "", spelt)
    return re.sub("[^a-z]", "", in_words(text, language).lower().replace("harbor", "harbour"))


def syllables(text: str) -> list[str]:
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415 - optional

    read: list[str] = []
    for part in read_known(bare(text, "zh-CN")):
        read += [s.rstrip("12345") for s in part.syllables] or lazy_pinyin(part.text, style=Style.NORMAL)
    return read


def edits(one: Sequence[str], other: Sequence[str]) -> int:
    row = list(range(len(other) + 1))
    for number, left in enumerate(one, 1):
        fresh = [number]
        for place, right in enumerate(other, 1):
            fresh.append(min(row[place] + 1, fresh[-1] + 1, row[place - 1] + (left != right)))
        row = fresh
    return row[-1]


if __name__ == "__main__":
    main()
