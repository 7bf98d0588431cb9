"""What can be wrong with a flow or a contact, said so that whoever wrote it can mend it."""

from dataclasses import dataclass


class DialogueError(Exception):
    """Root of this package's errors."""


@dataclass(frozen=True, slots=True, order=True)
class FlowProblem:
    """One reason why a flow is refused, and where it stands."""

    line: int
    """From 1; 0 when the flow was not read from text."""
    column: int
    check: str
    """`syntax`, `shape`, or `check 1` to `check 6` (the checks of the flow language)."""
    message: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.check}: {self.message}"


class FlowRefusedError(DialogueError):
    """The flow must not be used; every problem found is in `problems`."""

    def __init__(self, problems: tuple[FlowProblem, ...], *, source: str = "flow") -> None:
        super().__init__("\n".join(f"{source}:{problem}" for problem in problems))
        self.problems = problems
        self.source = source


class ContactRefusedError(DialogueError):
    """A contact does not fit the flow. The text never repeats the offending value."""

    def __init__(self, reason: str, field: str, detail: str) -> None:
        super().__init__(f"{reason}: {field}: {detail}")
        self.reason = reason
        """missing_var, ill_typed, unspeakable, reveals_debt, reveals_secret or language_not_offered."""
        self.field = field
        self.detail = detail


class UnspeakableError(DialogueError):
    """A value cannot be said in a language; the text says why without the value."""


class DebtLockedError(DialogueError):
    """Words about the debt were asked for before the person was verified and the gate said yes."""

    def __init__(self, prompt: str) -> None:
        super().__init__(f"prompt {prompt!r} speaks of the debt, and the debt is locked")
        self.prompt = prompt


class SlotEmptyError(DialogueError):
    """A prompt was to speak what nobody has keyed yet."""

    def __init__(self, prompt: str, slot: str) -> None:
        super().__init__(f"prompt {prompt!r} speaks the slot {slot!r}, which is empty")
        self.prompt = prompt
        self.slot = slot
