"""Days in English: tomorrow, next Friday, the 15th, March 5th, in two weeks, end of the month; payday must be asked for."""

# ruff: noqa: E501  (one rule, one line)

import re
from datetime import date, timedelta

from firmware.dialogue.slots import DayMention
from firmware.dialogue.understanding import calendar
from firmware.dialogue.understanding.en_numbers import ONES, ORDINALS, TENS, number_of
from firmware.dialogue.understanding.finding import Grammar

_DAY_NAMES = {name: at for at, names in enumerate(
    ("monday mon", "tuesday tues tue", "wednesday weds wed", "thursday thurs thur thu", "friday fri", "saturday sat", "sunday sun")) for name in names.split()}  # fmt: skip
_MONTH_NAMES = {name: at for at, names in enumerate(
    ("january jan", "february feb", "march", "april apr", "may", "june jun", "july jul", "august aug", "september sept sep", "october oct", "november nov", "december dec"), 1)
    for name in names.split()}  # fmt: skip
_W = r"(?P<weekday>(?:mon|tues?|wed(?:nes)?|thur?s?|fri|sat(?:ur)?|sun)day|mon|tues?|weds?|thurs?|fri)"
_M = r"(?P<month>january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|apr|jun|jul|aug|sept?|oct|nov|dec)"
_ORDINAL = "|".join(sorted(ORDINALS, key=len, reverse=True))
_DAY = rf"(?P<day>[0-9]{{1,3}}(?:st|nd|rd|th)|(?:twenty|thirty|forty|fifty)[\s-]+(?:{_ORDINAL})|{_ORDINAL})"
_CARDINAL = (
    r"(?P<day>[0-9]{1,2}|(?:twenty|thirty)(?:[\s-]+(?:one|two|three|four|five|six|seven|eight|nine))?|"
    + "|".join(sorted((w for w, v in ONES.items() if v), key=len, reverse=True))
    + ")"
)
_N = (
    r"(?P<n>[0-9]{1,3}|an?|"
    + "|".join(sorted((*(w for w, v in ONES.items() if v), *TENS), key=len, reverse=True))
    + ")"
)

_Found = DayMention | None


def _day_number(text: str) -> int:
    text = text.strip()
    if text[0].isdigit():
        return int(re.sub("[a-z]", "", text))
    words = re.split(r"[\s-]+", text)
    return sum(ORDINALS.get(w) or TENS.get(w) or ONES.get(w, 99) for w in words)


def _count(text: str) -> int:
    if text in ("a", "an"):
        return 1
    value = number_of(text)
    return -1 if value is None else int(value)


def _shift(days: int, match: re.Match[str], today: date) -> _Found:
    return calendar.in_days(match[0], days, today)


def _month_day(match: re.Match[str], today: date) -> _Found:
    year = match.groupdict().get("year")
    return calendar.day_and_month(
        match[0], _day_number(match["day"]), _MONTH_NAMES[match["month"]], today, int(year) if year else None
    )


def _numbered_month(match: re.Match[str], today: date) -> _Found:
    """Read "the twelfth of the twelfth"."""
    return calendar.day_and_month(match[0], _day_number(match["day"]), ORDINALS[match["numbered"]], today)


def _iso(match: re.Match[str], today: date) -> _Found:
    return calendar.day_and_month(match[0], int(match[3]), int(match[2]), today, int(match[1]))


def _slashed(match: re.Match[str], today: date) -> _Found:
    """Read 12/15 and 15/12; 5/6 may be either, and 1/2 a share: nothing is read into them."""
    first, second = int(match[1]), int(match[2])
    if (first > 12) == (second > 12):
        return None
    day, month = (first, second) if first > 12 else (second, first)
    return calendar.day_and_month(match[0], day, month, today)


def _of_month(match: re.Match[str], today: date) -> _Found:
    which = match.groupdict().get("which")
    months: int | None = {"this": 0, "the": None, "next": 1, "following": 1, "last": -1, None: None}[which]
    return calendar.day_of_month(match[0], _day_number(match["day"]), today, months)


