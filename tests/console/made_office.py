"""An office as `init` and `box add` make it, for tests: one way to make it instead of one a file."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from console.authority import init_office, issue_box
from console.office import Office


def make_office(
    folder: Path, *, boxes: Sequence[str] = ("b1", "b2"), port: int = 8883, hosts: Sequence[str] = ()
) -> Office:
    """Make an office of the tenant ``demo`` with these boxes, all certificates from now on."""
    now = datetime.now(UTC)
    office = init_office(folder, "demo", "localhost", now=now, broker_port=port, other_hosts=hosts)
    for box in boxes:
        issue_box(office, box, now=now)
    return office
