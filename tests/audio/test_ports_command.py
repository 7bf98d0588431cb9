"""`audio bridge` joins two real pseudo-terminals, and says what went wrong in one line."""

import os
import pty
import select
import threading
import time
import tty

import numpy as np
import pytest
from typer.testing import CliRunner

from audio.command import audio_app
from audio.dsp.dtmf_detector import DtmfDetector
from audio.dsp.dtmf_generator import digits_clip


class FarEnd:
    """A modem's end of a pseudo-terminal that speaks in real time and keeps what it hears."""

    def __init__(self, keys: str) -> None:
        self.fd, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self.heard = bytearray()
        self.is_hung_up = False
        self._slave = slave
        self._sound = bytes(320 * 25) + digits_clip(keys, tone_ms=90, pause_ms=90).astype("<i2").tobytes()
        os.set_blocking(self.fd, False)
        self._thread = threading.Thread(target=self._talk, daemon=True)

    def start(self, *, frames: int) -> None:
        self._n_frames = frames
        self._thread.start()

    def join(self) -> str:
        self._thread.join(timeout=20)
        if not self.is_hung_up:
            os.close(self.fd)
        sound = np.frombuffer(bytes(self.heard[: len(self.heard) // 2 * 2]), dtype="<i2")
        return "".join(digit.digit for digit in DtmfDetector().feed(sound))

    def _talk(self) -> None:
        if not select.select([self.fd], [], [], 20)[0]:  # until the box speaks
            return
        begin_s = time.monotonic()
        for number in range(self._n_frames):
            time.sleep(max(0.0, begin_s + number * 0.02 - time.monotonic()))
            frame = self._sound[320 * number : 320 * (number + 1)].ljust(320, b"\0")
            try:
                os.write(self.fd, frame)
                self.heard += os.read(self.fd, 65_536)
            except OSError:
                continue
        if self._n_frames < 50:
            os.close(self._slave)
            os.close(self.fd)
            self.is_hung_up = True


def test_two_modems_hear_each_other() -> None:
    first, second = FarEnd("1470#"), FarEnd("2589*")
    for end in (first, second):
        end.start(frames=150)
    result = CliRunner().invoke(audio_app, ["bridge", first.path, second.path, "--seconds", "2.6"])
    assert result.exit_code == 0, result.output
    assert "2589" in first.join()
    assert "1470" in second.join()
    assert "ppm" in result.output


def test_a_modem_that_goes_away_ends_the_bridge_and_is_named() -> None:
    first, second = FarEnd("1"), FarEnd("2")
    first.start(frames=30)
    second.start(frames=100)
    result = CliRunner().invoke(audio_app, ["bridge", first.path, second.path, "--seconds", "20"])
    assert result.exit_code == 1
    assert first.path in result.output
    first.join()
    second.join()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/dev/ttyNONE", "/dev/ttyNONE2"], "plugged in"),
        (["/dev/ttyNONE", "/dev/ttyNONE2", "--block-bytes", "500"], "whole number of frames"),
    ],
)
def test_what_cannot_be_opened_is_told_in_one_line(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(audio_app, ["bridge", *arguments])
    assert result.exit_code != 0
    assert words in result.output
    assert "Traceback" not in result.output