def _weekday(match: re.Match[str], today: date) -> _Found:
    wanted, which = _DAY_NAMES[match["weekday"]], match["which"]
    if which == "last":
        return calendar.past(match[0])
    if which == "this":
        return calendar.in_days(match[0], (wanted - today.weekday()) % 7, today)
    # "next Friday" is the one of next week; "Friday" the one to come.
    return calendar.weekday(match[0], wanted, today, 1 if which == "next" else None)


def _week_from(match: re.Match[str], today: date, weeks: int = 1) -> _Found:
    n = _count(match["n"]) if match["n"] else weeks
    anchor = match["anchor"]
    if anchor in ("today", "now"):
        start = today
    elif anchor == "tomorrow":
        start = today + timedelta(days=1)
    else:
        wanted = _DAY_NAMES[anchor]
        start = today + timedelta(days=(wanted - today.weekday() - 1) % 7 + 1)
    return calendar.in_days(match[0], (start - today).days + 7 * n, today)


def _days_from(match: re.Match[str], today: date) -> _Found:
    anchor = match["anchor"]
    ahead = 1 if anchor == "tomorrow" else (_DAY_NAMES[anchor] - today.weekday() - 1) % 7 + 1
    return calendar.in_days(match[0], ahead + _count(match["n"]), today)


def _nth_weekday(match: re.Match[str], today: date) -> _Found:
    named = match["month"]
    ahead = (_MONTH_NAMES[named] - today.month) % 12 if named else int(match["which"] == "next")
    year, month = calendar.month_after(today, ahead)
    nth = ("first", "second", "third", "fourth").index(match["nth"]) if match["nth"] != "last" else None
    day = calendar.nth_weekday(year, month, _DAY_NAMES[match["weekday"]], nth)
    return calendar.on(match[0], day, today)


def _named_weekday(match: re.Match[str], today: date) -> _Found:
    """Read "Friday the fourth" as one day; where weekday and date disagree they stay two."""
    month = match.groupdict().get("month")
    day = _day_number(match["day"])
    found = (
        calendar.day_and_month(match[0], day, _MONTH_NAMES[month], today)
        if month
        else calendar.day_of_month(match[0], day, today)
    )
    return found if found.day and found.day.weekday() == _DAY_NAMES[match["weekday"]] else None


def _anchored(text: str, today: date) -> date | None:
    """Return the day that another one is counted from: Christmas has a day only here."""
    for name, month, day in (("christmas", 12, 25), ("new year", 1, 1)):
        if re.fullmatch(rf"{name}(?:'?s)?(?: day)?", text):
            return calendar.next_yearly(month, day, today)
    found = DAYS.find(text, today)[1]
    return found[0].day if found else None


def _beside(match: re.Match[str], today: date) -> _Found:
    """Read "two days after Christmas" and "the Monday before the tenth"."""
    anchor = _anchored(match["anchor"], today)
    if anchor is None or match[0].startswith("the week"):
        return calendar.vague(match[0])
    side = -1 if match["side"] == "before" else 1
    if weekday := match["weekday"]:
        shift = side * ((side * (_DAY_NAMES[weekday] - anchor.weekday()) - 1) % 7 + 1)
    else:
        shift = side * (_count(match["n"]) if match["n"] else 1) * {"d": 1, "w": 7, "f": 14}[match["unit"][0]]
    return calendar.on(match[0], anchor + timedelta(days=shift), today)


def _deadline(match: re.Match[str], today: date) -> _Found:
    """Read "before Christmas" as its day, as "before the tenth" is the tenth."""
    day = _anchored(match["anchor"].removeprefix("the "), today)
    return None if day is None else calendar.on(match[0], day, today)


