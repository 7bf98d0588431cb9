"""A flow's prompts as the words one contact hears, in one language, on one day."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta

from firmware.dialogue.errors import SlotEmptyError
from firmware.dialogue.flow import Flow
from firmware.dialogue.nodes import CaptureKind, Prompt
from firmware.dialogue.plan_terms import MAX_INSTALMENTS, MIN_INSTALMENTS
from firmware.dialogue.speaking import (
    fraction_vocabulary,
    piece_vocabulary,
    speak,
    speak_day,
    speak_in_pieces,
    speak_moment,
)
from firmware.dialogue.template import Phrase, Words
from firmware.dialogue.variables import (
    CALLBACK_EARLIEST,
    CALLBACK_LATEST,
    CALLBACK_MAX_DAYS,
    COMING_DAYS,
    PLAN_AMOUNT,
    PLAN_COUNT,
    PLAN_FIRST,
    PLAN_LAST,
    PROMISE_AMOUNT,
    PROMISE_DATE,
    ContactVars,
    Moment,
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
        for name in sorted(prompt.names & self.flow.optional):
            if name not in self.contact.values:
                raise SlotEmptyError(prompt.id, name)
        for phrase in prompt.texts[self.language].phrases(self.flow.late):
            late = self._late_name(phrase)
            if late is not None and late not in slots:
                raise SlotEmptyError(prompt.id, late)
            said += [self._plain(phrase)] if late is None else self._slot(slots[late])
        return tuple(said)

    def possible_phrases(self, prompt: Prompt) -> frozenset[str]:
        """Return everything `phrases` could return for a prompt, whatever is keyed in or said."""
        if any(name not in self.contact.values for name in prompt.names & self.flow.optional):
            return frozenset()
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
        value = self.contact.said_in(self.language, name)
        return speak(value, self.language, self.flow.vars[name].kind, today=self.today)

    def _slot(self, value: Value) -> tuple[str, ...]:
        if isinstance(value, date):
            return (speak_day(value, self.language),)
        if isinstance(value, int):
            return (speak(value, self.language),)
        if value in self.contact.values.values():
            return (speak(value, self.language),)
        return speak_in_pieces(value, self.language)

    def _slot_vocabulary(self, name: str) -> Iterator[str]:
        kind = self.flow.captures.get(name)
        if name in (PROMISE_DATE, PLAN_FIRST) or kind is CaptureKind.DATE:
            yield from self._days(self.promise_max_days)
        elif kind is CaptureKind.CALLBACK:
            yield from self._days(CALLBACK_MAX_DAYS)
            for half_hours in range(CALLBACK_EARLIEST.hour * 2, CALLBACK_LATEST.hour * 2 + 1):
                at = time(half_hours // 2, 30 * (half_hours % 2))
                yield speak_moment(Moment(self.today, at), self.language)[1]
        elif kind is CaptureKind.DIGITS:
            yield from piece_vocabulary(self.language, None)
        elif kind is CaptureKind.RATING:
            for mark in range(1, 10):
                yield speak(mark, self.language)
        elif name == PLAN_COUNT:
            for count in range(MIN_INSTALMENTS, MAX_INSTALMENTS + 1):
                yield speak(count, self.language)
        elif name in (PROMISE_AMOUNT, PLAN_AMOUNT, PLAN_LAST) or kind is CaptureKind.AMOUNT:
            amounts = [value for value in self.contact.values.values() if isinstance(value, Money)]
            for amount in amounts:
                yield speak(amount, self.language)
                yield from piece_vocabulary(self.language, amount.currency)
                if name == PLAN_LAST:
                    yield from fraction_vocabulary(self.language, amount.currency)

    def _days(self, most: int) -> Iterator[str]:
        for days in range(most + 1):
            yield speak_day(self.today + timedelta(days=days), self.language)
