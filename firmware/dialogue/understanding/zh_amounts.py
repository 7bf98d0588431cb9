"""Amounts in Chinese: 两万三, 五百块, 三块五, 一半, 三分之一, 全部."""

# ruff: noqa: E501  (one rule, one line)

import re
from fractions import Fraction

from firmware.dialogue.currencies import in_minor
from firmware.dialogue.slots import AmountMention
from firmware.dialogue.understanding.finding import Grammar
from firmware.dialogue.understanding.zh_numbers import NUMBER, number_of

MAX_MINOR = 10**14
_COUNTS = re.compile("[0-9一壹二两贰俩三叁四肆五伍六陆七柒八捌九玖十拾廿卅半]")
"""千万 and 百 alone are words, not numbers."""
CURRENCIES = {"人民币": "CNY", "rmb": "CNY", "美元": "USD", "美金": "USD", "美刀": "USD", "欧元": "EUR", "英镑": "GBP", "港币": "HKD", "港元": "HKD", "港纸": "HKD",
              "台币": "TWD", "新台币": "TWD", "日元": "JPY", "日币": "JPY", "日圆": "JPY", "韩元": "KRW", "韩币": "KRW", "澳元": "AUD", "加元": "CAD", "新币": "SGD", "新加坡元": "SGD", "€": "EUR", "£": "GBP"}  # fmt: skip
"""元, 块, $ and ¥ are words of several currencies: they name none."""
_PLAIN_UNIT = "块钱|块大洋|圆整|元整|块|元|圆|蚊|文|大元"
_NAMED = "|".join(sorted((name for name in CURRENCIES if len(name) > 1), key=len, reverse=True))
_ROUGHLY = "多|来|几"
_COUNTED = (
    r"(?![0-9%天日个号次年岁楼遍期月周点时小分秒通家条张人户套平米里度斤倍页种回句声辆位名层线码股刻只名颗粒匹])"
    r"(?!(?:礼拜|星期|公里|毫|电话))"
)
HOTLINES = frozenset(
    {
        "12378",
        "12315",
        "12345",
        "12363",
        "12321",
        "95588",
        "10086",
        "10010",
        "10000",
        "110",
        "120",
        "119",
        "114",
        "315",
    }
)
_SOMEBODY_IS = re.compile(
    "(?:你|您|他|她|谁|们)(?:才|就|真|都|是|个|像|这|那)*$|当(?:我|人|谁)们?(?:是|成)?个?$"
)
"""Before 二百五 it is no amount but a fool."""
_NOT_OF_THE_DEBT = "(?<!工资的)(?<!薪水的)(?<!收入的)(?<!奖金的)(?<!利息的)"
_ALL = r"百分百(?:还|付|结)|一次性?全(?:部|都)?给|全部|全款|全额|全数|全还|全给|全付|全清|所有的?(?:钱|欠款)?|一次性?(?:全?部?)(?:还|付|结|交)(?:清|完)|一次性|整笔|一分不少|(?:都|通通|统统)(?:还|付|结)(?:清|完|上|了)?(?!了没)"


def _money(match: re.Match[str]) -> AmountMention | None:
    value = number_of(match["number"].rstrip("多来几"))
    if value is None or not _COUNTS.search(match["number"]):
        return None
    # 三块二毛五: after a tenth the last digit is cents.
    tenths, cents = match["tenths"], match["cents"] or match.groupdict().get("last")
    if tenths:
        value += Fraction(number_of(tenths) or 0) / 10
    if cents:
        value += Fraction(number_of(cents) or 0) / 100
    name = match["named"] or match["before"]
    return _amount(match[0], value, CURRENCIES.get(name or ""))


def _or_so(match: re.Match[str]) -> AmountMention | None:
    """Read 千把块: a thousand or so."""
    return _amount(match[0], Fraction({"百": 100, "千": 1000, "万": 10_000}[match["unit"]]), None)