def _holiday(match: re.Match[str], today: date) -> _Found:
    what = match["what"]
    if fixed := _FIXED.get(re.sub(r"^(?:saint|st\.?) |'| day$", "", what)):
        month, day = fixed
    elif what.startswith("new"):
        month, day = (12, 31) if what.endswith("eve") else (1, 1)
    else:
        month, day = 12, {"y": 25, "e": 24}[what[-1]] if what.startswith("christmas") else 26
    return calendar.on(match[0], calendar.next_yearly(month, day, today), today)


def _after(match: re.Match[str], today: date) -> _Found:
    n, unit = _count(match["n"]), match["unit"]
    if unit.startswith("month"):
        return calendar.in_months(match[0], n, today)
    return calendar.in_days(match[0], n * {"d": 1, "w": 7, "f": 14}[unit[0]], today)


def _end_of(match: re.Match[str], today: date) -> _Found:
    what = match["what"]
    if what in _MONTH_NAMES:
        return calendar.end_of_month(match[0], today, (_MONTH_NAMES[what] - today.month) % 12)
    if "week" in what:
        return calendar.weekday(match[0], 4, today, 1 if "next" in what else 0)
    if "year" in what:
        return calendar.on(match[0], date(today.year, 12, 31), today)
    if "day" in what:
        return calendar.in_days(match[0], 0, today)
    return calendar.end_of_month(match[0], today, 1 if "next" in what else 0)


def _start_of(match: re.Match[str], today: date) -> _Found:
    what = match["what"]
    middle = match["part"].startswith("mid")
    if what in _MONTH_NAMES:
        return calendar.day_of_month(
            match[0], 15 if middle else 1, today, (_MONTH_NAMES[what] - today.month) % 12
        )
    if "week" in what:
        return (
            calendar.vague(match[0])
            if middle
            else calendar.weekday(match[0], 0, today, 1 if "next" in what else 0)
        )
    if "month" in what:
        return calendar.day_of_month(match[0], 15 if middle else 1, today, 1 if "next" in what else None)
    return calendar.vague(match[0])


def _in_week(match: re.Match[str], today: date) -> _Found:
    which = match["which"] or match["before"]
    day = _DAY_NAMES[match["weekday"] or match["after"]]
    return calendar.weekday(match[0], day, today, 0 if which == "this" else 1)


