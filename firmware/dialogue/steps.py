"""How each kind of node behaves while the call stands at it: small machines that know no contact and no debt.

A step is told what happens and answers with a `Reply`: say a prompt, go to a node, or nothing. Every step
ends within a bounded number of replies, because whatever does not lead on uses up one of its tries.
"""

# ruff: noqa: D102  (the methods of a step keep the contract written at Step)

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from firmware.dialogue.actions import BargeIn
from firmware.dialogue.flow import AskNode, Retry
from firmware.dialogue.intents import ACCEPT, MARGIN
from firmware.dialogue.variables import Value
from firmware.values import Disposition, Money

BETWEEN_KEYS_S = 4.0
BARGE_IN_KEY_S = 1.5
"""A prompt stops at the onset of a key, and the key is told at its end: how long to wait for it."""
SPEAKING_S = 15.0
UNDERSTANDING_S = 3.0
SHORTEST_SPEECH_MS = 250
"""Shorter is a cough or a click."""
CONFIRM_TRIES = 2
MAX_KEYS = 20
PERMISSION_S = 5.0
BEEP_S = 40.0


@dataclass(frozen=True, slots=True)
class Speak:
    """Say this prompt, then tell the step that it is over."""

    prompt: str
    barge_in: BargeIn = "dtmf"


@dataclass(frozen=True, slots=True)
class Go:
    """Leave for a node."""

    node: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The secret was right; go on there once the gate permits."""

    node: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A value was keyed."""

    value: Value


@dataclass(frozen=True, slots=True)
class Promised:
    """A promise was confirmed."""

    due: date
    amount: Money | None
    is_full: bool
    node: str


@dataclass(frozen=True, slots=True)
class Finish:
    """End the call now."""

    disposition: Disposition


@dataclass(frozen=True, slots=True)
class Denied:
    """The debt may not be spoken of in this call."""

    rule: str


Reply = Speak | Go | Verified | Filled | Promised | Finish | Denied | None


class Step:
    """What every step hears; by default it takes no notice."""

    deadline_s: float | None = None
    """When `too_quiet` is due; counted only while nothing is being said."""

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

    def meant(self, intents: Mapping[str, float], now_s: float) -> Reply:
        """Take the meanings an utterance may have, with their confidence."""
        return None

    def stray_key(self, *, ended: bool) -> str | None:
        """Return the one key pressed so far if it cannot be data; `ended`: by ``#``, not by a pause."""
        return None

    @property
    def takes_digits(self) -> bool:
        """Return whether 0 and 9 are data here."""
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


class AskStep(Step):
    """Asks, takes a key or a meaning, and asks again as often as the node allows."""

    def __init__(self, node: AskNode) -> None:
        self._node = node
        self._silences = node.silence.reprompt
        self._misses = node.no_match.reprompt
        self._heard = False
        self._listens = False
        self._latest_s = 0.0
        """However often speech starts and stops, this question is over then."""

    def begin(self) -> Reply:
        return self._ask(self._node.prompt)

    def prompt_over(self, now_s: float, *, interrupted: bool) -> Reply:
        self._listens = True
        self.deadline_s = now_s + self._node.wait_s
        self._latest_s = self.deadline_s + SPEAKING_S
        return None

    def key(self, digit: str, now_s: float) -> Reply:
        if digit in self._node.keys:
            return Go(self._node.keys[digit])
        return self.no_match() if digit.isdigit() else None

    def too_quiet(self, now_s: float) -> Reply:
        if self._heard:
            return self.no_match()
        self._silences -= 1
        return self._again(self._silences, self._node.silence)

    def speaking(self, now_s: float) -> None:
        if self._listens and not self._heard:
            self._heard = True
            self._wait(now_s, SPEAKING_S)

    def spoke(self, duration_ms: int, now_s: float, *, understands: bool) -> Reply:
        if not self._listens:
            return None
        if duration_ms < SHORTEST_SPEECH_MS:
            self._heard = False
            self._wait(now_s, self._node.wait_s)
            return None
        if understands:
            self._heard = True
            self._wait(now_s, UNDERSTANDING_S)
            return None
        return self.no_match()

    def meant(self, intents: Mapping[str, float], now_s: float) -> Reply:
        likely = sorted(
            (
                (sure, self._node.intents[name])
                for name, sure in intents.items()
                if name in self._node.intents
            ),
            reverse=True,
        )
        likely = [(sure, node) for sure, node in likely if sure >= ACCEPT]
        if likely and all(node == likely[0][1] or sure < likely[0][0] - MARGIN for sure, node in likely):
            return Go(likely[0][1])
        return self.no_match() if self._listens else None

    def no_match(self) -> Reply:
        """Use up one try for an answer that was none."""
        self._misses -= 1
        return self._again(self._misses, self._node.no_match)

    def _again(self, left: int, retry: Retry) -> Reply:
        return Go(retry.then) if left < 0 else self._ask(retry.say or self._node.prompt)

    def _wait(self, now_s: float, more_s: float) -> None:
        self.deadline_s = min(now_s + more_s, self._latest_s)

    def _ask(self, prompt: str) -> Reply:
        self._heard = self._listens = False
        return Speak(prompt, self._node.barge_in)


