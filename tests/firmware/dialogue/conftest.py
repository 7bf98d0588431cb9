"""A call in virtual time against the dialogue, and the flows it is tried with."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pytest

from firmware.dialogue.actions import (
    Action,
    AskDebtPermission,
    Captured,
    End,
    Note,
    Say,
    StartRecording,
    Suppress,
)
from firmware.dialogue.events import DebtPermitted, DialogueEvent, Digit, PromptFinished, TimePassed
from firmware.dialogue.flow import Flow
from firmware.dialogue.loader import load_flow
from firmware.dialogue.machine import Dialogue
from firmware.values import Disposition, Money

ROOT = Path(__file__).parents[3]
TODAY = date(2026, 12, 7)  # a Monday
VARS: Mapping[str, Mapping[str, object]] = {
    "zh-CN": {
        "callee_name": "王先生",
        "creditor": "江南银行",
        "amount_due": {"minor": 123450, "currency": "CNY"},
        "due_date": "2026-12-01",
        "last4": "0917",
    },
    "en": {
        "callee_name": "Mr Wang",
        "creditor": "Riverside Bank",
        "amount_due": {"minor": 123450, "currency": "USD"},
        "due_date": "2026-12-01",
        "last4": "0917",
    },
}


class Call:
    """Plays the session, the audio and the gate: carries out what the dialogue orders, and remembers it."""

    def __init__(
        self, dialogue: Dialogue, *, gate: bool | None = True, rendered: frozenset[str] | None = None
    ) -> None:
        """`rendered`: what `dialogue.phrases()` is known to be, where many calls have the same."""
        self.dialogue = dialogue
        self._rendered = rendered
        self.gate = gate
        """None: the gate never answers."""
        self.now_s = 100.0
        self.actions: list[Action] = []
        self.saying: Say | None = None
        self._take(dialogue.start(self.now_s))

    @property
    def prompts(self) -> list[str]:
        return [action.prompt for action in self.actions if isinstance(action, Say)]

    @property
    def said(self) -> str:
        return " ".join(" ".join(action.phrases) for action in self.actions if isinstance(action, Say))

    @property
    def ending(self) -> Disposition | None:
        ends = [action for action in self.actions if isinstance(action, End)]
        assert len(ends) <= 1
        assert not ends or self.actions[-1] is ends[0], "nothing may follow the end"
        return ends[0].disposition if ends else None

    @property
    def suppressed(self) -> list[str]:
        return [action.scope for action in self.actions if isinstance(action, Suppress)]

    @property
    def promises(self) -> list[Captured]:
        return [action for action in self.actions if isinstance(action, Captured)]

    @property
    def notes(self) -> list[tuple[str, str]]:
        return [(action.kind, action.detail) for action in self.actions if isinstance(action, Note)]

    @property
    def records(self) -> bool:
        return any(isinstance(action, StartRecording) for action in self.actions)

    def hear_out(self) -> "Call":
        """Let every prompt be said to its end, until the dialogue waits for the callee or ends."""
        while self.saying is not None and self.ending is None:
            self.now_s += 2.0
            self.happens(
                PromptFinished(prompt=self.saying.prompt, interrupted=False, say_id=self.saying.say_id)
            )
        return self

    def press(self, digits: str) -> "Call":
        """Hear out what is being said, then press."""
        self.hear_out()
        for digit in digits:
            self.now_s += 0.3
            self.happens(Digit(digit=digit))
        return self

    def wait(self) -> "Call":
        """Hear out what is being said, then do nothing until the dialogue's patience is over."""
        self.hear_out()
        if self.dialogue.next_deadline_s is not None:
            self.now_s = self.dialogue.next_deadline_s
            self.happens(TimePassed())
        return self

    def happens(self, event: DialogueEvent) -> "Call":
        if isinstance(event, PromptFinished) and self.saying and event.say_id in (0, self.saying.say_id):
            self.saying = None
        self._take(self.dialogue.on(event, self.now_s))
        return self

    def _take(self, actions: list[Action]) -> None:
        for action in actions:
            self.actions.append(action)
            if isinstance(action, Say):
                self.saying = action
                if self._rendered is None:
                    self._rendered = self.dialogue.phrases()  # the same all through a call
                assert set(action.phrases) <= self._rendered
            if isinstance(action, AskDebtPermission) and self.gate is not None:
                self._take(self.dialogue.on(DebtPermitted(allowed=self.gate, rule="test-rule"), self.now_s))


@pytest.fixture(scope="session")
def reminder_text() -> str:
    return (ROOT / "examples" / "overdue-reminder.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def reminder(reminder_text: str) -> Flow:
    return load_flow(reminder_text, source="examples/overdue-reminder.yaml")


@pytest.fixture(scope="session")
def good_text() -> str:
    """Return a small flow without a flaw."""
    return (Path(__file__).parent / "hostile" / "good.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def contact_vars() -> Mapping[str, Mapping[str, object]]:
    return VARS


MakeCall = Callable[..., Call]


@pytest.fixture
def make_call(reminder: Flow) -> MakeCall:
    """Answer a call of the example flow, or of `flow`."""

    def make(
        *,
        flow: Flow = reminder,
        language: str = "en",
        gate: bool | None = True,
        promise_max_days: int = 14,
        promise_min_part: Money | None = None,
        understands: bool = False,
        today: date = TODAY,
        **changed: object,
    ) -> Call:
        contact = flow.check_vars({**VARS[language], **changed}, language)
        dialogue = Dialogue(
            flow,
            contact,
            language=language,
            today=today,
            promise_max_days=promise_max_days,
            promise_min_part=promise_min_part,
            understands=understands,
        )
        return Call(dialogue, gate=gate)

    return make
