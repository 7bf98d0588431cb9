"""The values of one AT line: `+NAME: 1,"text",,3` taken apart as tolerantly as modems are careless."""

MAX_VALUES = 64


def split_line(text: str) -> tuple[str, list[str]]:
    """Return the name before the colon (``+CLCC``, ``^DSCI``) and the values after it, unquoted.

    A line without a colon is a name with no values.
    """
    name, colon, rest = text.partition(":")
    return name.strip(), split_values(rest) if colon else []


def split_values(text: str) -> list[str]:
    """Return at most 64 comma-separated values without quotes, which may be missing, doubled or unclosed."""
    quoting = text.count('"') % 2 == 0  # with a quote lost on the way, commas are the surer guide
    values: list[str] = []
    value: list[str] = []
    inside = False
    for char in text:
        if char == '"':
            inside = quoting and not inside
        elif char == "," and not inside:
            values.append("".join(value).strip())
            value.clear()
            if len(values) == MAX_VALUES:
                return values
        else:
            value.append(char)
    values.append("".join(value).strip())
    return values


def to_int(values: list[str], index: int) -> int | None:
    """Return the number at `index`, None where the modem left it out or wrote something else."""
    if index >= len(values):
        return None
    text = values[index]
    digits = text[1:] if text[:1] in {"-", "+"} else text
    return int(text) if digits.isascii() and digits.isdecimal() and len(digits) <= 9 else None


def to_text(values: list[str], index: int) -> str:
    """Return the text at `index`, empty where the modem left it out."""
    return values[index] if index < len(values) else ""