def _hours(match: re.Match[str], today: date) -> _Found:
    return calendar.in_days(match[0], _count(match["n"].replace("-", " ")) // 24, today)


def _vague(match: re.Match[str], today: date) -> _Found:
    return calendar.vague(match[0])


def _past(match: re.Match[str], today: date) -> _Found:
    return calendar.past(match[0])


_UNIT = r"(?P<unit>days?|weeks?|fortnights?|months?)"
_WHAT = r"(?P<what>(?:the |this |next |of )*(?:month|week|year|day)|" + _M[10:-1] + ")"
_WHEN = "when|whenever|once|after|as soon as|till|until"
_INCOME = (
    "wages?|salary|pay|paycheck|pension|check|bonus|money|benefits?|giro|dole|credit|refund|loan|grant|commission|harvest|crops?|rent|"
    "settlement|inheritance|invoice|rebate|compensation|insurance|allowance|funds|overtime|tips"
)
_FIXED = {
    "hogmanay": (12, 31), "patricks": (3, 17), "paddys": (3, 17), "valentines": (2, 14), "halloween": (10, 31), "bonfire night": (11, 5), "andrews": (11, 30),
    "stephens": (12, 26), "australia": (1, 26), "anzac": (4, 25), "canada": (7, 1), "republic": (1, 26),
}  # fmt: skip
"""Holidays of one country and one date; those that move are asked for."""
_ANCHOR = (
    r"(?P<anchor>christmas(?: day| eve)?|new year(?:'?s)?(?: day| eve)?|boxing day|hogmanay|easter|thanksgiving|payday|tomorrow"
    rf"|(?:the )?(?:{_ORDINAL}|[0-9]{{1,2}}(?:st|nd|rd|th))(?: of [a-z]+)?|{_M.replace('?P<month>', '?:')} (?:the )?(?:{_ORDINAL}|[0-9]{{1,2}}(?:st|nd|rd|th)?)|{_W.replace('?P<weekday>', '?:')})"
)
_NO_DAY = (
    r"(?! (?:of never|times?|one|payment|call|person|thing|half|party|part|of the amount|quarter|place|installment|bill|agent"
    r"|hour\b|floors?|street|avenue|road|grade|year|level|attempt|occasion|try|week|month|visit|letter|thoughts?|hand|child|kid|wife|husband"
    r"|job|house|line|letter|message|account|card|name|digit|number|of all)\b)"
)
FOLLOWING = re.compile("the (?:day after|(?:very )?next day|following day)")
"""The day after the one that was named before."""
DAYS: Grammar[DayMention] = Grammar(
    (
        (r"\b([12][0-9]{3})-([0-9]{1,2})-([0-9]{1,2})\b", _iso),
        (rf"\b(?:the )?{_DAY} of the (?P<numbered>{'|'.join(list(ORDINALS)[:12])})\b(?! month)", _numbered_month),
        (rf"\b{FOLLOWING.pattern}(?= *(?:$|[,.;!?]|(?:and|for|then|i|maybe|please|at|in|instead)\b))", _vague),
        (r"\bthe day after tomorrow\b|\bday after tomorrow\b", lambda match, today: _shift(2, match, today)),
        (rf"\b(?:the )?(?:{_N} )?(?P<unit>days?|weeks?|fortnight) (?P<side>before|after|following) {_ANCHOR}\b(?P<weekday>)", _beside),
        (rf"\b(?:the |a )?(?:first )?{_W} (?P<side>before|after|following) {_ANCHOR}\b(?P<n>)(?P<unit>)", _beside),
        (rf"\b(?:the )?{_W} after(?: that)?(?= *(?:$|[,.;!?]|and\b|for\b|then\b|i\b|maybe\b|please\b))", lambda match, today: calendar.in_days(match[0], (_DAY_NAMES[match["weekday"]] - today.weekday() - 1) % 7 + 8, today)),
        (rf"\b(?:on )?(?:this |next )?{_W},? (?:the )?{_DAY}(?: of)? {_M}\b", _named_weekday),
        (rf"\b(?:on )?(?:this |next )?{_W},? {_M} (?:the )?{_DAY}\b", _named_weekday),
        (rf"\b(?:on )?(?:this |next )?{_W},? (?:the )?{_DAY}\b{_NO_DAY}(?P<month>)", _named_weekday),
        (rf"\b(?:the )?{_DAY}(?: day)?(?: of)? {_M}\b(?:,? (?P<year>20[0-9][0-9]))?", _month_day),
        (rf"\b{_M}\.? (?:the )?{_DAY}\b(?:,? (?P<year>20[0-9][0-9]))?", _month_day),
        (rf"\b(?<!in ){_M}\.? {_CARDINAL}\b(?![:.%,]?[0-9]|\s*(?:hundred|thousand|dollars|bucks|days|weeks|months|am|pm))", _month_day),
        (rf"\b{_CARDINAL} (?:of )?(?!may i|may be|march on){_M}\b(?:,? (?P<year>20[0-9][0-9]))?", _month_day),
        (r"(?<![0-9/])([0-9]{1,2})/([0-9]{1,2})(?![0-9/])", _slashed),
        (rf"\b(?:on |by |before |until |the )*{_DAY} (?:of )?(?P<which>this|next|the|following|last) month\b", _of_month),
        (rf"\b(?P<which>next|this) month on the {_DAY}\b", _of_month),
        (rf"\b(?P<n>[0-9]{{1,2}}|an?|one|two|three|four) weeks?(?: (?:from|after|on))? (?P<anchor>today|now|tomorrow|{_W[12:-1]})\b", _week_from),
        (rf"\b{_W} (?:of )?(?P<which>next|this|the following) week\b|\b(?P<before>next|this|the following) week,? (?:on )?{_W.replace('weekday', 'after')}\b", _in_week),
        (rf"\b(?:on |the )*{_W} (?:of )?the week after next\b(?P<which>)(?P<before>)(?P<after>)", lambda match, today: calendar.weekday(match[0], _DAY_NAMES[match["weekday"]], today, 2)),
        (rf"\b(?:the |a )?{_W} after next\b(?P<which>)(?P<before>)(?P<after>)", lambda match, today: calendar.weekday(match[0], _DAY_NAMES[match["weekday"]], today, 2)),
        (rf"\b(?:the )?{_W} before last\b", _past),
        (rf"\b{_N} days? (?:from|after) (?P<anchor>tomorrow|{_W[12:-1]})\b", _days_from),
        (rf"\b{_W} (?:just )?(?:gone|past)\b(?! (?:three|four|five|six|seven|eight|nine))", _past),
        (r"\b(?:the )?(?:week|month|weekend|year) before last\b|\b(?:ages|weeks|months|years|a (?:long )?(?:while|time)) (?:ago|back)\b", _past),
        (r"\b(?:the )?(?:week|month|weekend) after next\b", _vague),
        (rf"\b(?:a |one )?fortnight(?: (?:from|after|on))? (?P<anchor>today|now|tomorrow|{_W[12:-1]})\b(?P<n>)", lambda match, today: _week_from(match, today, weeks=2)),
        (r"\bthis (?:time|day) (?:next )?week\b", lambda match, today: _shift(7, match, today)),
        (rf"\b(?:the )?(?P<nth>first|second|third|fourth|last) {_W} (?:in|of) (?:(?P<which>the|this|next) month|{_M})\b", _nth_weekday),
        (r"\b(?:by|before|until|till) (?P<anchor>christmas(?: day)?|(?:the )?new year(?:'?s)?(?: day)?)\b(?! eve)", _deadline),
        (r"\b(?P<what>hogmanay|(?:(?:saint|st\.?) )?(?:stephen|paddy)'?s day|(?:saint|st\.?) patrick'?s(?: day)?|valentine'?s day|(?:saint|st\.?) andrew'?s(?: day)|bonfire night|halloween|(?:australia|anzac|canada|republic) day|christmas day|christmas eve|new year'?s? day|new year'?s? eve|boxing day)\b", _holiday),
        (r"\b(?:(?P<n>)(?P<anchor>today|tomorrow|monday|tuesday|wednesday|thursday|friday|saturday|sunday) week)\b", _week_from),
        (r"\b(?P<n>)(?P<anchor>today|tomorrow|monday|tuesday|wednesday|thursday|friday|saturday|sunday) fortnight\b", lambda match, today: _week_from(match, today, weeks=2)),
        (rf"\b(?P<which>this coming|this|next|last|coming)? ?{_W}\b(?! night fever)", _weekday),
        (r"\b(?:the )?(?:very )?(?:end|last day|back end|close|tail end) (?:of )?(?!business)" + _WHAT + r"\b|\bmonth'? ?(?:is )?end\b(?P<x>)", lambda match, today: _end_of(match, today) if match["what"] else calendar.end_of_month(match[0], today)),
        (r"\b(?:before|until) (?:the|this) month (?:is|has) (?:out|over|done|up)\b", lambda match, today: calendar.end_of_month(match[0], today)),
        (r"\b(?:within|inside) (?:the|this) month\b", lambda match, today: calendar.end_of_month(match[0], today)),
        (r"\b(?:before|until) (?:the|this) year (?:is|has) (?:out|over|done|up)\b", lambda match, today: calendar.on(match[0], date(today.year, 12, 31), today)),
        (r"\b(?:the )?(?P<part>beginning|start|first day|first|middle|mid) (?:of )?" + _WHAT + r"\b", _start_of),
        (r"\bmid[- ](?P<part>)(?P<what>month)\b", lambda match, today: calendar.day_of_month(match[0], 15, today)),
        (rf"\b(?:in|within|inside|after|give me|need|another|about) (?:about |around |another |the next |just )?{_N} (?:more )?{_UNIT}(?: or so)?(?: time)?\b(?! ago| late| overdue)", _after),
        (r"\b(?:in|within|inside)(?: the next)? (?P<n>24|48|72|twenty[ -]four|forty[ -]eight|seventy[ -]two) hours\b", _hours),
        (rf"\b{_N} {_UNIT} (?:from now|later|from today|time)\b", _after),
        (rf"\b{_N} {_UNIT} (?:ago|back|earlier)\b", _past),
        (r"\b(?:an?|one|two|three|four|five|[0-9]+) years? (?:ago|back)\b", _past),
        (r"\b(?:tomorrow|tomorow|tmrw|tomoz)\b", lambda match, today: _shift(1, match, today)),
        (r"\b(?:today|tonight|this (?:morning|afternoon|evening)|end of play)\b", lambda match, today: _shift(0, match, today)),
        (r"\b(?:yesterday|last (?:night|week|month|year)|the other day)\b", _past),
        (rf"\b(?:payday|pay day|(?:{_WHEN}) (?:i|we) (?:get|am|are|got) paid|(?:{_WHEN}) (?:my|the|our|his|her|that|this) (?:[a-z]+ ){{0,2}}?(?:{_INCOME}) (?:comes?|clears?|arrives?|hits?|lands?|drops?|is|are|goes|gets)(?: (?:in|here|through|there))?|(?:{_WHEN}) (?:i|we) (?:get|have|receive) (?:my|our|the) (?:[a-z]+ ){{0,2}}?(?:{_INCOME})|(?:{_WHEN}|once) (?:the|my|our|his|her|that) (?:[a-z]+ ){{1,3}}?(?:pays? out|comes? (?:in|through)|goes through|clears?|lands|sells?|is sold|gets sold)|(?:early |late |sometime |later )?in the new year|(?:{_WHEN}) (?:i|we) (?:have )?(?:sell|sold|cash|collect|borrow|start work|start my|find (?:work|a job))|one of these days|when (?:i|we) (?:can|am able|have it)\b"
         r"|(?:next|this) (?:week|month|weekend|year)|the weekend|(?:in |within )?(?:a )?(?:few|couple|several)(?: of)? (?:more )?(?:days|weeks|months)(?: time)?|sometime|some time soon|soon|eventually|one day|some day|someday|later this (?:week|month)"
         r"|(?:after|over|before) (?:the )?(?:holidays?|christmas|new year|thanksgiving|easter)|christmas|easter|thanksgiving|as soon as (?:i can|possible)|asap)\b", _vague),
        (rf"\b(?:on |by |before |until |till |say |maybe )?(?:the ){_DAY}\b{_NO_DAY}", _of_month),
        (rf"\b(?P<day>[0-9]{{1,2}}(?:st|nd|rd|th))\b{_NO_DAY}", _of_month),
        (rf"\b(?:on|by|before|until|till) {_DAY}\b{_NO_DAY}", _of_month),
    )
)  # fmt: skip
TURNED = re.compile(
    r"\b(?:not|no|never|can not|or|unless|but|actually|rather|and|rest|other|remaining|else|maybe|instead|then|after|until)\b"
)
"""Between two days: the second is another one, or takes the first back."""
DAY_ALONE = re.compile(rf"(?:on |the )*{_DAY}")
BARE_DAY = re.compile(
    rf"^(?:on |by |the |it's |make it |say )*(?:{_DAY}|(?P<number>[0-9]{{1,2}}|(?:twenty|thirty)[ -]?[a-z]*|[a-z]+))$"
)


def bare_day(text: str) -> int | None:
    """Return the day of the month that stands alone ("fifteen", after "which day?"), None if it is something else."""
    match = BARE_DAY.match(text)
    if not match:
        return None
    if match["day"]:
        return _day_number(match["day"])
    value = number_of(match["number"].replace("-", " "))
    return int(value) if value is not None and value == int(value) else None
