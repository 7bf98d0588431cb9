"""A prompt's wording: literal text with ``{var}`` in it, cut into clips and slots."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_TEXT_CHARS = 400
_PART = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_HAN = "\u3400-\u9fff"
_MARKS = r"\s，。！？；：、…,.!?;:）)」》”\"’"
_CLITIC = re.compile(
    # What leans on the word before it: 王先生吗？ / Friday前 / ACME's / 5th, and the marks that end it.
    rf"(?:[A-Za-z'’%\-]+(?=[{_MARKS}]|$)|[的地得]|之?[前后内]|以[前后内上下]|起|止|先生|女士|小姐|本人|[吗呢吧啊呀嘛了]+)?"
    rf"[{_MARKS}]*"
)
_OPENING = re.compile(r"[（(「《“\"'$#]*$")
"""What belongs to the word after it."""
_LEAST_HAN, _LEAST_LETTERS = 4, 4
"""A clip is spoken clearly from so many characters on: 已于 alone was heard as 一月, 您有 as 泥有."""


class TemplateError(ValueError):
    """The wording is not a template; the text says why."""


@dataclass(frozen=True, slots=True)
class Words:
    """Literal text."""

    text: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """The place of a variable or slot."""

    name: str


Part = Words | Spoken
Phrase = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """One wording in one language."""

    source: str
    parts: tuple[Part, ...]

    @property
    def names(self) -> frozenset[str]:
        """Return what it speaks besides its literal text."""
        return frozenset(part.name for part in self.parts if isinstance(part, Spoken))

    @property
    def literal(self) -> str:
        """Return its literal text, a gap where a variable stands."""
        return "".join(part.text if isinstance(part, Words) else " ␣ " for part in self.parts)

    def phrases(self, late: frozenset[str]) -> tuple[Phrase, ...]:
        """Return it cut into clips: runs of literal text, and each name with only what cannot be said without it.

        Literal text comes out alike for every contact, so it is rendered (or recorded) once; a value is rendered
        once for all its prompts. A name of `late` (known only during the call) stands alone.
        """
        phrases: list[list[Part]] = []
        head = ""
        for index, part in enumerate(self.parts):
            following = self.parts[index + 1] if index + 1 < len(self.parts) else None
            if isinstance(part, Spoken):
                phrases.append([Words(head), part] if head else [part])
                head = ""
                continue
            text, slot = part.text, bool(phrases) and _is_early(phrases[-1][-1], late)
            if slot:
                clitic = _CLITIC.match(text)
                tail = clitic[0] if clitic else ""
                text = text[len(tail) :]
                if not _stands_alone(text) and not (_says(text) and _is_early(following, late)):
                    tail, text = tail + text, ""
                phrases[-1].append(Words(tail))
            if _is_early(following, late):
                head = text if not _stands_alone(text) else _OPENING.search(text)[0]  # type: ignore[index]
                text = text[: len(text) - len(head)]
            phrases.append([Words(text)])
        return tuple(
            tuple(part for part in phrase if part != Words(""))
            for phrase in phrases
            if _says_anything(phrase)
        )


def parse_template(text: str) -> Template:
    """Return the wording's parts. Raises TemplateError."""
    if len(text) > MAX_TEXT_CHARS:
        raise TemplateError(
            f"longer than {MAX_TEXT_CHARS} characters: nobody listens that long, cut it in two"
        )
    parts: list[Part] = []
    position = 0
    for match in _PART.finditer(text):
        parts += [Words(text[position : match.start()]), Spoken(match[1])]
        position = match.end()
    parts.append(Words(text[position:]))
    kept = tuple(part for part in parts if part != Words(""))
    if any(isinstance(part, Words) and ("{" in part.text or "}" in part.text) for part in kept):
        raise TemplateError(
            "a brace that is not a {variable}: variable names are lower-case letters, digits and _"
        )
    if not _says_anything(kept):
        raise TemplateError("says nothing")
    return Template(text, kept)


def _is_early(part: Part | None, late: frozenset[str]) -> bool:
    return isinstance(part, Spoken) and part.name not in late


def _stands_alone(text: str) -> bool:
    n_han = len(re.findall(f"[{_HAN}]", text))
    return n_han >= _LEAST_HAN or sum(map(str.isalnum, text)) - n_han >= _LEAST_LETTERS


def _says(text: str) -> bool:
    return any(map(str.isalnum, text))


def _says_anything(phrase: Sequence[Part]) -> bool:
    return any(isinstance(part, Spoken) or _says(part.text) for part in phrase)
