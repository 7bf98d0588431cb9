"""How far an update has come, on the disk before anything is done by it; and what the daemon and root tell each other."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from provisioning.disk import Disk
from provisioning.layout import Layout

Phase = Literal["wanted", "fetched", "installed", "switching", "trial", "rolling_back", "good", "failed"]
MAX_WANTED_BYTES = 4096


class UpdateWanted(msgspec.Struct, kw_only=True, frozen=True):
    """What the daemon's user asks for: written by the daemon, read by root, and believed no further than this."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    version: Annotated[str, msgspec.Meta(pattern=r"^[0-9][A-Za-z0-9_.!+]{0,40}$")]
    until: datetime
    """Not begun any more after this."""
    when: Literal["hours", "now"] = "hours"


class UpdateState(msgspec.Struct, kw_only=True, frozen=True):
    """One update."""

    id: str
    version: str
    until: datetime
    when: Literal["hours", "now"]
    phase: Phase
    bundle: str = ""
    before: str = ""
    """The release that is gone back to."""
    after: str = ""
    tries: int = 0
    """Starts of the new release, counted before each."""
    bad_before: tuple[str, ...] = ()
    """What the self-check complained of under the old release, or could not tell: the new one may complain of that too."""
    reason: str = ""
    detail: str = ""


class UpdateOutcome(msgspec.Struct, kw_only=True, frozen=True):
    """What came of it, for the daemon to tell the console."""

    id: str
    version: str
    good: bool
    reason: str = ""
    detail: str = ""


class UpdateFiles:
    """The files of updating. Root's are root's alone; the daemon's folder holds what it asks and what it is told."""

    def __init__(self, layout: Layout, disk: Disk) -> None:
        self._layout = layout
        self._disk = disk

    def state(self) -> UpdateState | None:
        """Return the update under way."""
        return self._read("state.json")

    def put(self, state: UpdateState) -> UpdateState:
        """Write down how far it has come."""
        self._disk.write(self._layout.updates / "state.json", msgspec.json.encode(state))
        return state

    def last(self) -> UpdateState | None:
        """Return the update that ended last."""
        return self._read("last.json")

    def end(self, state: UpdateState) -> None:
        """Have no update be under way: this one has ended."""
        self._disk.write(self._layout.updates / "last.json", msgspec.json.encode(state))
        self._disk.remove(self._layout.updates / "state.json")

    def wanted(self) -> UpdateWanted | None:
        """Return what is asked for, None where nothing is, or nothing that can be read."""
        path = self._layout.update_wanted
        try:
            if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_WANTED_BYTES:
                return None
            return msgspec.json.decode(path.read_bytes(), type=UpdateWanted)
        except (OSError, msgspec.MsgspecError):
            return None

    def drop_wanted(self) -> None:
        """Have nothing be asked for any more."""
        self._disk.remove(self._layout.update_wanted)

    def hold_calls(self) -> None:
        """Have the daemon place no call while the new release is on trial."""
        self._disk.write(self._layout.update_trial, b"", mode=0o644)

    def let_calls(self) -> None:
        """Have the daemon place calls again."""
        self._disk.remove(self._layout.update_trial)

    def tell(self, outcome: UpdateOutcome) -> None:
        """Have the daemon tell the console what came of it."""
        self._disk.write(self._layout.update_outcome, msgspec.json.encode(outcome), mode=0o644)

    def _read(self, name: str) -> UpdateState | None:
        try:
            return msgspec.json.decode((self._layout.updates / name).read_bytes(), type=UpdateState)
        except (OSError, msgspec.MsgspecError):
            return None
