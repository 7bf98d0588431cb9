"""How a node behaves while the call stands at it: small machines that know no contact and no debt.

A step is told what happens and answers with a `Reply`: say a prompt, go to a node, or nothing. Every step
ends within a bounded number of replies, because whatever does not lead on uses up one of its tries.
"""

# ruff: noqa: D102  (the methods of a step keep the contract written at Step)

from firmware.dialogue.actions import BargeIn
from firmware.dialogue.intents import ACCEPT, MARGIN
from firmware.dialogue.nodes import AskNode, Retry
from firmware.dialogue.patience import SHORTEST_SPEECH_MS, Patience
from firmware.dialogue.plain_words import key_said
from firmware.dialogue.replies import (
    CERTAIN,
    PART,
    PART_INSTEAD_OF,
    Answer,
    Denied,
    Finish,
    Go,
    Reply,
    Said,
    SeekPerson,
    Speak,
    part_of_day,
)  # fmt: skip
from firmware.values import Disposition

BARGE_IN_KEY_S = 1.5
"""A prompt stops at the onset of a key, and the key is told at its end: how long to wait for it."""
PERMISSION_S = 5.0
HAND_OVER_S = 150.0
COMFORT_EVERY_S = 20.0
"""How often somebody who waits for a person is told that they are not forgotten."""
BEEP_S = 40.0
FAILURES_BEFORE_MENU = 2


class Step:
    """What every step hears; by default it takes no notice."""

    deadline_s: float | None = None

    @property
    def due_s(self) -> float | None:
        """Return when `too_quiet` is due; counted only while nothing is being said."""
        return self.deadline_s

    def begin(self) -> Reply:
        """Return what to say first, and again when the callee asks for it."""
        raise NotImplementedError

    def prompt_over(self, now_s: float, *, interrupted: bool) -> Reply:
        """What the step asked to be said is over."""
        return None

    def key(self, digit: str, now_s: float) -> Reply:
        """Take a key that means nothing at any time."""
        return None

    def too_quiet(self, now_s: float) -> Reply:
        """The deadline has come."""
        return None

    def speaking(self, now_s: float) -> None:
        """The callee began to speak."""

    def spoke(self, duration_ms: int, now_s: float, *, understands: bool) -> Reply:
        """The callee stopped speaking; `understands`: an utterance will tell what was said."""
        return None

    def meant(self, said: Said, now_s: float) -> Reply:
        """Take an utterance that means nothing at any time."""
        return None

    def stray_key(self, *, ended: bool) -> str | None:
        """Return the one key pressed so far if it cannot be data; `ended`: by ``#``, not by a pause."""
        return None

    @property
    def takes_digits(self) -> bool:
        """Return whether 0 and 9 are data here."""
        return False

    @property
    def has_keys(self) -> bool:
        """Return whether something is keyed in and not complete yet."""
        return False


class SayStep(Step):
    """Says one thing and goes on."""

    def __init__(self, prompt: str, barge_in: BargeIn, node: str) -> None:
        self._speak, self._next = Speak(prompt, barge_in), Go(node)

    def begin(self) -> Reply:
        self.deadline_s = None
        return self._speak

    def prompt_over(self, now_s: float, *, interrupted: bool) -> Reply:
        if interrupted and self._speak.barge_in == "dtmf":
            self.deadline_s = now_s + BARGE_IN_KEY_S
            return None
        return self._next

    def key(self, digit: str, now_s: float) -> Reply:
        return None if self._speak.barge_in == "none" else self._next

    def too_quiet(self, now_s: float) -> Reply:
        return self._next


class PatientStep(Step):
    """A step that waits for an answer by key or by voice."""

    def __init__(self, wait_s: float) -> None:
        self._patience = Patience(wait_s)

    @property
    def due_s(self) -> float | None:
        return self._patience.deadline_s

    def prompt_over(self, now_s: float, *, interrupted: bool) -> Reply:
        self._patience.listen(now_s)
        return None

    def speaking(self, now_s: float) -> None:
        self._patience.speaking(now_s)

    def spoke(self, duration_ms: int, now_s: float, *, understands: bool) -> Reply:
        if not self._patience.listens:
            return None
        if duration_ms < SHORTEST_SPEECH_MS:
            self._patience.cough(now_s)
            return None
        if understands:
            self._patience.understanding(now_s)
            return None
        return self.not_understood(now_s)

    def not_understood(self, now_s: float) -> Reply:
        """Somebody spoke, and nothing in this box knows what."""
        return None


