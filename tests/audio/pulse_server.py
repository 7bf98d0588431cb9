"""A PulseAudio server of a test's own: null sinks stand for what a card is wired to."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

CARDS = {
    # A card's name, where its sound goes, where it comes from.
    "modem1 audio": ("box_to_modem", "modem_to_box.monitor"),
    "echo": ("echoing", "echoing.monitor"),
}
RAW = ("--raw", "--rate=8000", "--channels=1", "--format=s16le", "--latency-msec=20")


class PulseServer:
    """A PulseAudio server of this test's own, with a null sink for every direction."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
            "PULSE_SERVER": f"unix:{folder}/sound.sock",
            "PULSE_LATENCY_MSEC": "20",
        }
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        (folder / "asound.conf").write_text(alsa_configuration())
        self.process: subprocess.Popen[bytes] | None = None
        self.listeners: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        sinks = [f"module-native-protocol-unix socket={self.folder}/sound.sock auth-anonymous=1"]
        sinks += [
            f"module-null-sink sink_name={name} rate=8000 channels=1 format=s16le"
            for name in ("box_to_modem", "modem_to_box", "echoing")
        ]
        how = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        self.process = subprocess.Popen(
            [*how, *(part for sink in sinks for part in ("-L", sink))],
            env=self.environment,
            stderr=subprocess.DEVNULL,
        )
        self._wait_until_it_answers()
        # A null sink that nobody listens to closely hands its sound over in blocks of two seconds.
        for name in ("box_to_modem", "modem_to_box", "echoing"):
            command = ["parec", *RAW, f"--device={name}.monitor"]
            self.listeners.append(subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL))

    def stop(self) -> None:
        processes = [*self.listeners, *([self.process] if self.process else [])]
        self.listeners, self.process = [], None
        for process in processes:
            process.kill()
            process.wait(timeout=10)

    def _wait_until_it_answers(self) -> None:
        until_s = time.monotonic() + 20
        while time.monotonic() < until_s:
            if not (self.folder / "sound.sock").exists():
                time.sleep(0.02)
                continue
            asked = subprocess.run(
                ["pactl", "list", "short", "sinks"],
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=10,
            )
            if asked.stdout.count("null-sink") == 3:
                return
        pytest.fail("PulseAudio did not start")

    def play(self, sound: NDArray[np.int16]) -> "subprocess.Popen[bytes]":
        """Say `sound` where the box hears."""
        file = self.folder / "said.raw"
        file.write_bytes(sound.astype("<i2").tobytes())
        return subprocess.Popen(["pacat", *RAW, "--device=modem_to_box", str(file)], env=self.environment)

    def listen(self) -> "Listener":
        """Begin to hear what the box says."""
        return Listener(self)


class Listener:
    """Hears what the box says, into a file."""

    def __init__(self, server: PulseServer) -> None:
        self._file = server.folder / "heard.raw"
        command = ["parec", *RAW, "--device=box_to_modem.monitor"]
        with self._file.open("wb") as file:
            self._process = subprocess.Popen(command, env=server.environment, stdout=file)
        server.listeners.append(self._process)

    def heard(self) -> bytes:
        self._process.terminate()
        self._process.wait(timeout=10)
        return self._file.read_bytes()


def alsa_configuration() -> str:
    parts = ["</usr/share/alsa/alsa.conf>"]
    for number, (name, (sink, source)) in enumerate(CARDS.items()):
        # One key a line: PortAudio does not read ALSA's short form.
        parts += [
            f'pcm.to_{number} {{\n    type pulse\n    device "{sink}"\n}}',
            f'pcm.from_{number} {{\n    type pulse\n    device "{source}"\n}}',
            f'pcm."{name}" {{\n    type asym\n    playback.pcm "to_{number}"\n    capture.pcm "from_{number}"\n'
            f'    hint.show on\n    hint.description "{name}"\n}}',
        ]
    return "\n".join(parts) + "\n"


@contextmanager
def serving(folder: Path) -> Iterator[PulseServer]:
    server = PulseServer(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ALSA_CONFIG_PATH", "PULSE_SERVER", "PULSE_LATENCY_MSEC", "XDG_RUNTIME_DIR", "HOME"):
            patch.setenv(name, server.environment[name])
        server.start()
        try:
            yield server
        finally:
            server.stop()
