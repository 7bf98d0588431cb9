"""What an utterance names: days first, then times, then amounts, so that no word is read twice."""

# ruff: noqa: E501  (one rule, one line)

import re
from datetime import date

from firmware.dialogue.slots import AmountMention, Asked, DayMention, Slots, TimeMention
from firmware.dialogue.understanding import (
    calendar,
    en_amounts,
    en_days,
    en_numbers,
    en_times,
    zh_amounts,
    zh_days,
    zh_times,
)
from firmware.dialogue.understanding.finding import TAKEN, blanked
from firmware.dialogue.understanding.text import clauses
from firmware.dialogue.understanding.zh_numbers import digit_string
from firmware.dialogue.understanding.zh_numbers import number_of as zh_number_of

MAX_MENTIONS = 8
_ZH_GAPS = re.compile(r"(?<=[^\x00-\x7f])\s+|\s+(?=[^\x00-\x7f])|(?<=\d)[\s-]+(?=\d(?:[\s-]|$))")
_ZH_DIGITS = re.compile(r"(?:[零〇一幺二三四五六七八九壹两0-9][，,、 -]?){2,}")
_ZH_IDIOM = re.compile(
    "一时半[会刻]儿?|清明上河图|三心二意|一五一十|九牛一毛|(?<![一二两三四五六七八九几0-9])百八十(?=块|元|的|$)|(?:三天两|一年到)头|不三不四|[打拨](?:幺幺|11|一一)[零09九]"
)
_ZH_CORRECTED = re.compile("不对|不是|(?<![不没])错|更正|[哦噢啊]不|应该是")
_ZH_NOT_IT = re.compile("不是$")
_EN_CORRECTED = re.compile(r"\b(?:no|not|sorry|wait|mean|correction|rather|actually|wrong)\b")
_EN_NOT_IT = re.compile(r"\bnot $")
_ZH_ONE_DIGIT = re.compile(r"^[零〇一幺二三四五六七八九两0-9]$")
_EN_DIGIT = rf"(?:(?:double|triple|treble) )?(?:{'|'.join(en_numbers.DIGIT_WORDS)}|[0-9]+)"
_EN_DIGITS = re.compile(rf"\b{_EN_DIGIT}(?:[ ,-]+(?:and then |then |and )?{_EN_DIGIT})*\b")
_EN_ISH = re.compile(
    r"\b(?:(?:around|about|at) )?(noon|midday|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[0-9]{1,2})[ -]?ish\b"
)
"""Sixish is about six, which is read back."""
_EN_ORDINAL_GAP = re.compile(r"\b([0-9]{1,2}) (st|nd|rd|th)\b")
"""A recogniser writes "the 5 th"."""
_EN_IDIOM = re.compile(
    r"\bat the end of the day(?= [a-z])|\b(?:one )?day (?:at a time|by day|in,? day out|after day)\b|\b(?:the )?eleventh hour\b|\bhalf the (?:time|battle|story|trouble)\b"
    r"|\b(?:better|(?:my|his|her) other) half\b|\b(?:my |just )?two cents(?: worth)?\b|\b(?:caught|heard|missed|got) (?:only )?(?:the )?(?:first|last|second|other)? ?half\b|\bborn yesterday\b|\b(?:thanks|thank you) a million\b|\b(?:(?:one|chance) )?in a million(?: years)?\b|\ba million (?:times|things|reasons|miles)\b"
    r"|\bnine to five\b|\b(?:one|a|two) (?:secs?|seconds?|moments?|ticks?)\b|\bone more (?:time|thing)\b|\b(?:24/7|twenty four seven)\b"
)
"""Words that name a day, a time, an amount or digits elsewhere, and nothing here."""
LONGEST = 20
MANY_WORDS = 3
"""A lone digit among more words than these is no answer to "which digits"."""
PHONE = 7
"""So many digits in a row are a number to dial or an account, not money."""


def name_slots(normal: str, language: str, asked: Asked, today: date) -> tuple[Slots, str]:
    """Return what a normalised text names, and the text without it (words that named something are blanked)."""
    read = _chinese if language == "zh" else _english
    text, digits, days, times, amounts = read(normal, asked, today)
    slots = Slots(
        days=tuple(days[:MAX_MENTIONS]),
        times=tuple(times[:MAX_MENTIONS]),
        amounts=tuple(amounts[:MAX_MENTIONS]),
        digits=digits,
    )
    return slots, text


_Read = tuple[str, str | None, list[DayMention], list[TimeMention], list[AmountMention]]


