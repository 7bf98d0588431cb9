"""Write the table of Chinese characters that understanding uses: each one's reading, and its simplified form.

    python benchmarks/understanding_tables.py        (needs the `training` extra: pypinyin, opencc)

The readings are the most common ones without tones; characters outside GB 2312 and their traditional forms are left out.
"""

from pathlib import Path

from opencc import OpenCC
from pypinyin import Style, pinyin

TARGET = Path(__file__).resolve().parents[1] / "firmware/dialogue/understanding/characters.txt"
CJK = range(0x4E00, 0xA000)


def is_gb2312(char: str) -> bool:
    try:
        char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def main() -> None:
    simplify = OpenCC("t2s").convert
    lines = []
    for code in CJK:
        char = chr(code)
        simple = simplify(char)
        if is_gb2312(char) and simple == char:
            lines.append(f"{char} {pinyin(char, style=Style.NORMAL)[0][0]}")
        elif simple != char and is_gb2312(simple):
            lines.append(f"{char} {simple}")
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{TARGET.name}: {len(lines)} characters")


if __name__ == "__main__":
    main()
