"""Plain words that need no model: a small noise of assent, a mark out of five, the name of a language.

Each pattern is narrow on purpose: a phrase that is not in it is left to whoever understands utterances.
"""

# ruff: noqa: E501  (one way to say it, one line)

import re
from collections.abc import Collection, Mapping

from firmware.dialogue.digit_names import ALSO_ZH, EN, ZH

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

_ZH_KIN = r"(?:他|她|人|本人|机主|老人家?|我?(?:爸|妈|父亲|母亲|老公|老婆|丈夫|妻子|老伴|先生|太太|爷爷|奶奶|外公|外婆|姥姥|姥爷|哥|弟|姐|妹|儿子|女儿))"
_ZH_CHILD_AGE = r"(?:[5-9]|1[0-7]|十[一二三四五六七]?|[五六七八九])"
_EN_KIN = (
    r"(?:he|she|they|(?:my|our|his|her|the) (?:late )?(?:husband|wife|father|mother|dad|mum|mom|son|daughter|brother|sister|partner"
    r"|grand(?:father|mother|dad|ma|pa)|uncle|aunt|nan|owner|account holder)|mr\.? \w+|mrs\.? \w+)"
)
_EN_CHILD_AGE = (
    r"(?:[5-9]|1[0-7]|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven)teen)"
)
_EN_LAWYER = r"(?:lawyer|attorney|solicitor|barrister|legal team|legal counsel|counsel)s?"

_MEANINGS: Mapping[str, Mapping[str, re.Pattern[str]]] = {
    "zh": {
        "slower": re.compile(r"慢[一]?点|慢些|说慢|太快了|别说那么快|再慢"),
        "deceased": re.compile(
            r"去世|过世|病逝|离世|辞世|逝世|身故|亡故|已故|仙逝|往生|过身|不在人世|不在世|已经入土|火化了|死亡证明|销户.{0,4}死亡"
            rf"|{_ZH_KIN}(?:早就|早|已经|都|刚|前几天|不幸|出车祸)*(?:死|没|牺牲|遇难)了(?!心|你|我|电|钱|气)|{_ZH_KIN}(?:早就|已经|都)不在了(?!家)"
            r"|(?:上个?月|上周|上个?星期|去年|前年|年初|[几两三四五半一]年前|[两几]个月前)(?:就|刚|已经|也)?走了|走了(?:好[几多]|[两三四五几])年"
        ),
        "minor": re.compile(
            rf"我(?:今年|才|只有|还是|刚满|刚过|刚|还不到|不到|还没满|没满|未满|还没到)*{_ZH_CHILD_AGE}岁(?!的)|(?:未满|不满|不到|没满|没到|还没有?)(?:18|十八)"
            r"|我(?:还)?是(?:个|一个)?(?:小孩|孩子|小朋友|小学生|初中生|高中生|中学生|学生娃)(?!的)|我(?:还)?(?:没成年|没有成年|未成年|是未成年)"
            r"|我(?:是|还是|还在|在)(?:上|读|念)?(?:小学|初中|高中|初[一二三]|高[一二三]|[一二三四五六]年级)(?!毕业|老师|学历|同学|文化|教)"
            r"|(?:爸爸|妈妈|爸妈|大人|家长)(?:他们|和妈妈|跟妈妈|妈妈)?(?:都|全|现在)?(?:不在家|没在家|上班去了|出去了)"
        ),
        "has_lawyer": re.compile(
            r"(?:找|联系|跟|和|问|通过)(?:我|我们|我家)的?(?:代理|委托|辩护)?律师|(?<![要想会去该])(?:我|我们)(?:已经|都|早就)?(?:请|委托|有|找|聘请?|雇)(?:了|好了?|过)?(?:个|一个|一位|位)?(?:代理|专业)?律师(?!费|证)"
            r"|(?:我的?|我们的?|代理|委托)律师(?:说|让|叫|会|正|已经|来|跟|和|在|告诉|建议)|律师(?:会)?(?:来|跟|和|联系|找)你们?|(?:全权|都|已经)?(?:委托|交给|交由)(?:了)?(?:我的?)?律师"
        ),
    },
    "en": {
        "slower": re.compile(r"\bslow(?:er|ly| down)\b|\btoo fast\b|\bnot so fast\b"),
        "deceased": re.compile(
            rf"\b{_EN_KIN}(?:'s| has| have| is| was|)(?: \w+ly| already| just| now| all|){{0,2}}"
            r" (?:passed away|passed on|passed(?=$|[.,!]| (?:last|this|in|on|two|a|yesterday))|died|dead(?! (?:tired|wrong|set|serious|against|right|keen))|deceased|buried|no longer (?:with us|alive|living|of this world))\b"
            rf"|\b(?:we|i) (?:just |recently )?(?:buried|lost|cremated) {_EN_KIN}\b(?!'s (?:job|phone|number|keys))|\bdeath certificate\b|\bthe late (?:mr|mrs|ms)\b"
        ),
        "minor": re.compile(
            rf"\bi(?:'m| am| just turned| turned)(?: only| just| still| not even|)* {_EN_CHILD_AGE}(?: years? old)?\b(?!\s*(?:percent|hundred|thousand|grand|dollars?|pounds|quid|bucks|o'clock|minutes?|miles|weeks?|months?|days?|hours?|people|of|in|and a half|am|pm|years? (?:into|late|behind)|th\b|\d|:))"
            r"|\bi(?:'m| am)(?: only| just| still|)* an? (?:kid|child|minor|schoolboy|schoolgirl|little (?:boy|girl)|teenager)\b|\bi(?:'m| am) (?:under ?age|under (?:18|eighteen|age)|not (?:yet )?(?:18|eighteen|an adult|of age))\b"
            r"|\bi(?:'m| am)(?: still|) (?:in|at) (?:high|middle|primary|elementary|secondary|junior high|grade) school\b|\bi(?:'m| am) (?:in|a) (?:the )?(?:\w+th|first|second|third) grader?\b"
            r"|\bmy (?:mum|mom|dad|mommy|daddy|parents)(?: is| are|'s)? ?(?:isn't|aren't|not|out)? ?(?:home|here)\b"
        ),
        "has_lawyer": re.compile(
            rf"\b(?:(?:talk|speak|write|go|address (?:it|that|this)|direct (?:it|that|this)) (?:to|with|through)|contact|call|ring|phone|email|ask) (?:my|our) {_EN_LAWYER}\b"
            rf"|\b(?:(?:i|we)(?:'ve| have| had|)(?: already|)(?: got| hired| retained| instructed| employed| engaged|)|represented by|have) (?:an?|my|our) {_EN_LAWYER}\b(?! friend)"
            rf"|\b(?:my|our) {_EN_LAWYER}(?:'s|'ll| is| will| has| said| says| told| handles| advised| deals)\b"
        ),
    },
}

