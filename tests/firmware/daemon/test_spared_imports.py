"""A daemon has in its memory what it uses, and what it leaves out changes no answer."""

import json
import subprocess
import sys
from datetime import date

import pytest

from firmware.compliance.holiday_calendar import HolidayCalendars
from firmware.compliance.library import load_packs

NOT_FOR_A_DAEMON = ("rich", "pygments", "typer", "click", "sqlite_utils", "holidays.countries.zimbabwe")
ONE_YEAR = [
    date.fromordinal(day) for day in range(date(2026, 1, 1).toordinal(), date(2027, 1, 1).toordinal())
]
PROGRAM = """
import json, sys
from datetime import date
import firmware.daemon.__main__
from firmware.compliance.holiday_calendar import HolidayCalendars, UnknownCalendarError, check_calendar
from firmware.compliance.library import load_packs
loaded = sorted(sys.modules)
load_packs()
calendars = HolidayCalendars()
days = [date.fromisoformat(day) for day in json.load(sys.stdin)]
closed = {name: [calendars.why_closed(name, day) for day in days] for name in sys.argv[1:]}
import rich.console, typing_extensions  # whoever wants them later has them
json.dump({"loaded": loaded, "closed": closed}, sys.stdout)
"""


@pytest.fixture(scope="module")
def calendars() -> list[str]:
    """Every calendar of the packs that ship."""
    return sorted({name for pack in load_packs().packs for name in pack.time.holiday_calendars})


def test_what_is_left_out_is_not_missed(calendars: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, *calendars],
        input=json.dumps([day.isoformat() for day in ONE_YEAR]),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(NOT_FOR_A_DAEMON) & set(found["loaded"]) == set()
    ours = HolidayCalendars()
    assert len(calendars) > 40
    assert found["closed"] == {name: [ours.why_closed(name, day) for day in ONE_YEAR] for name in calendars}