def _chinese(normal: str, asked: Asked, today: date) -> _Read:
    text = blanked(_ZH_IDIOM, zh_days.spelled_out(_ZH_GAPS.sub("", normal)))
    digits = None
    if asked is Asked.DIGITS:
        text, digits = _zh_digits(_spoken_digits(text), shortest=2, asked=asked)
        if digits is None and _ZH_ONE_DIGIT.match(text):
            return TAKEN, digit_string(text), [], [], []
    said, (text, days) = text, zh_days.DAYS.find(text, today)
    days = calendar.settled(days, said, zh_days.TURNED, zh_days.DAY_ALONE, zh_days.FOLLOWING)
    if not days and asked is Asked.DATE and (bare := zh_days.BARE_DAY.match(_stripped(text))):
        return (
            TAKEN,
            None,
            [calendar.day_of_month(bare[0], int(zh_number_of(bare[1]) or 0), today)],
            [],
            [],
        )
    text, times = zh_times.TIMES.find(text)
    if digits is None:
        text, digits = _zh_digits(text, shortest=3, asked=asked)
    text, amounts = zh_amounts.AMOUNTS.find(text)
    if not amounts and asked is Asked.AMOUNT and (bare := zh_amounts.BARE_NUMBER.match(_stripped(text))):
        value = zh_number_of(bare[1])
        if value and value * 100 == int(value * 100):
            return TAKEN, None, days, times, [AmountMention(text=bare[1], minor=int(value * 100))]
    return text, digits, days, times, amounts


_ZH_RADIO = str.maketrans("洞拐勾", "079")
_ZH_TENS = re.compile("([一二三四五六七八九])?十([一二三四五六七八九])?(?![号天个月点年块元万千多几来岁])")
"""Last digits in pairs: 八十八，一十二."""
_ZH_TWICE = re.compile("[双俩]([零〇一幺二三四五六七八九0-9])")
_ZH_AND_THEN = re.compile(
    "[，,、]?(?:前面|后面|然后|接着|再)(?:是|就是)?(?=[零〇一幺二两三四五六七八九双俩0-9])"
)
_ZH_SAME = re.compile(
    r"([两二三四五六2-6])个([零〇一幺二三四五六七八九0-9])(?=[零〇一幺二两三四五六七八九0-9，, ]|$)|一个([零〇一幺二三四五六七八九0-9])"
)


def _spoken_digits(text: str) -> str:
    """Return digits as one says them to be heard (洞, 拐, 三个八) one by one."""
    text = _ZH_TENS.sub(lambda m: f"{m[1] or '一'}{m[2] or '零'}", text)
    plain = _ZH_TWICE.sub(lambda m: m[1] * 2, _ZH_AND_THEN.sub("，", text.translate(_ZH_RADIO)))
    return _ZH_SAME.sub(lambda m: m[3] or m[2] * int(zh_number_of(m[1]) or 1), plain)


def _zh_digits(text: str, *, shortest: int, asked: Asked) -> tuple[str, str | None]:
    """Take the longest run of digits said one by one."""
    runs: list[tuple[re.Match[str], str]] = []
    for match in _ZH_DIGITS.finditer(text):
        said = digit_string(_plain_run(match))
        if said is not None and len(said) <= LONGEST and _is_digits_zh(text, match, shortest, asked):
            runs.append((match, said))
    return _longest(text, runs, _ZH_NOT_IT, _ZH_CORRECTED)


def _plain_run(match: re.Match[str]) -> str:
    return re.sub("[，,、 -]", "", match[0])


def _longest(
    text: str, runs: list[tuple[re.Match[str], str]], not_it: re.Pattern[str], corrected: re.Pattern[str]
) -> tuple[str, str | None]:
    """Take the longest run, or, where somebody corrects himself (一二三四，不对，一二三五), the last one."""
    runs = [run for run in runs if not not_it.search(text[: run[0].start()])]
    if not runs:
        return text, None
    if corrected.search(text[runs[0][0].end() - 1 : runs[-1][0].start()]):
        match, said = runs[-1]
    else:
        match, said = max(runs, key=lambda run: len(run[1]))
    return text[: match.start()] + TAKEN * len(match[0]) + text[match.end() :], said


