"""Times of day in English: half past three, after six, quarter to five, 3:30 pm, in the morning."""

# ruff: noqa: E501  (one rule, one line)

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import time

from firmware.dialogue.slots import TimeMention
from firmware.dialogue.understanding.en_numbers import ONES, TENS
from firmware.dialogue.understanding.finding import TAKEN, Grammar

PARTS = {
    "morning": (8, 12), "afternoon": (12, 18), "evening": (18, 22), "night": (18, 22), "tonight": (18, 22), "lunchtime": (12, 14), "lunch time": (12, 14), "lunch": (12, 14),
    "after lunch": (13, 18), "after work": (18, 22), "after dinner": (19, 22), "after supper": (19, 22), "after tea": (18, 22), "after breakfast": (9, 12), "after school": (15, 18),
}  # fmt: skip
LATEST = time(23, 59, 59)
_WORD_OF_PART = re.compile("morning|afternoon|evening|night|lunch|work|dinner|school")
_H = (
    "(?P<hour>"
    + "|".join(sorted((w for w, v in ONES.items() if 0 < v < 13), key=len, reverse=True))
    + "|1[0-9]|2[0-3]|0?[0-9])"
)
_H_24 = (
    "thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty(?: (?:one|two|three))?|oh (?:six|seven|eight|nine)|"
    "ten|eleven|twelve"
)
_TENS = "|".join(("twenty", "thirty", "forty", "fifty"))
_M = rf"(?P<minute>(?:oh |o )?(?:one|two|three|four|five|six|seven|eight|nine)|(?:{_TENS})(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|[0-5][0-9]|[0-9])"
_BOUND = r"(?P<bound>after|from|past|before|by|until|till|any ?time after|not before)"
_HALF = r"(?: ?(?P<half>a ?\.?m\b\.?|p ?\.?m\b\.?|in the (?:morning|afternoon|evening)|at night|tonight|this (?:afternoon|evening|morning)))"


def _number(text: str) -> int:
    text = text.strip()
    if text.isdigit():
        return int(text)
    return sum(ONES.get(w, TENS.get(w, 0)) for w in re.split("[ -]", text) if w not in ("oh", "o"))


def _hour(text: str, half: str | None) -> int | None:
    """Return the hour of the day; three is 15:00 and eight 8:00, as one talks with a branch office."""
    hour = _number(text)
    if hour > 23:
        return None
    half = (half or "").replace(".", "").replace(" ", "")
    if (
        half.startswith(("pm", "inthea", "inthee", "atnight", "tonight", "thisa", "thise"))
        and "morning" not in half
    ):
        return hour + 12 if hour < 12 else hour
    if half.startswith("am") or "morning" in half:
        return 0 if hour == 12 else hour
    return hour + 12 if 1 <= hour <= 7 else hour


def _mention(match: re.Match[str], hour: int | None, minute: int) -> TimeMention | None:
    if hour is None or not 0 <= minute < 60:
        return None
    at = time(hour % 24, minute)
    bound = match.groupdict().get("bound")
    if bound in ("before", "by", "until", "till"):
        return TimeMention(text=match[0], begin=time(0), end=at) if at > time(0) else None
    if bound:
        return TimeMention(text=match[0], begin=at, end=LATEST)
    return TimeMention(text=match[0], begin=at)


def _half_past(match: re.Match[str]) -> TimeMention | None:
    part = match["part"]
    past = {"half": 30, "quarter": 15, "a quarter": 15}.get(part)
    minutes = _number(part.removesuffix(" minutes")) if past is None else past
    hour = _hour(match["hour"], match["half"])
    if hour is None:
        return None
    if match["side"] in ("to", "till", "of", "before"):
        return _mention(match, (hour - 1) % 24, 60 - minutes)
    return _mention(match, hour, minutes)


def _clock(match: re.Match[str]) -> TimeMention | None:
    minute = match.groupdict().get("minute")
    return _mention(
        match, _hour(match["hour"], match.groupdict().get("half")), _number(minute) if minute else 0
    )


def _by_the_army(match: re.Match[str]) -> TimeMention | None:
    """Read "fourteen thirty hours" and "eighteen hundred hours"."""
    minute = match["minute"]
    return _mention(match, _number(match["hour"]), 0 if minute == "hundred" else _number(minute))


def _digital(match: re.Match[str]) -> TimeMention | None:
    text, half = match["hour"], match["half"]
    hour = int(text) if len(text) == 2 and text[0] == "0" and not half else _hour(text, half)
    return _mention(match, hour, int(match["minute"]))


def _part(match: re.Match[str]) -> TimeMention | None:
    begin, end = PARTS[match["part"]]
    return TimeMention(text=match[0], begin=time(begin), end=time(end))


def _noon(match: re.Match[str]) -> TimeMention | None:
    return _mention(match, 12, 0)


def _from_to(match: re.Match[str]) -> TimeMention | None:
    """Read "between half five and six" and "from two till four"."""
    begin, end = (
        _at(match[hour], match[part], match[minute], match["half"])
        for hour, part, minute in (("hour", "part", "minute"), ("until", "until_part", "until_minute"))
    )
    return TimeMention(text=match[0], begin=begin, end=end) if begin and end and begin < end else None


def _at(said: str, part: str | None, minute: str | None, half: str | None) -> time | None:
    hour = _hour(said, half)
    if hour is None:
        return None
    if minute or not part:
        return time(hour % 24, _number(minute) if minute else 0)
    minutes = 30 if part.startswith("half") else 15 if "quarter" in part else _number(part.split()[0])
    return time((hour - 1) % 24, 60 - minutes) if part.endswith(" to") else time(hour % 24, minutes)


