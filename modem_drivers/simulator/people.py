"""People as data: who has which number, and what they do when it rings."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from modem_drivers.simulator.tones import KEYS, NETWORK_TONES


class Reaction(StrEnum):
    """What becomes of a call to somebody."""

    ANSWER = "answer"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    SWITCHED_OFF = "switched_off"
    UNREACHABLE = "unreachable"
    REJECTS = "rejects"
    VACANT = "vacant"
    CONGESTED = "congested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Speak `text`."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForSilence:
    """Wait until the caller has spoken and then been silent for `silence_s`, or until `timeout_s`."""

    silence_s: float
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """Press keys one after the other."""

    keys: str
    tone_s: float = 0.1
    gap_s: float = 0.1

    def __post_init__(self) -> None:
        strange = sorted({key for key in self.keys if key.upper() not in KEYS})
        if strange or not self.keys:
            raise ValueError(f"{''.join(strange) or 'nothing'} is no telephone key: use 0-9, A-D, * or #")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Do nothing for a while."""

    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Beep:
    """Sound one tone, as an answering machine does before it records."""

    frequency_hz: float
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """Give back what the caller says, a while later, as an echo test number does."""

    duration_s: float
    delay_s: float = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """Put the telephone down."""


Step: TypeAlias = Say | WaitForSilence | Press | Pause | Beep | Echo | HangUp


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnText:
    """A text somebody sends unasked, so long after the network began."""

    after_s: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with a telephone."""

    number: str
    """International, `+8613800000001`; the network also finds them under the national form."""
    reaction: Reaction = Reaction.ANSWER
    later_reactions: tuple[Reaction, ...] = ()
    """What becomes of the second call, the third…; the last one stays true."""
    ring_s: float | None = None
    """From the first ring to the answer or rejection; None: 3 s, for no_answer until the network gives up."""
    language: str = "zh"
    steps: tuple[Step, ...] = ()
    patience_s: float = 120.0
    """How long they stay on the line, silent, after the last step; then they hang up."""
    noise_dbfs: float | None = None
    """Level of the room behind them; None is digital silence."""
    cause: int | None = None
    """Release cause (3GPP TS 24.008 table 10.5.123) the network gives in place of the reaction's own."""
    announcement: str | None = None
    """What the carrier says in the caller's ear before it releases a call that was not answered."""
    tone: str | None = None
    """Which tone follows, before the release: busy, congestion or vacant."""
    tone_s: float = 3.0
    calls_after_s: tuple[float, ...] = ()
    """When they call the modem, after the network began; `ring_s` is then how long they let it ring."""
    texts: tuple[OwnText, ...] = ()
    answers_texts: tuple[str, ...] = ()
    """What they answer to the first text that reaches them, to the second…; then nothing."""

    def __post_init__(self) -> None:
        if self.ring_s is not None and self.ring_s < 0:
            raise ValueError("ring_s is a duration: give seconds from 0")
        if self.tone is not None and self.tone not in NETWORK_TONES:
            raise ValueError(f"{self.tone} is no tone: use {', '.join(NETWORK_TONES)}")

    def reaction_to_call(self, earlier_calls: int) -> Reaction:
        """Return what becomes of a call after so many earlier ones."""
        if earlier_calls == 0 or not self.later_reactions:
            return self.reaction
        return self.later_reactions[min(earlier_calls, len(self.later_reactions)) - 1]
