"""What is true of a call once it was answered; kept by its session, read for its log."""

from dataclasses import dataclass, field
from datetime import datetime

from audio.dsp.endpointer import Patience
from audio.transcript import Speaker, TranscriptEntry
from firmware.calls.listening import Question
from firmware.calls.outcome import PromiseMade, TextWanted
from firmware.dialogue import actions as acts
from firmware.dialogue.slots import Asked
from firmware.values import Disposition

NO_QUESTION = Question(asked=Asked.NOTHING, expected=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """Something that was said, or a key."""

    at_s: float
    speaker: Speaker
    text: str = field(repr=False)
    prompt: str = ""
    confidence: float | None = None
    is_key: bool = False


@dataclass(slots=True)
class Talk:
    """What is true once the call was answered."""

    answered_s: float
    machine: bool = False
    human: bool = False
    key: bool = False
    """A key was pressed: machines press none."""
    answered_by: Disposition | None = None
    """What took the call, as far as the sound tells; None for a person."""
    verified: bool = False
    decided: Disposition | None = None
    ends_after_prompt: bool = False
    promise: PromiseMade | None = None
    callback: datetime | None = None
    transfer: str | None = None
    """Why a person was wished for, as the flow's `transfer` names it."""
    joined_s: float | None = None
    """When a person took over: from here on the box says, reads and hears nothing."""
    suppressed: tuple[str, ...] = ()
    answers: dict[str, str] = field(default_factory=dict)
    texts: tuple[TextWanted, ...] = ()
    """What is to be sent once the call is over."""
    recorded_from_s: float | None = None
    """When the recording began."""
    spoken: list[Spoken] = field(default_factory=list)
    """What was said so far: for the sealed recording alone, as the record lies unencrypted on the box."""
    playing: int = 0
    """The play id now in the air, 0 for none."""
    prompts: dict[int, acts.Say] = field(default_factory=dict)
    patience: Patience = Patience.OPEN
    """What the call's sound was last told to expect."""
    question: Question = NO_QUESTION
    """What the callee answers who is speaking now."""

    @property
    def is_person(self) -> bool:
        """Somebody was heard, and nothing heard was a machine's; a key outweighs what the sound resembles."""
        return self.key or self.verified or (self.human and not self.machine and self.answered_by is None)

    def transcript(self) -> list[TranscriptEntry]:
        """Return what was said by the recording's own time; none of a call that is not recorded."""
        began_s = self.recorded_from_s
        if began_s is None:
            return []
        return [
            TranscriptEntry(
                at_ms=round(1000 * (each.at_s - began_s)),
                speaker=each.speaker,
                text=each.text,
                prompt=each.prompt,
                confidence=each.confidence,
                is_key=each.is_key,
            )
            for each in self.spoken
        ]
