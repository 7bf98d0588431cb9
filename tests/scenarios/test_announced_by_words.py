"""A number that its network announces as switched off, from dialling to the outcome, by a recogniser process as on a box.

The recording is of a voice and a text that no model was made from. The process is a real one: the virtual clock stands
while it works, and what it writes is handed over as late as on a box.
"""

import asyncio
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audio.listening.pool import worker_command
from audio.listening.recogniser import Alternative, Recognised, primary
from audio.listening.wire import (
    HEADER_BYTES,
    FromWorker,
    Ready,
    Reply,
    Request,
    body_length,
    frame,
    parse,
)
from audio.sound_file import load_sound
from firmware.calls.listening import Hearing
from modem_drivers.simulator.people import Person, Say
from tests.scenarios.test_speech_alone import Keywords
from tests.scenarios.town import Town, contact
from tests.scenarios.virtual_time import run_virtually

SAMPLE = Path(__file__).parents[1] / "audio" / "answers" / "carrier_announcement-zh-kokoro-3.flac"
TAKES = 0.25
"""Of its own length, until a piece is written down."""
DEADLINE_S = 120.0


class WorkerEars:
    """One recogniser process, spoken to over its pipe."""

    is_idle = True

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.asked: list[str] = []
        ready = self._read()
        assert isinstance(ready, Ready)
        assert "pocketsphinx-answer" in [one.name for one in ready.engines]

    def hears(self, language: str) -> bool:
        return primary(language) == "en"

    async def transcribe(self, pcm: bytes, language: str, expected: tuple[str, ...] = ()) -> Recognised:
        self.asked.append(language)
        assert self._process.stdin is not None
        self._process.stdin.write(
            frame(Request(id=len(self.asked), pcm=pcm, language=language, expected=list(expected)))
        )
        self._process.stdin.flush()
        reply = self._read()
        assert isinstance(reply, Reply)
        await asyncio.sleep(TAKES * len(pcm) / 16_000)
        others = tuple(Alternative(text=one.text, confidence=one.confidence) for one in reply.alternatives)
        return Recognised(
            text=reply.text, confidence=reply.confidence, engine=reply.engine, alternatives=others
        )

    async def transcribe_aside(self, pcm: bytes, language: str) -> Recognised:
        return await self.transcribe(pcm, language)

    def _read(self) -> Any:
        assert self._process.stdout is not None
        header = self._process.stdout.read(HEADER_BYTES)
        return parse(self._process.stdout.read(body_length(header)), FromWorker)


@contextmanager
def recogniser() -> Iterator[WorkerEars]:
    with subprocess.Popen(
        worker_command(None),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    ) as process:
        # Reads from its pipe wait in earnest: a process that hangs is ended, and so is the test.
        deadline = threading.Timer(DEADLINE_S, process.kill)
        deadline.start()
        try:
            yield WorkerEars(process)
        finally:
            deadline.cancel()
            process.kill()


def announcement(text: str, language: str) -> bytes:
    return load_sound(SAMPLE).astype("<i2").tobytes()


def test_an_announcement_of_a_network_becomes_the_outcome(tmp_path: Path) -> None:
    async def story(ears: WorkerEars) -> tuple[str, list[dict[str, Any]]]:
        person = Person(number="+8613123456701", ring_s=1, language="zh", steps=(Say(text="(recorded)"),))
        hearing = Hearing(ears=ears, understands=Keywords(), aside=ears)
        town = Town(tmp_path, [person], n_modems=1, voice=announcement, hearing=hearing)
        called = contact(1)
        async with town.open():
            await town.push([called])
            await town.until_settled([called], hours=0.2)
            assert town.box is not None
            rows = await town.box.database.read(
                lambda con: con.rows("SELECT detail FROM call_event WHERE kind = 'answer'")
            )
            return town.outcomes()["c01"], [json.loads(row["detail"]) for row in rows]

    with recogniser() as ears:
        outcome, verdicts = run_virtually(story(ears))
    assert outcome == "powered_off"
    assert any(language.endswith("-x-answer") for language in ears.asked)
    told = verdicts[-1]
    assert (told["answer"], told["subject"]) == ("carrier_announcement", "switched_off")
    assert told["reason"] == "transcript"
