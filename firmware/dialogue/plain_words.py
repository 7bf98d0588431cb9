"""Plain words that need no model: a small noise of assent, a mark out of five, the name of a language.

Each pattern is narrow on purpose: a phrase that is not in it is left to whoever understands utterances.
"""

import re
from collections.abc import Mapping

CERTAIN = 0.9
_STRIP = re.compile(r"[\s,，。.!！?？、…~～;；:：]+")

_NOISE: Mapping[str, str] = {
    "zh": r"[嗯唔哦噢喔啊呃额哎欸诶]|知道了?|这样",
    "en": r"u+h+[ -]?h?u*h*|m+[ -]?h*m+|hm+|um+|er+m?|ah+|oh+|i see|go on|got it",
}
_ASSENT: Mapping[str, str] = {
    "zh": r"好的?|行|可以|对|是的?|没错",
    "en": r"yeah|yep|yes|right|ok(?:ay)?|sure|fine|all right|alright",
}

_LANGUAGES: tuple[tuple[str, re.Pattern[str]], ...] = (
    # What is spoken, and the words that ask for it; a dialect is a language here: nobody follows what they do not speak.
    ("yue", re.compile(r"粤语|广东话|白话|cantonese")),
    ("en", re.compile(r"英语|英文|\benglish\b")),
    ("zh-CN", re.compile(r"中文|普通话|国语|汉语|\b(?:chinese|mandarin|putonghua)\b")),
    ("es", re.compile(r"西班牙语|\bspanish\b|español|espanol")),
    ("fr", re.compile(r"法语|\bfrench\b|français")),
    ("de", re.compile(r"德语|\bgerman\b|deutsch")),
    ("ja", re.compile(r"日语|\bjapanese\b|日本語")),
    ("ko", re.compile(r"韩语|朝鲜语|\bkorean\b")),
    ("ru", re.compile(r"俄语|\brussian\b")),
    ("pt", re.compile(r"葡萄牙语|\bportuguese\b|português")),
    ("ar", re.compile(r"阿拉伯语|\barabic\b")),
    ("hi", re.compile(r"印地语|\bhindi\b")),
    ("bo", re.compile(r"藏语|\btibetan\b")),
    ("ug", re.compile(r"维吾?尔?语|\buyghur\b")),
)
_WANTS_LANGUAGE = re.compile(
    r"^(?:请|能|可以|麻烦)?(?:你)?(?:用|说|讲|换|换成|切换到?)|听不懂|不会说|不会讲|能.{0,4}[说讲用]|可以.{0,4}[说讲用]"
    r"|\b(?:speak|in|talk|switch|change|don'?t (?:speak|understand)|no)\b|please"
)

_MEANINGS: Mapping[str, Mapping[str, re.Pattern[str]]] = {
    "zh": {
        "slower": re.compile(r"慢[一]?点|慢些|说慢|太快了|别说那么快|再慢"),
        "deceased": re.compile(
            r"(?:他|她|人|我(?:爸|妈|父亲|母亲|老公|老婆|丈夫|妻子|先生|太太)|本人)?(?:已经|都|早就|上个?月|去年|前年)?(?:去世|过世|病逝|离世|不在人世|走了好[几多]年)"
        ),
        "minor": re.compile(
            r"我(?:才|只有|还是|今年)?(?:[一二两三四五六七八九]|十|十[一二三四五六七])岁|我还?是(?:小孩|孩子|小朋友|未成年)|(?:爸爸|妈妈|大人)(?:他们)?都?不在家"
        ),
        "has_lawyer": re.compile(
            r"(?:找|联系|跟|和)我(?:的)?(?:代理)?律师|我(?:已经)?(?:请|委托|有)(?:了)?(?:代理)?律师|律师(?:会)?(?:来|跟|和|联系)你们?"
        ),
    },
    "en": {
        "slower": re.compile(r"\bslow(?:er|ly| down)\b|\btoo fast\b|\bnot so fast\b"),
        "deceased": re.compile(
            r"\b(?:he|she|they|my (?:husband|wife|father|mother|dad|mum|mom|son|daughter)|mr\.? \w+|mrs\.? \w+)"
            r"(?:'s| has| have| is|)(?: sadly| recently| already|) (?:passed away|died|dead|deceased|passed on)\b"
        ),
        "minor": re.compile(
            r"\bi(?:'m| am) (?:only |just )?(?:[5-9]|1[0-7]|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven)teen)"
            r"(?: years old)?\b(?!\s*(?:percent|hundred|dollars|o'clock))|\bi(?:'m| am) (?:just )?a (?:kid|child|minor)\b"
            r"|\bmy (?:mum|mom|dad|parents) (?:is|are|isn't|aren't) (?:not |)(?:home|here)\b"
        ),
        "has_lawyer": re.compile(
            r"\b(?:(?:talk|speak|write) to|contact|call) my (?:lawyer|attorney|solicitor)\b"
            r"|\b(?:i(?:'ve| have)(?: got| hired|)|represented by) (?:an?|my) (?:lawyer|attorney|solicitor)\b"
        ),
    },
}

