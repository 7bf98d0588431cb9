"""A prompt's wording: literal text with ``{var}`` in it, cut into what a voice says in one breath."""

import re
from dataclasses import dataclass

MAX_TEXT_CHARS = 400
_PART = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_SENTENCE_END = re.compile(r"(?<=[。！？])|(?<=[.!?])(?=\s)")


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
        """Return it cut at sentence ends and around every name of `late` (known only during the call).

        Sentences without a variable come out alike for every contact, so a voice renders them once.
        """
        phrases: list[Phrase] = []
        phrase: list[Part] = []
        for part in self.parts:
            if isinstance(part, Spoken) and part.name in late:
                phrases += [tuple(phrase), (part,)]
                phrase = []
            elif isinstance(part, Spoken):
                phrase.append(part)
            else:
                first, *rest = _SENTENCE_END.split(part.text)
                phrase.append(Words(first))
                for sentence in rest:
                    phrases.append(tuple(phrase))
                    phrase = [Words(sentence)]
        phrases.append(tuple(phrase))
        return tuple(phrase for phrase in phrases if _says_anything(phrase))


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


def _says_anything(phrase: Phrase) -> bool:
    return any(isinstance(part, Spoken) or any(map(str.isalnum, part.text)) for part in phrase)
