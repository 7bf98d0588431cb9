"""What was said is recorded after the notice, both ways, and only the console can open it."""

import asyncio
from pathlib import Path

import numpy as np
import pyrage
import pytest

from audio.errors import RecordingLockedError
from audio.recording import open_recording, read_recording
from audio.transcript import Speaker, from_bytes
from console.recording_fetch import RecordingFetcher
from console.signed_sender import SignedSender
from firmware.store import recordings
from firmware.sync.messages import OutcomeMessage
from modem_drivers.simulator.people import Pause, Person, Press, Say, WaitForSilence
from tests.scenarios.town import Town, contact
from tests.scenarios.virtual_time import run_virtually

TALKS = Person(
    number="+8613123456701",
    ring_s=1,
    steps=(
        Say(text="喂，你好"),
        WaitForSilence(silence_s=1.0),
        Say(text="他不在家，你改天再打"),
        Pause(duration_s=1),
        Press(keys="2"),
    ),
)


async def fetch(town: Town, target: Path) -> Path:
    """Fetch the recording of the only call, as `recording fetch` does."""
    (call,) = [message for message in town.seen if isinstance(message, OutcomeMessage)]
    assert call.recording is not None
    wanted = [town.topics.up(f"recording/{call.recording}")]
    async with town.broker.connect("console-fetch", wanted) as connection:
        fetcher = RecordingFetcher(
            call.recording,
            target,
            connection=connection,
            sender=SignedSender(connection, town.key),
            topics=town.topics,
            clock=town.clock,
            ids=town.ids,
            known_sha256=call.recording_sha256,
        )
        await fetcher.run(patience_s=60, on_progress=lambda _n, _of: None)
    await asyncio.sleep(5)
    return target


def test_the_console_opens_what_the_box_sealed(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, [TALKS], n_modems=1)
        async with town.open():
            await town.push([contact(1)])
            await town.until(lambda: town.outcomes() == {"c01": "third_party"})
            assert town.box is not None
            notice = await town.box.database.read(
                lambda con: con.rows(
                    "SELECT at, kind, detail FROM call_event WHERE kind IN ('recording_started', 'prompt_said')"
                )
            )
            fetched = await fetch(town, tmp_path / "fetched.blrec")
            (stored,) = await town.box.database.read(recordings.list_recordings)
            assert stored.uploaded_at is not None, "retention may count from here"
        (sealed,) = (Path(town.settings.box.data_dir) / "recordings").iterdir()
        assert sealed.stat().st_mode & 0o077 == 0
        identity = town.office.recording_identity.read_text(encoding="utf-8").strip()
        sound, _header, complete = open_recording(sealed, identity)
        assert complete
        assert fetched.read_bytes() == sealed.read_bytes()
        said_so = from_bytes(read_recording(sealed, identity).notes)
        opening, *rest = said_so
        assert (opening.speaker, opening.prompt) == (Speaker.BOX, "opening")
        assert "安心银行" in opening.text
        assert opening.at_ms < 0 < rest[-1].at_ms < len(sound) / 8
        assert [each.text for each in rest if each.is_key] == ["2"]
        assert "安心银行".encode() not in sealed.read_bytes()
        heard, said = sound[:, 0].astype(float), sound[:, 1].astype(float)
        assert np.abs(heard).max() > 1000
        assert np.abs(said).max() > 1000
        # The first thing of the call, the opening with its notice, was said before the recording began.
        assert notice[0]["kind"] == "prompt_said"
        assert '"opening"' in notice[0]["detail"]
        assert notice[1]["kind"] == "recording_started"
        with pytest.raises(RecordingLockedError):
            open_recording(sealed, str(pyrage.x25519.Identity.generate()))
        assert b"RIFF" not in sealed.read_bytes()[:4096]

    run_virtually(story())