def _is_digits_zh(text: str, match: re.Match[str], shortest: int, asked: Asked) -> bool:
    run = _plain_run(match)
    before, after = text[: match.start()][-1:], text[match.end() :][:1]
    if (
        len(run) < shortest
        or (after and after in "十百千万亿点元块圆号日月年天个周期毛角分%.")
        or (before and before in "十百千万亿点.¥$第")
    ):
        return False
    if asked is Asked.DIGITS:
        return True
    if not run.isdecimal() or not run.isascii():
        return len(run) >= 3 and not (
            run.startswith(("两三", "三四", "四五", "五六", "六七", "七八", "八九")) and len(run) == 2
        )
    if asked in (Asked.AMOUNT, Asked.ABILITY) and len(run) < PHONE:
        return False
    return (
        len(run) >= PHONE
        or (len(run) >= 4 and (run[0] == "0" or not run.endswith("00")))
        or run in zh_amounts.HOTLINES
    )


def _english(normal: str, asked: Asked, today: date) -> _Read:
    text = blanked(_EN_IDIOM, _EN_ORDINAL_GAP.sub(r"\1\2", normal))
    text, digits = _EN_ISH.sub(r"around \1", text), None
    if asked is Asked.AMOUNT and (
        one := en_amounts.said_with_oh(_stripped(text)) or en_amounts.price(_stripped(text))
    ):
        return TAKEN, None, [], [], [one]
    if asked is Asked.DIGITS:
        text, digits = _en_digits(
            en_numbers.pairs_as_digits(en_numbers.repeated(text)), shortest=1, asked=asked
        )
    said, (text, days) = text, en_days.DAYS.find(text, today)
    days = calendar.settled(days, said, en_days.TURNED, en_days.DAY_ALONE, en_days.FOLLOWING)
    if not days and asked is Asked.DATE and (bare := en_days.bare_day(_stripped(text))):
        return TAKEN, None, [calendar.day_of_month(_stripped(text), bare, today)], [], []
    text, times = en_times.TIMES.find(text)
    times = en_times.settled(times, [day.text for day in days])
    if asked is Asked.CALLBACK_TIME:
        text, times = en_times.alone(text, times)
    if digits is None:
        text, digits = _en_digits(text, shortest=3, asked=asked)
    text, amounts = (en_amounts.ASKED if asked is Asked.AMOUNT else en_amounts.AMOUNTS).find(
        blanked(en_amounts.SPAN, text)
    )
    if not amounts and asked is Asked.AMOUNT and (alone := en_amounts.bare_numbers(clauses(text, "en"))):
        return TAKEN, None, days, times, alone
    if not amounts and asked is Asked.AMOUNT and (pair := en_amounts.paired(_stripped(text))):
        return TAKEN, None, days, times, [pair]
    return text, digits, days, times, amounts


def _en_digits(text: str, *, shortest: int, asked: Asked) -> tuple[str, str | None]:
    runs: list[tuple[re.Match[str], str]] = []
    for match in _EN_DIGITS.finditer(text):
        words = [word for word in re.split("[ ,-]+", match[0]) if word not in ("and", "then")]
        said = en_numbers.digit_string(words)
        if said is None or len(said) < shortest or len(said) > LONGEST:
            continue
        if not _is_digits_en(text, match, words, asked):
            continue
        if len(said) == 1 and len(text.split()) > MANY_WORDS:
            continue  # "I have two cards"
        runs.append((match, said))
    return _longest(text, runs, _EN_NOT_IT, _EN_CORRECTED)


_EN_UNIT_AFTER = re.compile(
    r"^[.:/%]\d|^,\d{3}|^%|^ ?(?:k\b|hundred|thousand|grand|dollars?|bucks?|pounds?|euros?|yuan|cents|st\b|nd\b|rd\b|th\b|percent|days?|weeks?|months?)"
)


def _is_digits_en(text: str, match: re.Match[str], words: list[str], asked: Asked) -> bool:
    before, after = text[: match.start()], text[match.end() :]
    if _EN_UNIT_AFTER.match(after) or (before[-1:] in "$£€¥." and before[-1:]):
        return False
    if asked is Asked.DIGITS:
        return True
    if len(words) >= 3:
        return True
    run = words[0]
    if len(words) > 1 or not run.isdigit():
        return False
    if asked in (Asked.AMOUNT, Asked.ABILITY) and len(run) < PHONE:
        return False
    return (
        len(run) >= PHONE
        or (len(run) >= 4 and (run[0] == "0" or not run.endswith("00")))
        or run in en_amounts.HOTLINES
    )


def _stripped(text: str) -> str:
    return text.strip(" ,.;:!?，。；：！？、\x00")
