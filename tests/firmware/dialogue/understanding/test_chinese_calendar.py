"""Days of the Chinese calendar, held against the holidays package, which reckons them by tables of its own."""

from datetime import date, timedelta

import holidays
import pytest

from firmware.dialogue.slots import DayProblem
from firmware.dialogue.understanding.zh_calendar import lunar_day
from firmware.dialogue.understanding.zh_days import DAYS

YEARS = range(2026, 2075)


def named(text: str, today: date) -> date | DayProblem | None:
    found = DAYS.find(text, today)[1]
    return (found[0].day or found[0].problem) if found else None


@pytest.mark.parametrize(
    ("words", "name"),
    [("端午节", "端午节"), ("中秋节", "中秋节"), ("清明节那天", "清明节"), ("大年初一", "春节")],
)
def test_a_festival_is_where_the_public_holiday_is(words: str, name: str) -> None:
    wrong = []
    for year in YEARS:
        legal = holidays.country_holidays("CN", years=year, observed=False, language="zh_CN")
        # On a day that is two holidays at once the package names both.
        expected = min(day for day, names in legal.items() if name in names)
        if named(words, date(year, 1, 1)) != expected:
            wrong.append((year, expected, named(words, date(year, 1, 1))))
    assert wrong == []


@pytest.mark.parametrize("year", YEARS)
def test_new_years_eve_is_the_day_before(year: int) -> None:
    today = date(year, 1, 1)
    first = named("大年初一", today)
    assert isinstance(first, date)
    assert (
        named("除夕", today)
        == named("大年三十", today)
        == named("腊月三十", today)
        == first - timedelta(days=1)
    )
    assert named("大年初三", today) == first + timedelta(days=2)
    assert named("元宵节", today) == named("正月十五", today) == first + timedelta(days=14)


def test_a_leap_month_is_not_the_month() -> None:
    # 2028 has two fifth months; the second has no 端午.
    assert named("端午", date(2028, 5, 1)) == date(2028, 5, 28)
    assert named("端午", date(2028, 6, 1)) == date(2029, 6, 16)


def test_what_no_lunar_month_has_is_impossible() -> None:
    today = date(2026, 11, 25)
    assert lunar_day("农历十三月初一", 13, 1, today).problem is DayProblem.IMPOSSIBLE
    assert lunar_day("农历十月三十一", 10, 31, today).problem is DayProblem.IMPOSSIBLE


def test_beyond_the_table_it_is_asked_for() -> None:
    assert named("中秋节", date(2080, 1, 1)) is DayProblem.VAGUE
    assert named("冬至", date(2080, 1, 1)) is DayProblem.VAGUE


@pytest.mark.parametrize("words", ["中秋以后", "过完端午以后", "清明假期", "春节", "正月里", "农历初八"])
def test_what_is_no_single_day_is_asked_for(words: str) -> None:
    assert named(words, date(2026, 11, 25)) is DayProblem.VAGUE


@pytest.mark.parametrize("words", ["我今年三十五岁了", "十年三十万", "五百元月供", "每年三十块"])
def test_words_that_only_look_like_them_name_nothing(words: str) -> None:
    assert named(words, date(2026, 11, 25)) is None
