"""How an answer was given, besides what its words mean: what of it the question makes more, or less, of."""

# ruff: noqa: E501  (one rule, one line)

import re
from dataclasses import dataclass
from typing import Self

from firmware.dialogue.slots import Asked, Slots
from firmware.dialogue.understanding.finding import TAKEN
from firmware.dialogue.understanding.text import bare
from firmware.dialogue.understanding.yes_no import is_doubtful, is_too_much, only_listens, takes_back

_CLAUSE = re.compile(r"[,.;!?，。；！？]+")
_LITTLE = {"zh": 4, "en": 14}
"""Characters besides the slots with which an answer is still nothing but a date or an amount."""
_DENIES = {
    "zh": re.compile("[别不甭莫勿没停删滚烦死骂]|拉黑|退订|骚扰|投诉|律师|够了|闭嘴|神经|报警|警察"),
    "en": re.compile(
        r"\b(?:not(?! (?:before|until|till|after|earlier|later|weekdays|in the|on|at|too))|stop|never|no|remove|quit|cease|block|delete|lawyer|police|harass\w*|complain\w*|unsubscribe|opt|leave|alone|enough|hell|off|lost|shut|sick of|fed up|die)\b"
    ),
}
_LONG = {"zh": 30, "en": 70}
"""Characters of more than an answer to what was read: a story."""
_MISTAKEN = {
    "zh": re.compile("[你您]?们?(?:可能|是不是)?[弄搞记听写算看]错了?[吧啊呀]?"),
    "en": re.compile(r"(?:no )?(?:you have |you )?(?:misheard|got (?:it|that) wrong|made a mistake)"),
}
"""That and nothing else: the box is wrong in what it read."""
_ABOUT_THE_DEBT = {
    "zh": re.compile("借|欠|贷|账|诈|骗|合同|签|冒|盗|物业|利息|不是我的|不该|凭什么|服务|质量|还过|结清"),
    "en": re.compile(
        r"\b(?:owe\w*|borrow\w*|loans?|debts?|emis?|rates?|bill|fraud\w*|scam\w*|contract|sign\w*|interest|fees?|charge\w*|stolen|identity|service|cancel\w*|paid|disput\w*|lawyer|not mine)\b"
    ),
}
_TERMS = {
    "zh": re.compile("(?:半年|一年|两年|[一二两三四五六七八九十0-9]+个?(?:月|期|次|周|星期|礼拜))"),
    "en": re.compile(r"\b(?:months?|weeks?|years?|installments?|payments|fortnights?)\b"),
}
_ANY_TIME = {
    "zh": re.compile("随便|随时|都(?:行|可以|成|方便|好)$|任何时候|什么时候都|哪天都|几点都"),
    "en": re.compile(r"\b(?:any ?(?:time|day|hour)|whenever|no matter when|does not matter when)\b"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What stands beside the meanings of an answer."""

    is_bare: bool
    """Little was said besides what the slots hold."""
    is_doubtful: bool
    """And that little takes it back: 这个月够呛."""
    takes_back: bool
    """A "but" and what is wrong: 对，但是金额不对."""
    is_about_the_terms: bool
    """It speaks of a value or of terms, and not of what is owed nor of who owes it."""
    only_listens: bool
    """Neither a yes nor a no: 嗯，你接着说."""
    denies: bool
    """There is a word of refusing in it, or of complaint."""
    says_mistaken: bool
    """It says that the box is wrong, and nothing else."""
    has_words: bool
    """Something was said besides what the slots hold."""
    wants_other_terms: bool
    """It names a span of months or a number of payments."""
    says_any_time: bool

    @classmethod
    def of(
        cls, normal: str, parts: list[str], rest: str, slots: Slots, *, asked: Asked, language: str
    ) -> Self:
        """Return the manner of a normalised answer: `parts` its bare clauses, `rest` it without what `slots` hold."""
        # Of several matters the last one counts: "today is no good, tomorrow is fine".
        named = [clause for clause in _CLAUSE.split(rest) if TAKEN in clause]
        last = named[-1] if len(named) > 1 else rest
        is_bare = len(bare(last.replace(TAKEN, ""), language)) <= _LITTLE[language]
        return cls(
            is_bare=is_bare,
            is_doubtful=is_bare and is_doubtful(last, language),
            takes_back=takes_back(parts, slots, language),
            is_about_the_terms=bool(
                slots.days or slots.amounts or slots.digits or is_too_much(parts, language)
            )
            and len(normal) <= _LONG[language]
            and _ABOUT_THE_DEBT[language].search(normal) is None,
            only_listens=only_listens(parts, asked, language),
            denies=_DENIES[language].search(normal) is not None,
            says_mistaken=_MISTAKEN[language].fullmatch(bare(normal, language)) is not None,
            has_words=bool(bare(rest.replace(TAKEN, ""), language)),
            wants_other_terms=_TERMS[language].search(normal) is not None,
            says_any_time=_ANY_TIME[language].search(normal) is not None,
        )