def _small(match: re.Match[str]) -> AmountMention | None:
    value = number_of(match["number"])
    return None if value is None else _amount(match[0], value / 10, None)


def _bare(match: re.Match[str]) -> AmountMention | None:
    run = match["number"].rstrip("多来几")
    value = number_of(run)
    if value is None or value < 100 or run in HOTLINES or not _COUNTS.search(run):
        return None
    if run == "二百五" and _SOMEBODY_IS.search(match.string[: match.start()]):
        return None
    return _amount(match[0], value, None)


def _amount(text: str, value: Fraction, currency: str | None) -> AmountMention | None:
    minor = value * in_minor(currency)
    if not 0 < minor <= MAX_MINOR or minor.denominator != 1:
        return None
    return AmountMention(text=text, minor=int(minor), currency=currency)


def _share(match: re.Match[str]) -> AmountMention | None:
    whole, part = number_of(match["whole"]), number_of(match["part"])
    if not whole or not part or part > whole:
        return None
    return AmountMention(text=match[0], share=part / whole)


def _fixed(share: Fraction, match: re.Match[str]) -> AmountMention:
    return AmountMention(text=match[0], share=share)


def _percent(match: re.Match[str]) -> AmountMention | None:
    value = number_of(match["part"])
    if not value or value > (10 if match[0].endswith("成") else 100):
        return None
    return AmountMention(text=match[0], share=value / (10 if match[0].endswith("成") else 100))


_DIGIT = "[0-9一二两三四五六七八九]"
_RUN = rf"(?<![0-9.几数])(?<![万千百]儿)(?P<number>{NUMBER}(?:{_ROUGHLY})?)"
AMOUNTS: Grammar[AmountMention] = Grammar(
    (
        (r"百分之百", lambda match: _fixed(Fraction(1), match)),
        (rf"百分之(?P<part>{NUMBER})", _percent),
        (rf"(?P<whole>{NUMBER})分之(?P<part>[0-9一二两三四五六七八九十]{{1,3}})", _share),
        (r"(?<![0-9.])(?P<part>[0-9]{1,3})%", _percent),
        (r"(?<![0-9一二三四五六七八九完达赞变])(?P<part>[一二两三四五六七八九1-9])成(?![功本员交绩为就了长立熟])", _percent),
        (rf"{_NOT_OF_THE_DEBT}(?:(?<!大)一半(?!多)|半数|对半|[1一]/2)", lambda match: _fixed(Fraction(1, 2), match)),
        (_ALL, lambda match: _fixed(Fraction(1), match)),
        (
            rf"(?:(?P<before>[¥$€£]|{_NAMED}))?{_RUN}(?:块?(?P<named>{_NAMED})|(?:{_PLAIN_UNIT}))(?![儿前地田布板砖])"
            rf"(?:零?(?P<tenths>{_DIGIT})(?:(?:毛|角)(?:零?(?P<last>{_DIGIT})(?![0-9十百千万块元天个月号点年分]))?|(?![0-9十百千万块元天个月号点年分])))?(?:零?(?P<cents>{_DIGIT})分(?!期))?钱?",
            _money,
        ),
        (rf"(?P<before>[¥$€£]|{_NAMED}){_RUN}(?P<named>)(?P<tenths>)(?P<cents>)", _money),
        (rf"{_RUN}(?:毛|角)钱?(?!色|落|度|病)", _small),
        (r"(?<![0-9一二两三四五六七八九十几])(?P<unit>[百千万])把(?:来?块钱?|元|(?![头手戴火子盐米刀椅锁握柄]))", _or_so),
        (rf"(?<![拨按叫尾号])(?<!打(?=[0-9])){_RUN}(?![多来几]){_COUNTED}", _bare),
    )
)  # fmt: skip
BARE_NUMBER = re.compile(
    rf"^(?:先|就|还|给|付|能还|可以还|我能还|大概|差不多)*({NUMBER})(?:多|来)?[吧啊呢]?$"
)
