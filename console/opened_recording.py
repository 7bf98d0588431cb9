"""A sealed recording to a WAV or FLAC file, and to a picture of what is in it."""

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

from console.errors import ConsoleError
from console.private_files import write_private

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SUFFIXES = {".wav": "WAV", ".flac": "FLAC"}


def write_sound(
    recording: Path,
    target: Path,
    identity_file: Path,
    *,
    picture: Path | None = None,
    transcript: Path | None = None,
    outcome: str = "",
) -> str:
    """Write the recording as WAV or FLAC, by the target's name, that only its owner may read; say what was done.

    `picture` is where to draw it as SVG, `transcript` where to write what was said, `outcome` what came of the call.
    Raises ConsoleError, with nothing written.
    """
    # Here and not above: numpy and the audio room would make every other command start late.
    from audio.errors import RecordingError  # noqa: PLC0415
    from audio.recording import read_recording  # noqa: PLC0415

    kind = SUFFIXES.get(target.suffix.lower())
    if kind is None:
        raise ConsoleError(f"{target}: recordings open to .wav or .flac; name such a file with --out")
    beside = {"--picture": picture, "--transcript": transcript}
    for option, path in (("--out", target), *beside.items()):
        if path is not None and path.exists():
            raise ConsoleError(f"{path} is there already; name another file with {option}")
    try:
        identity = identity_file.read_text(encoding="utf-8").strip()
        opened = read_recording(recording, identity)
    except RecordingError as error:
        raise ConsoleError(f"{error}; name a recording that was sealed for this office") from None
    samples, header, complete = opened.sound, opened.header, opened.is_whole
    rate_hz = int(header["rate_hz"])
    end = "" if complete else "; its end is missing, the box was cut off while it recorded"
    try:
        write_private(target, encoded(samples, rate_hz, kind))
        if transcript is not None:
            write_private(transcript, _said(opened.notes).encode())
        if picture is not None:
            note = ", ".join(part for part in (outcome, end.removeprefix("; ")) if part)
            write_private(
                picture, _drawn(samples, rate_hz, f"{recording.name}, {header['started_at']}", note).encode()
            )
    except FileExistsError as error:
        raise ConsoleError(f"{error.filename} is there already; name another file with --out") from None
    drawn = f", drawn in {picture}" if picture is not None else ""
    drawn += f", what was said in {transcript}" if transcript is not None else ""
    return (
        f"{target}: {samples.shape[0] / rate_hz:.1f} s, left the person called, right the box{drawn}{end}; "
        "delete it when you are done"
    )


def _said(notes: bytes) -> str:
    """Return what was said as text, one line each; a line that says so where the box wrote none."""
    from audio.transcript import from_bytes  # noqa: PLC0415 - the audio room starts slowly

    lines = [
        f"{each.at_ms / 1000:7.1f} s  {each.speaker}{f' ({each.prompt})' if each.prompt else ''}: "
        f"{'key ' if each.is_key else ''}{each.text or '(not understood)'}\n"
        for each in from_bytes(notes)
    ]
    return "".join(lines) or "(the box wrote no transcript into this recording)\n"


def digest_of(recording: Path) -> str:
    """Return the SHA-256 by which outcomes name the sealed file, empty when it cannot be read."""
    try:
        with recording.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def encoded(samples: "NDArray[np.int16]", rate_hz: int, kind: str) -> bytes:
    """Return the sound (int16, shape (n_samples, 2)) as a file of `kind`, WAV or FLAC."""
    import soundfile  # noqa: PLC0415

    content = io.BytesIO()
    soundfile.write(content, samples, rate_hz, subtype="PCM_16", format=kind)
    return content.getvalue()


def _drawn(samples: "NDArray[np.int16]", rate_hz: int, title: str, note: str) -> str:
    from audio.recording_marks import marks_of  # noqa: PLC0415
    from console.recording_picture import draw_recording  # noqa: PLC0415

    return draw_recording(samples, rate_hz, marks_of(samples), title=title, note=note)


def callee_sound(recording: Path, identity_file: Path) -> bytes:
    """Return the person called alone, as a WAV file's bytes. Raises ConsoleError."""
    from audio.errors import RecordingError  # noqa: PLC0415
    from audio.recording import open_recording  # noqa: PLC0415

    try:
        identity = identity_file.read_text(encoding="utf-8").strip()
        samples, header, _ = open_recording(recording, identity)
    except RecordingError as error:
        raise ConsoleError(f"{error}; name recordings that were sealed for this office") from None
    return encoded(samples[:, 0], int(header["rate_hz"]), SUFFIXES[".wav"])
