"""A sealed recording to a WAV file."""

import io
import wave
from pathlib import Path

from console.errors import ConsoleError
from console.private_files import write_private


def write_wave(recording: Path, target: Path, identity_file: Path) -> str:
    """Write the recording as WAV that only its owner may read. Return a line that says what was done.

    Raises ConsoleError.
    """
    # Here and not above: numpy and the audio room would make every other command start late.
    from audio.errors import RecordingError  # noqa: PLC0415
    from audio.recording import open_recording  # noqa: PLC0415

    try:
        identity = identity_file.read_text(encoding="utf-8").strip()
        samples, header, complete = open_recording(recording, identity)
    except RecordingError as error:
        raise ConsoleError(f"{error}; name a recording that was sealed for this office") from None
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(int(header["rate_hz"]))
        file.writeframes(samples.astype("<i2").tobytes())
    try:
        write_private(target, content.getvalue())
    except FileExistsError:
        raise ConsoleError(f"{target} is there already; name another file with --out") from None
    seconds = samples.shape[0] / int(header["rate_hz"])
    end = "" if complete else "; its end is missing, the box was cut off while it recorded"
    return (
        f"{target}: {seconds:.1f} s, left the person called, right the box{end}; delete it when you are done"
    )
