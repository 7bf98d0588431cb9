"""How recordings go up: the box's own settings and the console's both hold, on both ways together."""

import asyncio
from datetime import UTC, datetime, time

import pytest

from firmware.daemon.enforcing import enforce_recordings
from firmware.sync.messages_config import ConfigSettings, RecordingsConfig
from firmware.sync.upload_pace import UploadPace, UploadTerms
from tests.firmware.sync.sync_world import run_virtually

OWN = UploadTerms(kbit_s=256, opens=time(18), closes=time(6), time_zone=UTC)


@pytest.mark.parametrize(
    ("asked", "hour", "opens_hour"),
    [
        (None, 20, None),
        (None, 12, 18),
        (RecordingsConfig(opens="20:00", closes="22:00"), 21, None),
        (RecordingsConfig(opens="20:00", closes="22:00"), 19, 20),
        (RecordingsConfig(opens="10:00", closes="14:00"), 12, 18),
        (RecordingsConfig(), 12, 18),
    ],
)
def test_both_hours_hold(asked: RecordingsConfig | None, hour: int, opens_hour: int | None) -> None:
    pace = UploadPace(OWN)
    enforce_recordings(pace)(ConfigSettings(recordings=asked))
    found = pace.opens_at(datetime(2026, 11, 24, hour, tzinfo=UTC))
    assert (None if found is None else found.hour) == opens_hour


@pytest.mark.parametrize(("kbit_s", "took_s"), [(None, 10), (64, 40), (1000, 10)])
def test_one_allowance_for_both_ways(kbit_s: int | None, took_s: int) -> None:
    """320 kB in two halves by two senders: ten seconds at 256 kbit/s, and never faster for being asked to."""

    async def story() -> float:
        pace = UploadPace(OWN)
        enforce_recordings(pace)(ConfigSettings(recordings=RecordingsConfig(kbit_s=kbit_s)))
        began_s = asyncio.get_running_loop().time()

        async def send() -> None:
            for _ in range(5):
                await pace.wait_turn()
                pace.took(32_000)

        await asyncio.gather(send(), send())
        await pace.wait_turn()
        return asyncio.get_running_loop().time() - began_s

    assert run_virtually(story()) == pytest.approx(took_s)
