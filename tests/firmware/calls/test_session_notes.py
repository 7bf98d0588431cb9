"""What a call's sound tells about the line ends up in the call's own record."""

import pytest

from audio import (
    AudioEvent,
    FaxHeard,
    LineFaultCleared,
    LineFaultRaised,
    ProgressHeard,
    SitHeard,
)
from audio.dsp.fax import FaxTone
from audio.dsp.line_watch import LineFault
from audio.dsp.progress_tones import ProgressTone
from audio.dsp.sit import SitCode
from tests.firmware.calls.told_call import call_with

HEARD: dict[str, AudioEvent] = {
    "progress": ProgressHeard(
        at_ms=300, tone=ProgressTone.BUSY, countries=("CN", "RU"), others=(), frequency_hz=450.0
    ),
    "sit": SitHeard(at_ms=0, code=SitCode.VACANT),
    "fax": FaxHeard(at_ms=0, tone=FaxTone.ANSWERING),
    "line_fault": LineFaultRaised(at_ms=8000, fault=LineFault.DEAD_AIR),
    "line_fault_over": LineFaultCleared(at_ms=9000, fault=LineFault.DEAD_AIR),
}
NOTED = {
    "progress": {"tone": "busy", "countries": ["CN", "RU"]},
    "sit": {"code": "vacant"},
    "fax": {"tone": "answering"},
    "line_fault": {"fault": "dead_air"},
    "line_fault_over": {"fault": "dead_air"},
}


@pytest.mark.parametrize("kind", HEARD)
def test_a_note_is_made(kind: str) -> None:
    _log, _hung_up, notes = call_with([HEARD[kind]])
    assert (kind, NOTED[kind]) in notes
