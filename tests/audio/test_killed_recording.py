"""A recording process that is killed leaves every chunk it appended; what it had not appended is not there."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyrage
import pytest

from audio.recording import open_recording

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys, time
from pathlib import Path
from audio import CallAudio, RecordingChunk, StartRecording
from audio.frame import frame_from_bytes
from audio.recording import SealedRecording
import numpy as np

path, recipient, appends = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "append"
call, kept = CallAudio(recording_chunk_ms=200), []
call.order(StartRecording())
recording = SealedRecording(path, [recipient], started_at="2026-01-01T00:00:00Z")
for number in range(10_000):
    _, events = call.process(np.full(160, number % 30_000, dtype=np.int16))
    for event in events:
        if isinstance(event, RecordingChunk):
            recording.append(event) if appends else kept.append(event)
            print(event.index, flush=True)
            if event.index == 7:
                time.sleep(60)
"""


@pytest.mark.parametrize(("what", "n_chunks"), [("append", 8), ("keep", 0)])
def test_kill_minus_nine_in_mid_recording(tmp_path: Path, what: str, n_chunks: int) -> None:
    """`keep` is the negative control: chunks that were only held in memory are gone."""
    identity = pyrage.x25519.Identity.generate()
    path = tmp_path / "call.sealed"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), str(identity.to_public()), what],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "7":
                break
        process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=20) == -signal.SIGKILL
    sound, _, is_complete = open_recording(path, str(identity))
    assert not is_complete
    assert len(sound) == n_chunks * 1600
    assert np.array_equal(sound[:, 0], np.repeat(np.arange(n_chunks * 10), 160))
    for folder in (tmp_path, ROOT):
        assert [name.name for name in folder.iterdir() if name.suffix in {".wav", ".flac", ".raw"}] == []


def test_no_plaintext_reaches_the_disk(tmp_path: Path) -> None:
    """Every file that the process opens for writing is the sealed one, and the sound is not in it."""
    identity = pyrage.x25519.Identity.generate()
    program = (
        "import sys\nopened = []\n"
        "sys.addaudithook(lambda name, args: opened.append(str(args[0])) "
        "if name == 'open' and isinstance(args[0], str) and args[2] & 3 else None)\n"
        + PROGRAM.replace(
            "time.sleep(60)", "recording.close(); print('wrote', *set(opened), flush=True); sys.exit()"
        )
    )
    path = tmp_path / "call.sealed"
    done = subprocess.run(
        [sys.executable, "-B", "-c", program, str(path), str(identity.to_public()), "append"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (wrote,) = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("wrote")]
    assert wrote == [str(path)]
    assert np.full(40, 3, dtype="<i2").tobytes() not in path.read_bytes()
