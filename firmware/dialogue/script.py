"""A flow's prompts as the words one contact hears, in one language, on one day."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from firmware.dialogue.errors import SlotEmptyError
from firmware.dialogue.flow import CaptureKind, Flow, Prompt
from firmware.dialogue.speaking import piece_vocabulary, speak, speak_day, speak_in_pieces
from firmware.dialogue.template import Phrase, Words
from firmware.dialogue.variables import (
    COMING_DAYS,
    PROMISE_AMOUNT,
    PROMISE_DATE,
    ContactVars,
    Value,
    coming_day,
)
from firmware.values import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Makes phrases out of prompts. Knows everything, hence is handed to nobody but the `DebtVault`."""

    flow: Flow
    contact: ContactVars
    language: str
    today: date
    promise_max_days: int

    def phrases(self, prompt: Prompt, slots: Mapping[str, Value]) -> tuple[str, ...]:
        """Return what is said for a prompt, with the slots filled so far. Raises SlotEmptyError."""
        said: list[str] = []
        for phrase in prompt.texts[self.language].phrases(self.flow.late):
            late = self._late_name(phrase)
            if late is not None and late not in slots:
                raise SlotEmptyError(prompt.id, late)
            said += [self._plain(phrase)] if late is None else self._slot(slots[late])
        return tuple(said)

    def possible_phrases(self, prompt: Prompt) -> frozenset[str]:
        """Return everything `phrases` could return for a prompt, whatever is keyed in."""
        possible: set[str] = set()
        for phrase in prompt.texts[self.language].phrases(self.flow.late):
            late = self._late_name(phrase)
            possible |= {self._plain(phrase)} if late is None else set(self._slot_vocabulary(late))
        return frozenset(possible)

    def _late_name(self, phrase: Phrase) -> str | None:
        only = phrase[0]
        return only.name if not isinstance(only, Words) and only.name in self.flow.late else None

    def _plain(self, phrase: Phrase) -> str:
        words = (part.text if isinstance(part, Words) else self._value(part.name) for part in phrase)
        # What follows a slot may begin with its comma: nobody can say that, but the pause is heard.
        return " ".join("".join(words).split())

    def _value(self, name: str) -> str:
        if name in COMING_DAYS:
            return speak_day(coming_day(self.today, COMING_DAYS[name]), self.language)
        return speak(self.contact.values[name], self.language, self.flow.vars[name].kind, today=self.today)

    def _slot(self, value: Value) -> tuple[str, ...]:
        if isinstance(value, date):
            return (speak_day(value, self.language),)
        if value in self.contact.values.values():
            return (speak(value, self.language),)
        return speak_in_pieces(value, self.language)

    def _slot_vocabulary(self, name: str) -> Iterator[str]:
        kind = self.flow.captures.get(name)
        if name == PROMISE_DATE or kind is CaptureKind.DATE:
            for days in range(self.promise_max_days + 1):
                yield speak_day(self.today + timedelta(days=days), self.language)
        elif kind is CaptureKind.DIGITS:
            yield from piece_vocabulary(self.language, None)
        elif name == PROMISE_AMOUNT or kind is CaptureKind.AMOUNT:
            amounts = [value for value in self.contact.values.values() if isinstance(value, Money)]
            for amount in amounts:
                yield speak(amount, self.language)
                yield from piece_vocabulary(self.language, amount.currency)
