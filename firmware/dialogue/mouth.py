"""What is being said, and whether it was said to its end."""

from collections.abc import Mapping
from dataclasses import dataclass

from firmware.dialogue.actions import Action, BargeIn, Say, StopSaying
from firmware.dialogue.events import PromptFinished
from firmware.dialogue.flow import Flow
from firmware.dialogue.nodes import Prompt
from firmware.dialogue.replies import Speak
from firmware.dialogue.variables import Value
from firmware.dialogue.vault import DebtVault

PROMPT_S = 90.0
"""A prompt whose end is not told by then has no audio behind it."""


@dataclass(frozen=True, slots=True)
class Saying:
    """One prompt under way."""

    prompt: Prompt
    say_id: int
    barge_in: BargeIn
    until_s: float


class Mouth:
    """Says one prompt at a time, in words that come out of the vault."""

    def __init__(self, flow: Flow, vault: DebtVault) -> None:
        self._flow = flow
        self._vault = vault
        self._said = 0
        self.is_slow = False
        """The callee asked for slower speech: for the rest of the call."""
        self.saying: Saying | None = None

    @property
    def makes_disclosure(self) -> bool:
        """Return whether what is being said is something the callee must hear."""
        return self.saying is not None and bool(self.saying.prompt.discloses)

    def say(self, what: Speak, slots: Mapping[str, Value], now_s: float) -> list[Action]:
        """Order a prompt in place of whatever is being said. Raises DebtLockedError, SlotEmptyError."""
        prompt = self._flow.prompts[what.prompt]
        phrases = self._vault.words(prompt, slots)
        stop = self.stop()
        self._said += 1
        # A disclosure that a key may cut off is none; the keys for stop and for a person work all the same.
        barge_in: BargeIn = "none" if prompt.discloses else what.barge_in
        self.saying = Saying(prompt, self._said, barge_in, now_s + PROMPT_S)
        say = Say(
            prompt=prompt.id,
            phrases=phrases,
            barge_in=barge_in,
            roles=prompt.roles,
            speaks_debt=prompt.id in self._flow.debt_prompts,
            say_id=self._said,
            is_slow=self.is_slow,
        )
        return [*stop, say]

    def stop(self) -> list[Action]:
        """Fall silent, if anything is being said."""
        was, self.saying = self.saying, None
        return [] if was is None else [StopSaying()]

    def over(self, event: PromptFinished) -> Saying | None:
        """Return what is over now; None if the event is about something older."""
        was = self.saying
        if was is None or event.prompt != was.prompt.id or event.say_id not in (0, was.say_id):
            return None
        self.saying = None
        return was
