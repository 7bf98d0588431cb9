"""Write the tables that understanding reads: characters.txt and chinese_calendar.txt.

    python benchmarks/understanding_tables.py        (needs the `training` extra: pypinyin, opencc, lunar_python)

Of each Chinese character the reading, and the simplified form: the most common reading without tone; characters outside
GB 2312 and their traditional forms are left out. Of the calendar the first day of each lunar month, a leap month with a
minus, and the days of 清明 and 冬至.
"""

from pathlib import Path

from lunar_python import LunarYear, Solar
from opencc import OpenCC
from pypinyin import Style, pinyin

FOLDER = Path(__file__).resolve().parents[1] / "firmware/dialogue/understanding"
CJK = range(0x4E00, 0xA000)
YEARS = range(2025, 2076)
SOLAR_TERMS = ("清明", "冬至")


def is_gb2312(char: str) -> bool:
    try:
        char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def characters() -> list[str]:
    simplify = OpenCC("t2s").convert
    lines = []
    for code in CJK:
        char = chr(code)
        simple = simplify(char)
        if is_gb2312(char) and simple == char:
            lines.append(f"{char} {pinyin(char, style=Style.NORMAL)[0][0]}")
        elif simple != char and is_gb2312(simple):
            lines.append(f"{char} {simple}")
    return lines


def calendar() -> list[str]:
    lines = set()
    for year in YEARS:
        for month in LunarYear.fromYear(year).getMonths():
            lines.add(f"{Solar.fromJulianDay(month.getFirstJulianDay()).toYmd()} {month.getMonth()}")
        terms = Solar.fromYmd(year, 6, 1).getLunar().getJieQiTable()
        lines |= {f"{terms[name].toYmd()} {name}" for name in SOLAR_TERMS}
    return sorted(lines)


def main() -> None:
    for name, lines in (("characters.txt", characters()), ("chinese_calendar.txt", calendar())):
        (FOLDER / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{name}: {len(lines)} lines")


if __name__ == "__main__":
    main()
