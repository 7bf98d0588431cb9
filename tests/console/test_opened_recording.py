"""A recording that a box sealed opens at this office, and nowhere else."""

import wave
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyrage
import pytest
import soundfile

from audio.dsp.dtmf_generator import digits_clip
from audio.events import RecordingChunk
from audio.recording import SealedRecording
from audio.recording_marks import MarkKind, marks_of
from audio.speech.espeak import EspeakSynthesizer
from audio.transcript import Speaker, TranscriptEntry, to_bytes
from console.errors import ConsoleError
from console.office import Office
from console.opened_recording import write_sound
from console.recording_picture import LEFT, RIGHT, WIDTH, draw_recording

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
    said = write_sound(sealed, tmp_path / "call.wav", office.recording_identity)
    assert "2.0 s" in said
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        heard = np.frombuffer(file.readframes(N_MOMENTS), dtype="<i2").reshape(-1, 2)
    assert np.array_equal(heard, sound())
    assert (tmp_path / "call.wav").stat().st_mode & 0o077 == 0, "what a person said is its owner's alone"


def test_what_was_said_is_written_beside_it(office: Office, sealed: Path, tmp_path: Path) -> None:
    recipient = office.recording_recipient.read_text().strip()
    recording = SealedRecording(tmp_path / "talk.rec", [recipient], started_at="2026-11-02T02:00:00Z")
    recording.append(RecordingChunk(index=0, pcm=sound().tobytes(), first_at_ms=0, is_last=True))
    said = [
        TranscriptEntry(at_ms=-1500, speaker=Speaker.BOX, text="您好", prompt="opening"),
        TranscriptEntry(at_ms=1200, speaker=Speaker.CALLEE, text="", confidence=0.1),
        TranscriptEntry(at_ms=1700, speaker=Speaker.CALLEE, text="2", is_key=True),
    ]
    recording.close(to_bytes(said))
    for name, source in (("talk", tmp_path / "talk.rec"), ("old", sealed)):
        target = tmp_path / f"{name}.txt"
        told = write_sound(source, tmp_path / f"{name}.wav", office.recording_identity, transcript=target)
        assert target.name in told
        assert target.stat().st_mode & 0o077 == 0
    assert [line.strip() for line in (tmp_path / "talk.txt").read_text(encoding="utf-8").splitlines()] == [
        "-1.5 s  box (opening): 您好", "1.2 s  callee: (not understood)", "1.7 s  callee: key 2",
    ]  # fmt: skip
    assert "no transcript" in (tmp_path / "old.txt").read_text(encoding="utf-8")
    with pytest.raises(ConsoleError, match="another file with --transcript"):
        write_sound(sealed, tmp_path / "x.wav", office.recording_identity, transcript=tmp_path / "old.txt")


def test_flac_holds_the_same(office: Office, sealed: Path, tmp_path: Path) -> None:
    write_sound(sealed, tmp_path / "call.flac", office.recording_identity)
    heard, rate_hz = soundfile.read(tmp_path / "call.flac", dtype="int16")
    assert rate_hz == 8000
    assert np.array_equal(heard, sound())
    assert (tmp_path / "call.flac").read_bytes()[:4] == b"fLaC"
    assert (tmp_path / "call.flac").stat().st_mode & 0o077 == 0


def test_another_kind_of_file_is_refused(office: Office, sealed: Path, tmp_path: Path) -> None:
    with pytest.raises(ConsoleError, match=r"\.wav or \.flac"):
        write_sound(sealed, tmp_path / "call.mp3", office.recording_identity)
    assert not (tmp_path / "call.mp3").exists()


def test_a_picture_shows_what_was_heard(office: Office, tmp_path: Path) -> None:
    """Keys of the person called, keys of the box, speech, and what came of the call, each at its place in time."""
    callee = np.zeros(8000 * 6, dtype=np.int16)
    box = callee.copy()
    pressed, sent = digits_clip("42", tone_ms=100, pause_ms=150), digits_clip("7", tone_ms=100)
    callee[8000 : 8000 + len(pressed)] = pressed
    box[16_000 : 16_000 + len(sent)] = sent
    spoken = EspeakSynthesizer().render("I have paid this already.", "en")[: 8000 * 2]
    callee[24_000 : 24_000 + len(spoken)] = spoken
    marks = marks_of(np.stack([callee, box], axis=1))
    keys = [mark for mark in marks if mark.kind is MarkKind.KEY]
    assert [(mark.label, mark.is_callee) for mark in keys] == [("4", True), ("2", True), ("7", False)]
    assert [mark.begin_ms for mark in keys] == pytest.approx([1000, 1250, 2000], abs=15)
    (speech,) = [mark for mark in marks if mark.kind is MarkKind.SPEECH and mark.begin_ms > 2800]
    assert speech.is_callee
    assert speech.begin_ms == pytest.approx(3000, abs=150)
    recording = SealedRecording(
        tmp_path / "call.rec",
        [office.recording_recipient.read_text().strip()],
        started_at="2026-11-02T02:00:00Z",
    )
    pcm = np.stack([callee, box], axis=1).astype("<i2").tobytes()
    recording.append(RecordingChunk(index=0, pcm=pcm, first_at_ms=0, is_last=True))
    recording.close()
    picture = tmp_path / "call.svg"
    said = write_sound(
        tmp_path / "call.rec",
        tmp_path / "call.wav",
        office.recording_identity,
        picture=picture,
        outcome="promise <1>",
    )
    assert "call.svg" in said
    assert picture.stat().st_mode & 0o077 == 0
    drawn = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    texts = ["".join(text.itertext()) for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "promise <1>" in texts
    assert [text[0] for text in texts if "s: " in text and text[0] in "427"] == ["4", "2", "7"]
    x = [
        float(text.get("x", 0)) for text in drawn.iter("{http://www.w3.org/2000/svg}text") if text.text == "4"
    ]
    assert x == [pytest.approx(LEFT + (WIDTH - LEFT - RIGHT) / 6, abs=4)]
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}polygon"))) == 2


def test_an_empty_recording_draws_too(tmp_path: Path) -> None:
    empty = np.zeros((0, 2), dtype=np.int16)
    ElementTree.fromstring(draw_recording(empty, 8000, marks_of(empty), title="empty"))


def test_a_torn_recording_says_so(office: Office, sealed: Path, tmp_path: Path) -> None:
    sealed.write_bytes(sealed.read_bytes()[:-1])
    assert "its end is missing" in write_sound(sealed, tmp_path / "call.wav", office.recording_identity)


def test_another_office_does_not_hear_it(sealed: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.age"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    with pytest.raises(ConsoleError, match="does not open") as caught:
        write_sound(sealed, tmp_path / "call.wav", other)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "call.wav").exists()


def test_nothing_is_overwritten(office: Office, sealed: Path, tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_text("kept")
    with pytest.raises(ConsoleError, match="--out"):
        write_sound(sealed, tmp_path / "call.wav", office.recording_identity)
    assert (tmp_path / "call.wav").read_text() == "kept"
