"""A recording that a box sealed opens at this office, and nowhere else."""

import wave
from pathlib import Path

import numpy as np
import pyrage
import pytest

from audio.events import RecordingChunk
from audio.recording import SealedRecording
from console.errors import ConsoleError
from console.office import Office
from console.opened_recording import write_wave

N_MOMENTS = 16_000


@pytest.fixture
def sealed(office: Office, tmp_path: Path) -> Path:
    """Two seconds: a ramp at the left, its mirror at the right."""
    recipient = office.recording_recipient.read_text().strip()
    recording = SealedRecording(tmp_path / "call.rec", [recipient], started_at="2026-11-02T02:00:00Z")
    recording.append(RecordingChunk(index=0, pcm=sound().tobytes(), first_at_ms=0, is_last=True))
    recording.close()
    return tmp_path / "call.rec"


def sound() -> "np.typing.NDArray[np.int16]":
    ramp = (np.arange(N_MOMENTS) - N_MOMENTS // 2).astype("<i2")
    return np.stack([ramp, -ramp], axis=1)


def test_the_office_hears_what_the_box_sealed(office: Office, sealed: Path, tmp_path: Path) -> None:
    said = write_wave(sealed, tmp_path / "call.wav", office.recording_identity)
    assert "2.0 s" in said
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        heard = np.frombuffer(file.readframes(N_MOMENTS), dtype="<i2").reshape(-1, 2)
    assert np.array_equal(heard, sound())
    assert (tmp_path / "call.wav").stat().st_mode & 0o077 == 0, "what a person said is its owner's alone"


def test_a_torn_recording_says_so(office: Office, sealed: Path, tmp_path: Path) -> None:
    sealed.write_bytes(sealed.read_bytes()[:-1])
    assert "its end is missing" in write_wave(sealed, tmp_path / "call.wav", office.recording_identity)


def test_another_office_does_not_hear_it(sealed: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.age"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    with pytest.raises(ConsoleError, match="does not open") as caught:
        write_wave(sealed, tmp_path / "call.wav", other)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "call.wav").exists()


def test_nothing_is_overwritten(office: Office, sealed: Path, tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_text("kept")
    with pytest.raises(ConsoleError, match="--out"):
        write_wave(sealed, tmp_path / "call.wav", office.recording_identity)
    assert (tmp_path / "call.wav").read_text() == "kept"
