"""A sealed recording opens for its recipients only, whole or up to a tear, and never out of order."""

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pyrage
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio.errors import RecordingError, RecordingLockedError, RecordingTamperedError, RecordingWriteError
from audio.events import RecordingChunk
from audio.recording import RecordingSummary, SealedRecording, key_id, open_recording, read_recording

STARTED_AT = "2025-11-21T09:30:00Z"
IDENTITY = pyrage.x25519.Identity.generate()
RECIPIENT = str(IDENTITY.to_public())


def sound_of(n_samples: int, seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-32768, 32767, (n_samples, 2), dtype=np.int16)


def write(
    path: Path, sound: NDArray[np.int16], *, chunk: int = 1600, mark_last: bool = True, close: bool = True
) -> RecordingSummary | None:
    recording = SealedRecording(path, [RECIPIENT], started_at=STARTED_AT)
    begins = range(0, len(sound), chunk)
    for index, begin in enumerate(begins):
        is_last = mark_last and index == len(begins) - 1
        pcm = sound[begin : begin + chunk].astype("<i2").tobytes()
        recording.append(RecordingChunk(index=index, pcm=pcm, first_at_ms=begin // 8, is_last=is_last))
    return recording.close() if close else None


def messages(path: Path) -> tuple[bytes, list[bytes]]:
    """Return the header line and the sealed messages with their lengths."""
    data = path.read_bytes()
    end = data.index(b"\n") + 1
    header, rest, found = data[:end], data[end:], []
    while rest:
        n_bytes = 4 + struct.unpack(">I", rest[:4])[0]
        found.append(rest[:n_bytes])
        rest = rest[n_bytes:]
    return header, found


def test_notes_lie_beside_the_sound_and_go_with_a_torn_end(tmp_path: Path) -> None:
    path, sound = tmp_path / "call.sealed", sound_of(3200)
    recording = SealedRecording(path, [RECIPIENT], started_at=STARTED_AT)
    recording.append(RecordingChunk(index=0, pcm=sound.astype("<i2").tobytes(), first_at_ms=0, is_last=True))
    assert recording.close(b"who said what") == recording.close(b"something else"), "the first close counts"
    opened = read_recording(path, str(IDENTITY))
    assert (opened.notes, opened.is_whole) == (b"who said what", True)
    assert np.array_equal(opened.sound, sound)
    path.write_bytes(path.read_bytes()[:-1])
    torn = read_recording(path, str(IDENTITY))
    assert (torn.notes, torn.is_whole) == (b"", False)
    assert np.array_equal(torn.sound, sound)


def test_what_was_recorded_comes_back_bit_for_bit(tmp_path: Path) -> None:
    path, sound = tmp_path / "call.sealed", sound_of(7777)
    summary = write(path, sound)
    assert summary is not None
    data = path.read_bytes()
    assert summary == RecordingSummary(
        path=path, sha256=hashlib.sha256(data).hexdigest(), duration_ms=972, n_bytes=len(data)
    )
    opened, header, is_complete = open_recording(path, str(IDENTITY))
    assert np.array_equal(opened, sound)
    assert is_complete
    assert header == {
        "format": "branchline-recording",
        "version": 1,
        "rate_hz": 8000,
        "channels": ["callee", "box"],
        "recipients": [key_id(RECIPIENT)],
        "started_at": STARTED_AT,
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_each_of_two_recipients_can_open_it(tmp_path: Path) -> None:
    other = pyrage.x25519.Identity.generate()
    recording = SealedRecording(tmp_path / "r", [RECIPIENT, str(other.to_public())], started_at=STARTED_AT)
    recording.append(RecordingChunk(index=0, pcm=b"\1\0\2\0" * 160, first_at_ms=0, is_last=True))
    recording.close()
    for identity in (IDENTITY, other):
        assert open_recording(tmp_path / "r", str(identity))[0].tolist() == [[1, 2]] * 160


def test_nobody_else_can_open_it(tmp_path: Path) -> None:
    write(tmp_path / "r", sound_of(1600))
    with pytest.raises(RecordingLockedError):
        open_recording(tmp_path / "r", str(pyrage.x25519.Identity.generate()))
    with pytest.raises(RecordingLockedError):
        open_recording(tmp_path / "r", "not a key")
    pcm = sound_of(1600).astype("<i2").tobytes()
    assert pcm[:64] not in (tmp_path / "r").read_bytes()


def test_a_call_that_broke_off_still_closes_complete(tmp_path: Path) -> None:
    summary = write(tmp_path / "r", sound_of(3200), mark_last=False)
    assert summary is not None
    assert summary.duration_ms == 400
    opened, _, is_complete = open_recording(tmp_path / "r", str(IDENTITY))
    assert (len(opened), is_complete) == (3200, True)


def test_a_recording_of_nothing_is_a_recording(tmp_path: Path) -> None:
    recording = SealedRecording(tmp_path / "r", [RECIPIENT], started_at=STARTED_AT)
    assert recording.close() == recording.close()
    opened, _, is_complete = open_recording(tmp_path / "r", str(IDENTITY))
    assert (opened.shape, is_complete) == ((0, 2), True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_torn_file_opens_up_to_the_tear(tmp_path: Path, data: st.DataObject) -> None:
    path, sound = tmp_path / "whole", sound_of(8 * 1600)
    if not path.exists():
        write(path, sound)
    header, sealed = messages(path)
    whole = path.read_bytes()
    cut = data.draw(st.integers(len(header), len(whole) - 1))
    (tmp_path / "torn").write_bytes(whole[:cut])
    opened, _, is_complete = open_recording(tmp_path / "torn", str(IDENTITY))
    n_whole, position = 0, len(header)
    for message in sealed:
        position += len(message)
        n_whole += position <= cut
    assert np.array_equal(opened, sound[: n_whole * 1600])
    assert not is_complete


def test_a_process_that_was_killed_leaves_what_it_appended(tmp_path: Path) -> None:
    write(tmp_path / "r", sound_of(4800), mark_last=False, close=False)
    opened, _, is_complete = open_recording(tmp_path / "r", str(IDENTITY))
    assert (len(opened), is_complete) == (4800, False)


@pytest.mark.parametrize(
    "fault", ["swapped", "repeated", "missing", "foreign", "appended", "flipped", "header"]
)
def test_chunks_that_do_not_follow_each_other_are_refused(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "r"
    write(path, sound_of(8000, seed=1))
    write(tmp_path / "other", sound_of(8000, seed=2))
    header, sealed = messages(path)
    _, foreign = messages(tmp_path / "other")
    match fault:
        case "swapped":
            sealed[1], sealed[2] = sealed[2], sealed[1]
        case "repeated":
            sealed.insert(1, sealed[1])
        case "missing":
            del sealed[2]
        case "foreign":
            header = header.replace(b"09:30:00", b"10:30:00")
            sealed = [*messages(path)[1][:1], *foreign[1:]]
        case "appended":
            sealed.append(sealed[-1])
        case "flipped":
            sealed[3] = sealed[3][:-1] + bytes([sealed[3][-1] ^ 1])
        case "header":
            header = header.replace(b"09:30:00", b"10:30:00")
    path.write_bytes(header + b"".join(sealed))
    with pytest.raises(RecordingTamperedError):
        open_recording(path, str(IDENTITY))


def test_a_chunk_out_of_turn_is_refused_when_written(tmp_path: Path) -> None:
    recording = SealedRecording(tmp_path / "r", [RECIPIENT], started_at=STARTED_AT)
    chunk = RecordingChunk(index=1, pcm=b"", first_at_ms=0, is_last=False)
    with pytest.raises(RecordingError, match="does not follow"):
        recording.append(chunk)
    recording.append(RecordingChunk(index=0, pcm=bytes(640), first_at_ms=0, is_last=True))
    with pytest.raises(RecordingError, match="does not follow"):
        recording.append(chunk)
    recording.close()


def test_settings_that_cannot_work_are_refused_before_the_call(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="recipient"):
        SealedRecording(tmp_path / "r", [], started_at=STARTED_AT)
    with pytest.raises(RecordingError, match="age"):
        SealedRecording(tmp_path / "r", ["age1nonsense"], started_at=STARTED_AT)
    assert not (tmp_path / "r").exists()
    (tmp_path / "r").write_bytes(b"an earlier recording")
    with pytest.raises(RecordingWriteError, match="r cannot be written"):
        SealedRecording(tmp_path / "r", [RECIPIENT], started_at=STARTED_AT)


def test_a_full_disk_is_told_as_the_disk_s_fault(tmp_path: Path) -> None:
    recording = SealedRecording(tmp_path / "r", [RECIPIENT], started_at=STARTED_AT)
    with open("/dev/full", "wb", buffering=0) as full:
        written, recording._file = recording._file, full  # type: ignore[assignment]
        with pytest.raises(RecordingWriteError, match="No space"):
            recording.append(RecordingChunk(index=0, pcm=bytes(640), first_at_ms=0, is_last=False))
    written.close()
    assert issubclass(RecordingWriteError, OSError)


@pytest.mark.parametrize(
    "content", [b"", b"RIFF....", b"[]\n", json.dumps({"format": "other"}).encode() + b"\n"]
)
def test_what_is_no_recording_is_named_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r").write_bytes(content)
    with pytest.raises(RecordingError, match="not a sealed recording"):
        open_recording(tmp_path / "r", str(IDENTITY))


def test_a_newer_version_is_not_guessed_at(tmp_path: Path) -> None:
    write(tmp_path / "r", sound_of(160))
    data = (tmp_path / "r").read_bytes().replace(b'"version":1', b'"version":2')
    (tmp_path / "r").write_bytes(data)
    with pytest.raises(RecordingError, match="version 2"):
        open_recording(tmp_path / "r", str(IDENTITY))