def settled(times: Sequence[TimeMention], days: Sequence[str]) -> list[TimeMention]:
    """Return times with their part of the day applied: "Monday morning at seven" is 7:00, "half eight tonight" 20:30."""
    exact = [at for at in times if at.end is None]
    parts = [
        at
        for at in times
        if at.end is not None and at.begin > time(0) and at.end != LATEST and _WORD_OF_PART.search(at.text)
    ]
    spans = [(at.begin.hour, at.end.hour) for at in parts if at.end is not None]
    spans += (
        [(17, 24) for text in days if text in ("tonight", "this evening")]
        + [(12, 18) for text in days if text == "this afternoon"]
        + [(5, 12) for text in days if text == "this morning"]
    )
    said = [at for at in times if at.end is not None and at not in parts]
    if len(parts) == 1 and any(
        parts[0].begin <= at.begin and at.end <= (parts[0].end or LATEST) for at in said if at.end
    ):
        return [at for at in times if at not in parts]  # "in the evening, from six to seven"
    if len(exact) != 1 or len(spans) != 1:
        return list(times)
    hour, (begin, end) = exact[0].begin.hour, spans[0]
    begin = min(begin, 5) if end == 12 else begin
    other = (hour + 12) % 24
    at = exact[0]
    if not begin <= hour <= end and begin <= other <= end:
        at = replace(at, begin=at.begin.replace(hour=other))
    return [at if one is exact[0] else one for one in times if one not in parts]


_NOT_HOURS = r"(?! ?(?:hundred|thousand|grand|dollars?|bucks?|pounds?|quid|euros?|days?|weeks?|months?|payments?|installments?))"
_PARTS = "|".join(sorted(PARTS, key=len, reverse=True))
_AT = r"(?:at|around|about|say|like|until|till|maybe|try|ring|me|call)"
_ONE_END = r"(?:(?P<{0}part>half|half past|(?:a )?quarter past|(?:a )?quarter to|ten past|ten to|twenty past|twenty to) )?{1}(?:[: ](?P<{0}minute>fifteen|thirty|forty five|[0-5][0-9]))?"
_FROM_TO = rf"\b(?:between|from) {_ONE_END.format('', _H)} ?(?:and|to|till?|until|-) {_ONE_END.format('until_', _H.replace('hour', 'until'))}"
TIMES: Grammar[TimeMention] = Grammar(
    (
        (rf"{_FROM_TO}\b{_NOT_HOURS}{_HALF}?", _from_to),
        (rf"\b(?:{_BOUND} )?(?P<part>half|a quarter|quarter|(?:five|ten|twenty[ -]five|twenty|5|10|20|25)(?: minutes)?) (?P<side>past|after|to|till|of|before) {_H}\b{_HALF}?", _half_past),
        (rf"\b(?:{_BOUND} )?(?P<part>half) (?P<side>){_H}\b(?! (?:of|the|now|a|hundred)\b| (?:hundred|thousand|dollars|bucks)){_HALF}?", _half_past),
        (rf"\b(?:{_BOUND} )?(?P<hour>[01]?[0-9]|2[0-3])[:.](?P<minute>[0-5][0-9])\b(?!%|[.,][0-9]){_HALF}?", lambda match: None if "." in match[0].split()[-1] and not match["half"] else _digital(match)),
        (rf"\b(?:{_BOUND} |at )?(?P<hour>[01]?[0-9]|2[0-3]|{_H_24}) ?(?P<minute>hundred|[0-5][0-9]|fifteen|thirty|forty five) hours\b", _by_the_army),
        (rf"\b(?:{_BOUND} )?{_H}(?: {_M})?{_HALF}(?=\b|\s|$)", _clock),
        (rf"\b(?:{_BOUND} )?{_H} ?o ?'?clock\b{_HALF}?", _clock),
        (rf"\b{_BOUND} {_H}(?: {_M})?\b(?! ?(?:hundred|thousand|grand|dollars?|bucks?|pounds?|euros?|yuan|days?|weeks?|months?|hours?|minutes?|payments?|calls?|years?|percent|k\b|[0-9]|of|people|kids|a month|installments?|pm|am))", _clock),
        (rf"\b{_AT} {_H}(?: {_M})?\b(?! ?(?:hundred|thousand|grand|dollars?|bucks?|pounds?|euros?|yuan|days?|weeks?|months?|hours?|minutes?|payments?|calls?|years?|percent|k\b|[0-9]|of|people|kids|a month|a week|each|installments?|times))", _clock),
        (r"\b(?:(?P<bound>after|before|by) )?(?:noon|midday|mid day)\b", _noon),
        (rf"\b(?:in the |this |at |during |the |around )?(?P<part>{_PARTS})s?\b", _part),
    )
)  # fmt: skip
BARE_TIME = re.compile(rf"^{_H}(?: {_M})?(?: ?o ?'?clock)?{_HALF}?$")
_BY_24 = re.compile(rf"^(?P<hour>{_H_24}) {_M}$")
_LEAD = re.compile(
    r"^(?:(?:no|sorry|well|actually|i mean|or|say|at|around|about|maybe|make (?:it|that)|better|then)\s+)+"
)


def alone(text: str, times: Sequence[TimeMention]) -> tuple[str, list[TimeMention]]:
    """Return, besides `times`, the hours that stand alone in a clause each, in answer to when we may call: "no, make it eleven"."""
    found = list(times)
    for clause in re.split(r"[,.;!?]+", text):
        said = _LEAD.sub("", clause.strip(" \x00")).strip(" \x00")
        match = BARE_TIME.match(said) or _BY_24.match(said)
        if match and (mention := _clock(match)):
            found.append(mention)
            text = text.replace(clause, TAKEN * len(clause))
    return text, found