_ZH_DIGITS = {character: number for number, character in enumerate("零一二三四五六七八九")} | {"两": 2}
_EN_DIGITS = {
    name: number
    for number, name in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    )
}
_ZH_MARK = re.compile(
    r"(?<![一二两三四五六七八九十百千\d])([1-9一二两三四五六七八九])(?![一二三四五六七八九十百千万\d])"
)
_EN_MARK = re.compile(rf"\b({'|'.join(_EN_DIGITS)}|[1-9])\b")
_GRADES: Mapping[str, tuple[tuple[re.Pattern[str], float], ...]] = {
    # From 0 (worst) to 1 (best); the more particular ones first.
    "zh": (
        (re.compile(r"(?:非常|很|特别|太|极其?|十分)(?:的)?(?:不满意?|不好|差|糟|烂|失望)"), 0.0),
        (re.compile(r"不(?:太|怎么|是很|大)?(?:满意|好(?!意思)|行)|有点差|较差|差"), 0.25),
        (re.compile(r"(?:非常|很|特别|太|十分|挺)(?:的)?(?:满意|好|不错|棒|赞)|满分|最高分|完美"), 1.0),
        (re.compile(r"一般|凑合|还行|中等|普通|马马虎虎"), 0.5),
        (re.compile(r"满意|不错|好评"), 0.75),
    ),
    "en": (
        (
            re.compile(
                r"\b(?:very|extremely|really|so) (?:bad|poor|dissatisfied|unhappy|disappointed)"
                r"|\b(?:terrible|awful|horrible|worst)\b"
            ),
            0.0,
        ),
        (
            re.compile(
                r"\b(?:very|extremely|really|so) (?:good|satisfied|happy|pleased)"
                r"|\b(?:excellent|perfect|great|wonderful|fantastic|amazing)\b"
            ),
            1.0,
        ),
        (re.compile(r"\bnot bad\b"), 0.5),
        (
            re.compile(
                r"\bnot (?:very |really |so |that )?(?:good|satisfied|happy|great)"
                r"|\b(?:bad|poor|dissatisfied|unhappy|disappointed)\b"
            ),
            0.25,
        ),
        (re.compile(r"\b(?:average|so[- ]so|fair|neutral)\b"), 0.5),
        (re.compile(r"\b(?:good|satisfied|happy|pleased)\b"), 0.75),
    ),
}


def is_backchannel(text: str, language: str, *, nothing_asked: bool = False) -> bool:
    """Return whether this says no more than "I am listening"; where nothing is asked, a yes says no more either."""
    plain = _STRIP.sub(" ", text.casefold()).strip()
    primary = _primary(language)
    if primary not in _NOISE:
        return False
    words = f"{_NOISE[primary]}|{_ASSENT[primary]}" if nothing_asked else _NOISE[primary]
    gap = "" if primary == "zh" else r"(?: |$)"
    plain = plain.replace(" ", "") if primary == "zh" else plain
    return bool(plain) and re.fullmatch(rf"(?:(?:{words}){gap})+", plain) is not None


def plain_meanings(text: str, language: str) -> dict[str, float]:
    """Return which of the plain meanings the words carry, with how sure that is."""
    plain = " ".join(text.casefold().split())
    found = {
        name: CERTAIN
        for name, pattern in _MEANINGS.get(_primary(language), {}).items()
        if pattern.search(plain)
    }
    if language_wanted(text) is not None:
        found["other_language"] = CERTAIN
    return found


def language_wanted(text: str) -> str | None:
    """Return the tag of the language that is asked for by name, in whatever language that is said."""
    plain = " ".join(text.casefold().split())
    named = next((tag for tag, pattern in _LANGUAGES if pattern.search(plain)), None)
    alone = len(_STRIP.sub("", plain)) <= 10
    return named if named is not None and (alone or _WANTS_LANGUAGE.search(plain)) else None


def rating_of(text: str, language: str, most: int) -> int | None:
    """Return the mark from 1 to `most` that was given in figures or in words, None without one or with several."""
    plain = " ".join(text.casefold().split())
    primary = _primary(language)
    digits = _ZH_DIGITS if primary == "zh" else _EN_DIGITS
    marks = {
        int(mark) if mark.isdigit() else digits[mark]
        for mark in (_ZH_MARK if primary == "zh" else _EN_MARK).findall(plain)
    }
    if marks:
        mark = next(iter(marks))
        return mark if len(marks) == 1 and 1 <= mark <= most else None
    for pattern, grade in _GRADES.get(primary, ()):
        if pattern.search(plain):
            return 1 + round(grade * (most - 1))
    return None


def _primary(language: str) -> str:
    return language.partition("-")[0]
