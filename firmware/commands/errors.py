"""Why a command was not done."""


class CommandError(Exception):
    """Root of this package's errors: a name for programs, and a text that says what to do."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class CommandRefusedError(CommandError):
    """Nothing was done."""


class CommandFailedError(CommandError):
    """It was tried and did not succeed."""
