"""What can go wrong at the console, each in one line that ends with the next step."""

from collections.abc import Sequence


class ConsoleError(Exception):
    """Root of the console's errors: the text is one line for a person, and says what to do next."""

    exit_code = 1

    def __init__(self, text: str, *, details: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.details = tuple(details)
        """Further lines, where one cause has many places."""


class OfficeError(ConsoleError):
    """The office folder is missing, half made or not what it should be."""


class ContactsFileError(ConsoleError):
    """The call list cannot be read at all (a bad row is a `RowProblem`, not this)."""


class CampaignError(ConsoleError):
    """The campaign cannot be pushed as it is."""


class LedgerError(ConsoleError):
    """The ledger cannot be read or written."""


class BrokerError(ConsoleError):
    """The broker cannot be reached or refuses us."""


class BoxSilentError(ConsoleError):
    """The box did not answer before the deadline; what was sent waits at the broker."""

    exit_code = 3


class CommandNotDoneError(ConsoleError):
    """The box answered, and did not do it."""

    exit_code = 4


class ClaimError(ConsoleError):
    """A machine that wants to be a box cannot be made one so."""


class ReleaseError(ConsoleError):
    """A release cannot be made or published so; nothing that boxes see was changed."""


class CampaignRefusedError(ConsoleError):
    """The box answered, and does not take the campaign."""

    exit_code = 4
