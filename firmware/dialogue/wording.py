"""Words that matter by themselves: those that name a debt, those no prompt may use, those a disclosure needs.

Lists of words prove nothing alone (the path analysis in `checks` does the proving); they catch what an author
did not mark. They err on the side of refusing.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_ZERO_WIDTH = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_PLAIN_CHINESE = re.compile(r"[\u4e00-\u9fef]*")
_GAP_IN_CHINESE = re.compile(r"(?<=[\u3400-\u9fff])[\s·.\-_*]+(?=[\u3400-\u9fff])")


def fold(text: str) -> str:
    """Return text as lists are compared: NFKC, lower case, no hidden characters, no gaps inside Chinese."""
    if text.isascii():
        return text.lower()
    if _PLAIN_CHINESE.fullmatch(text):
        return text
    plain = unicodedata.normalize("NFKC", text.translate(_ZERO_WIDTH)).casefold()
    return _GAP_IN_CHINESE.sub("", plain)


def _words(chinese: str, english: str) -> re.Pattern[str]:
    return re.compile(rf"{chinese}|\b(?:{english})\b")


_DEBT_BY_NAME = _words(
    "欠(?![佳妥缺])|债|贷款|网贷|借款|借贷|逾期|催收|催款|追讨|清收",
    "debts?|debtors?|loans?|lend(?:er|ers|ing)|collect(?:ion|ions|or|ors)|arrears|recover(?:y|ies)",
)
_DEBT_BY_TOPIC = _words(
    "还[款钱清账]|应还|未还|还上|待还|结清|账单|账款|付款|缴费|缴款|支付|分期|本金|利息|罚息|滞纳金|违约金|征信|余额|金额|信用卡",
    "owe[ds]?|owing|overdue|past due|outstanding|re?pay(?:ment|ments|ing)?|pa(?:y|ys|id|ying)|payments?|due|balance"
    "|bills?|invoices?|instal?lments?|mortgages?|delinquent|unpaid|interest|principal|late fees?|amount|default(?:ed)?"
    "|credit (?:card|score|report|record|bureau)",
)
_FORBIDDEN: Mapping[str, re.Pattern[str]] = {
    "threatens with police, court or prison": _words(
        "坐牢|拘留|逮捕|抓[你您人]|报警|报案|警察|公安|起诉|法院|法庭|立案|律师函|刑事|判刑|强制执行|查封|冻结",
        "arrest(?:ed)?|jail|prison|police|sue[ds]?|lawsuits?|court|prosecut(?:e|ed|ion)|legal action"
        "|garnish(?:ee|ment)?|seiz(?:e|ed|ure)|bailiffs?|warrant",
    ),
    "threatens reputation or livelihood": _words(
        "黑名单|失信|老赖|曝光|上门|通讯录|单位领导|村委|居委|影响子女|影响孩子|限制高消费",
        "blacklist(?:ed)?|public shame|ruin(?:ed)? your credit"
        "|your (?:employer|boss|neighbou?rs?|famil(?:y|ies)|relatives)"
        "|visit your home|come to your (?:home|house|office)",
    ),
    "presses with false urgency": _words(
        "最后通牒|最后机会|最后一次|后果自负|马上还|立即还",
        "last chance|final (?:warning|notice)|or else|consequences",
    ),
    "asks for card or bank credentials": _words(
        "密码|验证码|卡号|账号|安全码|有效期",
        "passwords?|passcodes?|pin(?: code| number)?|cvv2?|card number|account number|security code|one[- ]time code"
        "|otp|expiry date",
    ),
    "pretends to be a person or an authority": _words(
        "不是机器人|我是真人|人工客服为您|我是律师|政府",
        "not a (?:robot|machine|recording)|i(?: a|')m a (?:real )?(?:person|human)|attorney|lawyer|government|officer",
    ),
}
_DISCLOSES: Mapping[str, re.Pattern[str]] = {
    "automated": _words(
        "智能(?:语音|助手|客服)|自动|机器人|语音助手|人工智能|电脑",
        "automated|automatic|robot|virtual assistant|machine|ai|computer|artificial",
    ),
    "recording": _words("录音|录制", "record(?:ed|ing)?"),
}


def debt_word(text: str) -> str | None:
    """Return the first word of a prompt that would tell a listener of a debt, None if there is none."""
    folded = fold(text)
    match = _DEBT_BY_NAME.search(folded) or _DEBT_BY_TOPIC.search(folded)
    return match[0] if match else None


def debt_name(value: str) -> str | None:
    """Return the word in a name or text value that names a debt by itself, as in the name of a collector."""
    match = _DEBT_BY_NAME.search(fold(value))
    return match[0] if match else None


def forbidden_claim(text: str) -> tuple[str, str] | None:
    """Return (what is wrong, the word) of the first claim that no prompt may make, None if there is none."""
    folded = fold(text)
    for wrong, pattern in _FORBIDDEN.items():
        if match := pattern.search(folded):
            return wrong, match[0]
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the rules of some place forbid every prompt to claim, by the words that claim it."""

    rule: str
    """The rule's id, for whoever wants to read it."""
    what: str
    """What a prompt with such words does: ``threatens with a criminal charge``."""
    words: frozenset[str]
    """``*`` is the rest of an English word, or a few characters of Chinese."""

    def found_in(self, text: str) -> str | None:
        """Return the words of it that `text` has, None if it has none."""
        match = _claiming(tuple(sorted(self.words))).search(fold(text))
        return match[0] if match else None


@lru_cache(maxsize=512)
def _claiming(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(_pattern, words)) or r"(?!)")


def _pattern(words: str) -> str:
    # Cut first: folding takes a star between Chinese characters for somebody's gap.
    pieces = [re.escape(fold(piece)) for piece in words.split("*")]
    return rf"\b{'[a-z]*'.join(pieces)}\b" if words.isascii() else ".{0,6}".join(pieces)


def says(role: str, text: str) -> bool:
    """Return whether a wording can make the disclosure `role` at all; roles without known words: yes."""
    pattern = _DISCLOSES.get(role)
    return pattern is None or pattern.search(fold(text)) is not None