class KeyStep(Step):
    """Lets the callee key several digits; `read` makes a reply of them, or None when they will not do."""

    def __init__(
        self,
        *,
        prompt: str,
        again: str,
        tries: int,
        wait_s: float,
        length: int | None,
        failed: str,
        read: Callable[[str], Reply],
    ) -> None:
        self._prompt, self._again, self._failed, self._read = prompt, again, Go(failed), read
        self._tries, self._wait_s, self._length = tries, wait_s, length
        self._keys = ""

    @property
    def takes_digits(self) -> bool:
        return True

    def begin(self) -> Reply:
        self._keys = ""
        return Speak(self._prompt)

    def prompt_over(self, now_s: float, *, interrupted: bool) -> Reply:
        self.deadline_s = now_s + (BETWEEN_KEYS_S if self._keys else self._wait_s)
        return None

    def key(self, digit: str, now_s: float) -> Reply:
        if digit == "#":
            return self._judge() if self._keys else None
        if not digit.isdigit():
            return None
        self._keys += digit
        self.deadline_s = now_s + BETWEEN_KEYS_S
        return self._judge() if len(self._keys) >= (self._length or MAX_KEYS) else None

    def too_quiet(self, now_s: float) -> Reply:
        return self._judge()

    def stray_key(self, *, ended: bool) -> str | None:
        is_data = self._length == 1 or (ended and self._length is None)
        return self._keys if len(self._keys) == 1 and not is_data else None

    def _judge(self) -> Reply:
        keys, self._keys = self._keys, ""
        if keys and (self._length is None or len(keys) == self._length):
            reply = self._read(keys)
            if reply is not None:
                return reply
        self._tries -= 1
        return self._failed if self._tries <= 0 else Speak(self._again)


class ConfirmStep(Step):
    """Reads something back, to the end: 1 or yes, 2 or no, and a second reading if neither comes.

    A no counts at once, a yes only when all was heard: nobody agrees to what was not read to them.
    """

    def __init__(self, prompt: str, *, yes: Reply, no: Reply, neither: Reply, wait_s: float) -> None:
        self._speak, self._yes, self._no, self._neither = Speak(prompt, "none"), yes, no, neither
        self._wait_s, self._left = wait_s, CONFIRM_TRIES
        self._was_read = self._early_yes = False

    def begin(self) -> Reply:
        self._was_read = self._early_yes = False
        return self._speak

    def prompt_over(self, now_s: float, *, interrupted: bool) -> Reply:
        self._was_read = not interrupted
        if self._early_yes and self._was_read:
            return self._yes
        self.deadline_s = now_s + self._wait_s
        return None

    def key(self, digit: str, now_s: float) -> Reply:
        if digit == "2":
            return self._no
        if digit == "1":
            return self._agreed()
        return self._unclear() if self._was_read and digit.isdigit() else None

    def too_quiet(self, now_s: float) -> Reply:
        return self._unclear()

    def meant(self, intents: Mapping[str, float], now_s: float) -> Reply:
        affirmed, denied = intents.get("affirm", 0.0), intents.get("deny", 0.0)
        if denied >= ACCEPT:
            return self._no
        return self._agreed() if affirmed >= ACCEPT and denied < affirmed - MARGIN else None

    def _agreed(self) -> Reply:
        self._early_yes = not self._was_read
        return self._yes if self._was_read else None

    def _unclear(self) -> Reply:
        self._left -= 1
        return self._neither if self._left <= 0 else self.begin()


class PermissionStep(Step):
    """Waits, saying nothing, for the gate's word on the debt; no word is a no."""

    def __init__(self, node: str, now_s: float) -> None:
        self.node = node
        self.deadline_s = now_s + PERMISSION_S

    def begin(self) -> Reply:
        return None

    def too_quiet(self, now_s: float) -> Reply:
        return Denied("no_answer_from_the_gate")


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