class AskStep(PatientStep):
    """Asks, takes a key or a meaning, and asks again as often as the node allows."""

    def __init__(self, node: AskNode) -> None:
        super().__init__(node.wait_s)
        self._node = node
        self._silences = node.silence.reprompt
        self._misses = node.no_match.reprompt
        self._failures = 0

    def begin(self) -> Reply:
        return self._ask(self._node.prompt)

    def key(self, digit: str, now_s: float) -> Reply:
        if digit in self._node.keys:
            return Answer(self._node.keys[digit])
        return self.no_match() if digit.isdigit() else None

    def too_quiet(self, now_s: float) -> Reply:
        if self._patience.heard:
            return self.no_match()
        self._silences -= 1
        return self._again(self._silences, self._node.silence)

    def not_understood(self, now_s: float) -> Reply:
        return self.no_match()

    def meant(self, said: Said, now_s: float) -> Reply:
        names_part = PART in said.intents and PART in self._node.intents
        meant = dict(said.intents)
        if part := part_of_day(said.slots):
            meant[part] = CERTAIN
        likely = sorted(
            (
                (sure, self._node.intents[name])
                for name, sure in meant.items()
                if name in self._node.intents and not (names_part and name in PART_INSTEAD_OF)
            ),
            reverse=True,
        )
        likely = [(sure, node) for sure, node in likely if sure >= ACCEPT]
        if likely and all(node == likely[0][1] or sure < likely[0][0] - MARGIN for sure, node in likely):
            return Answer(likely[0][1])
        key = said.slots.digits or key_said(said.text) or ""
        if not likely and key in self._node.keys:
            return Answer(self._node.keys[key])  # "one" for "press one"
        return self.no_match() if self._patience.listens else None

    def no_match(self) -> Reply:
        """Use up one try for an answer that was none."""
        self._misses -= 1
        return self._again(self._misses, self._node.no_match)

    def _again(self, left: int, retry: Retry) -> Reply:
        self._failures += 1
        if left < 0:
            return Go(retry.then)
        menu = retry.menu if self._failures >= FAILURES_BEFORE_MENU else None
        return self._ask(menu or retry.say or self._node.prompt)

    def _ask(self, prompt: str) -> Reply:
        self._patience.asked()
        return Speak(prompt, self._node.barge_in)


class PermissionStep(Step):
    """Waits, saying nothing, for the gate's word on the debt; no word is a no."""

    def __init__(self, node: str, now_s: float) -> None:
        self.node = node
        self.deadline_s = now_s + PERMISSION_S

    def begin(self) -> Reply:
        return None

    def too_quiet(self, now_s: float) -> Reply:
        return Denied("no_answer_from_the_gate")


class TransferStep(Step):
    """Says that a person is being found, and waits for one; nobody in time is nobody."""

    def __init__(self, prompt: str, reason: str, unavailable: str, *, waiting: str | None = None) -> None:
        self._speak, self._seek = Speak(prompt, "none"), SeekPerson(reason)
        self._waiting = None if waiting is None else Speak(waiting, "none")
        self._until_s = 0.0
        self.nobody = Go(unavailable)

    def begin(self) -> Reply:
        return self._speak

    def prompt_over(self, now_s: float, *, interrupted: bool) -> Reply:
        if self.deadline_s is not None:
            return None
        self._until_s = now_s + HAND_OVER_S
        self._wait(now_s)
        return self._seek

    def too_quiet(self, now_s: float) -> Reply:
        if self._waiting is None or now_s >= self._until_s:
            return self.nobody
        self._wait(now_s)
        return self._waiting

    def _wait(self, now_s: float) -> None:
        self.deadline_s = (
            self._until_s if self._waiting is None else min(self._until_s, now_s + COMFORT_EVERY_S)
        )


class EndStep(Step):
    """Says goodbye and ends, however the goodbye ends."""

    def __init__(self, prompt: str | None, disposition: Disposition) -> None:
        self._prompt, self._finish = prompt, Finish(disposition)

    def begin(self) -> Reply:
        return self._finish if self._prompt is None else Speak(self._prompt, "none")

    def prompt_over(self, now_s: float, *, interrupted: bool) -> Reply:
        return self._finish


class BeepStep(Step):
    """Waits for an answering machine to record; tells nobody anything if it never does."""

    def __init__(self, now_s: float) -> None:
        self.deadline_s = now_s + BEEP_S

    def begin(self) -> Reply:
        return None

    def too_quiet(self, now_s: float) -> Reply:
        return Finish(Disposition.MACHINE_NO_MESSAGE)


class MessageStep(Step):
    """Leaves the message; one that was cut off was not left."""

    def __init__(self, prompt: str) -> None:
        self._prompt = prompt

    def begin(self) -> Reply:
        return Speak(self._prompt, "none")

    def prompt_over(self, now_s: float, *, interrupted: bool) -> Reply:
        left = Disposition.MACHINE_NO_MESSAGE if interrupted else Disposition.MACHINE_LEFT_MESSAGE
        return Finish(left)
