"""Write the table of readings with which a name in Chinese characters is said in English.

    python -m benchmarks.name_tables        (needs the `training` extra: pypinyin)

One syllable a line, as it stands in a passport (``lyu`` for ü), then the characters that are mostly read so; tones are left out.
"""

from collections import defaultdict
from pathlib import Path

from pypinyin import Style, pinyin

TARGET = Path(__file__).resolve().parents[1] / "firmware/dialogue/name_readings.txt"
CJK = range(0x4E00, 0xA000)


def main() -> None:
    characters: dict[str, list[str]] = defaultdict(list)
    for code in CJK:
        char = chr(code)
        syllable = pinyin(char, style=Style.NORMAL, errors="ignore")
        if syllable and syllable[0][0].isascii() and syllable[0][0].isalpha():
            characters[syllable[0][0].replace("v", "yu")].append(char)
    lines = [f"{syllable} {''.join(found)}" for syllable, found in sorted(characters.items())]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{TARGET.name}: {sum(map(len, characters.values()))} characters, {len(lines)} syllables")


if __name__ == "__main__":
    main()