_IN_NEED = re.compile(
    r"不想活|活不(?:下去|了|成)|想死|去死|寻死|自杀|轻生|跳楼|割腕|撑不(?:住|下去)|崩溃|走投无路|抑郁|住院|病重|重病|癌|化疗|绝症"
    r"|\b(?:kill (?:my|him|her|them)sel\w+|(?:want|going|rather) to die|suicid\w*|end it all|end my life|can(?:no|')?t (?:go on|cope|take it)"
    r"|depress\w+|hospital\w*|cancer|dying|terminal\w*|stroke|heart attack|breakdown)\b"
)
"""Somebody in need stays that, whoever else has died or speaks for them."""
_TELLS_MORE = ("deceased", "minor", "has_lawyer")

_ZH_DIGITS = {character: number for number, character in enumerate(ZH)} | {"两": ALSO_ZH["两"]}
_EN_DIGITS = {name: number for number, name in enumerate(EN)}
_ZH_MARK = re.compile(
    r"(?<![一二两三四五六七八九十百千\d])([1-9一二两三四五六七八九])(?![一二三四五六七八九十百千万\d般点下定直切样起共些会流])"
)
_EN_MARK = re.compile(rf"\b({'|'.join(_EN_DIGITS)}|[1-9])\b")
_GRADES: Mapping[str, tuple[tuple[re.Pattern[str], float], ...]] = {
    # From 0 (worst) to 1 (best); the more particular ones first.
    "zh": (
        (re.compile(r"(?:非常|很|特别|太|极其?|十分)(?:的)?(?:不满意?|不好|差|糟|烂|失望)"), 0.0),
        (re.compile(r"不(?:太|怎么|是很|大)?(?:满意|好(?!意思)|行)|有点差|较差|差"), 0.25),
        (re.compile(r"(?:非常|很|特别|太|十分|挺)(?:的)?(?:满意|好|不错|棒|赞)|满分|最高分|完美"), 1.0),
        (re.compile(r"一般|还可以|还好|还成|过得去|将就|凑合|还行|中等|普通|马马虎虎"), 0.5),
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


_PART = re.compile(
    r"[还付给交缴](?:你们?|上)?(?:一|其中)?(?:部分|点儿?|些)(?!时间)|还个?零头|部分还款"
    r"|\b(?:part|some|a bit|a portion|a little) of (?:it|that|what i owe|the (?:money|amount|balance|bill))\b|\bpay (?:a |in )?part\b|\bpartial(?:ly)?\b|\bpart[- ]payment\b"
)
_PER_TIME = re.compile(
    r"每|(?<![下上这])[一两三]个?(?:月|星期|礼拜|周)[还付给交缴一]|分[期几三四五六开成次十]|慢慢|按月|(?<![到过日星逾学假前后定])期"
    r"|\b(?:per|each|every|a (?:week|fortnight|month)|weekly|monthly|instal?lments?|(?:a|payment) plan|split|spread|over (?:a|the|two|three|four|six|twelve))\b"
)
_KEY = re.compile(
    r"(?:我|就|那|嗯|选|按|要|第)*([零一二两三四五六七八九0-9])(?:吧|号|键|项|个|呗|啊)*"
    rf"|(?:(?:press|option|number|key|um|uh|the|i press)\s)*({'|'.join(EN)}|[0-9])(?: please)?"
)


def names_part(text: str) -> bool:
    """Return whether the words say that a part would be paid, once: 先还一点, "some of it"."""
    return _PART.search(text.casefold()) is not None and not is_by_turns(text)


def is_by_turns(text: str) -> bool:
    """Return whether the words speak of paying in turns: 每个月, "a month", "split it"."""
    return _PER_TIME.search(text.casefold()) is not None


def key_said(text: str) -> str | None:
    """Return the digit of an utterance that is no more than "two" or 按二."""
    match = _KEY.fullmatch(_STRIP.sub(" ", text.casefold()).strip())
    if match is None:
        return None
    digit = match[1] or match[2]
    return digit if digit.isdigit() else str(_ZH_DIGITS[digit] if digit in _ZH_DIGITS else _EN_DIGITS[digit])


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


def tells_more_than_need(text: str, found: Collection[str]) -> bool:
    """Return whether the words say why this sounds like need, and it is another matter: 他已经去世了, "my lawyer"."""
    return any(name in found for name in _TELLS_MORE) and _IN_NEED.search(text.casefold()) is None


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
