"""A line whose sound is a sound card: a simulated SIM800 on a PTY, its person's voice on the card's two sinks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio.dsp.dtmf_detector import DtmfDetector
from audio.dsp.dtmf_generator import digits_clip
from audio.errors import PortOpenError
from audio.frame import Clip
from firmware.calls.outcome import CallLog, conclude
from firmware.calls.session import CallSession
from firmware.clock import RealWorld
from firmware.daemon.checkup import check_box
from firmware.daemon.worlds import HardwarePorts
from firmware.dialogue import actions as acts
from firmware.dialogue import events as heard
from firmware.dialogue.slots import Asked
from firmware.lines.gsm_line import GsmLine
from firmware.lines.line import LineReport, LineStatus
from firmware.lines.line_card import LineCard
from firmware.settings import load_settings
from firmware.settings_sections import LineSection
from firmware.values import E164, Disposition, LineId
from modem_drivers.simulator import Network, SimulatedModem
from modem_drivers.simulator.people import Pause, Person, Press
from modem_drivers.simulator.personality import SIM800
from modem_drivers.simulator.port_links import PortLinks
from modem_drivers.simulator.pty_modem import PtyModem
from modem_drivers.slots import SlotFinder
from tests.audio.pulse_server import RAW, PulseServer, serving
from tests.firmware.test_settings import GOOD

NUMBER = E164("+8613123456701")
CARD = "modem1 audio"
FRAME_BYTES = 320
KEYS = "2580#" * 3
"""Pressed thrice: on a busy machine the sound server itself drops some sound now and then."""
PROMPT = digits_clip("1593" * 3, tone_ms=80, pause_ms=80)
"""A prompt of key tones: whoever gets it can say whether it came through."""
PERSON = Person(number=NUMBER, ring_s=0.3, steps=(Pause(duration_s=1.0), Press(keys=KEYS)))


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[PulseServer]:
    with serving(tmp_path / "pulse") as server:
        yield server


class Wire:
    """The analogue wires between the modem and the card: what the card plays is what the person hears, and back."""

    def __init__(self, modem: SimulatedModem, server: PulseServer) -> None:
        self.to_person = bytearray()
        self.carries_sound = asyncio.Event()
        self._modem, self._server = modem, server

    async def carry(self) -> None:
        env, pipe = self._server.environment, asyncio.subprocess.PIPE
        ear = await asyncio.create_subprocess_exec(
            "parec", *RAW, "--device=box_to_modem.monitor", env=env, stdout=pipe
        )
        mouth = await asyncio.create_subprocess_exec(
            "pacat", *RAW, "--device=modem_to_box", env=env, stdin=pipe
        )
        assert ear.stdout is not None
        assert mouth.stdin is not None
        try:
            while True:
                frame = await ear.stdout.readexactly(FRAME_BYTES)
                leg, made = self._modem.device.calls.leg, bytes(FRAME_BYTES)
                if leg is not None:
                    self.to_person += frame
                    if any(frame):
                        self.carries_sound.set()
                    made = leg.exchange(np.frombuffer(frame, "<i2").astype(np.int16)).astype("<i2").tobytes()
                mouth.stdin.write(made)
                await mouth.stdin.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the sound server is gone
        finally:
            for process in (ear, mouth):
                if process.returncode is None:
                    process.kill()
                await process.wait()


class Script:
    """A dialogue that says one prompt and ends once all keys were heard after it."""

    next_deadline_s = None
    asked = Asked.NOTHING
    language = "en"
    keys_are_private = False

    def __init__(self) -> None:
        self.keys = ""
        self._is_said = False
        self.saying = asyncio.Event()

    def expected_phrases(self) -> tuple[str, ...]:
        return ()

    def start(self, now_s: float) -> list[acts.Action]:
        self.saying.set()
        return [
            acts.Say(
                prompt="greeting",
                phrases=("…",),
                barge_in="none",
                roles=frozenset(),
                speaks_debt=False,
                say_id=1,
            )
        ]

    def on(self, event: heard.DialogueEvent, now_s: float) -> list[acts.Action]:
        self._is_said |= isinstance(event, heard.PromptFinished)
        if isinstance(event, heard.Digit):
            self.keys += event.digit
        if self._is_said and "2580#" in self.keys:
            return [acts.End(disposition=Disposition.ALREADY_PAID, after="now")]
        return []


class Branch:
    """The line, and what is told of it."""

    def __init__(self, line: GsmLine[RealWorld], wire: Wire) -> None:
        self.line, self.wire = line, wire
        self.told: list[LineReport] = []
        self._news = asyncio.Event()
        line.on_change = self._note

    def _note(self, report: LineReport) -> None:
        self.told.append(report)
        self._news.set()

    async def until(self, is_so: Callable[[LineReport], bool]) -> LineReport:
        async with asyncio.timeout(30):
            while not is_so(self.line.report):
                self._news.clear()
                await self._news.wait()
        return self.line.report

    async def call(self, script: Script, prompt: Clip) -> tuple[CallLog, list[Any]]:
        line, dialogue, nothing = self.line, script, None
        anything: Any = nothing
        session = CallSession(
            line=line,
            number=NUMBER,
            dialogue=dialogue,  # type: ignore[arg-type]
            clip=lambda _phrase: prompt,
            recorder=anything,
            may_mention_debt=anything,
            suppress=anything,
            on_stage=lambda _stage, _doing: None,
            ring_timeout_s=10.0,
            max_call_s=30.0,
            now_s=asyncio.get_running_loop().time,
        )
        log = await session.run()
        return log, session.events


@asynccontextmanager
async def branch(tmp_path: Path, server: PulseServer, card: str = CARD) -> AsyncIterator[Branch]:
    loop = asyncio.get_running_loop()
    modem = SimulatedModem(
        replace(SIM800, boot_s=0.2),
        Network([PERSON]),
        imei="861234567890116",
        number="+8613912345678",
        schedule=loop.call_later,
        now_s=loop.time,
    )
    link = tmp_path / "modem"
    PtyModem(modem, loop, PortLinks(link))
    section = LineSection(id="line-1", at_port=str(link), baud_rate=115200, sound_card=card)
    line = GsmLine(
        LineId("line-1"), HardwarePorts(section, SlotFinder(now_s=loop.time)), now_s=loop.time, refresh_s=1.0
    )
    here = Branch(line, Wire(modem, server))
    tasks = [asyncio.create_task(line.serve()), asyncio.create_task(here.wire.carry())]
    try:
        yield here
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        modem.power_off()


@pytest.mark.timeout(90)
def test_a_whole_call_over_a_card(tmp_path: Path, pulse: PulseServer) -> None:
    async def story() -> None:
        async with branch(tmp_path, pulse) as here:
            await here.until(lambda report: report.status is LineStatus.READY)
            script = Script()
            log, events = await here.call(script, PROMPT)
            assert conclude(log).disposition is Disposition.ALREADY_PAID, events
            assert "2580#" in script.keys
            said = np.frombuffer(bytes(here.wire.to_person), "<i2")
            assert "1593" in "".join(key.digit for key in DtmfDetector().feed(said))
            report = await here.until(lambda report: report.status is LineStatus.READY)
            assert report.healed_by == ()

    asyncio.run(story())


@pytest.mark.timeout(90)
def test_a_card_lost_in_a_call_ends_it_and_faults_the_line(tmp_path: Path, pulse: PulseServer) -> None:
    async def story() -> None:
        async with branch(tmp_path, pulse) as here:
            await here.until(lambda report: report.status is LineStatus.READY)
            script = Script()
            calling = asyncio.create_task(here.call(script, np.ones(800_000, dtype=np.int16)))
            await script.saying.wait()
            async with asyncio.timeout(10):
                await here.wire.carries_sound.wait()
            pulse.stop()
            log, events = await calling
            assert conclude(log).disposition is Disposition.TECHNICAL_FAILURE, events
            assert "audio_died" in [event.kind for event in events]
            n_told = len(here.told)
            report = await here.until(lambda report: report.status is LineStatus.FAULTED)
            assert CARD in report.detail
            since = [each.status for each in here.told[n_told - 1 :]]
            assert LineStatus.READY not in since, (
                "no call rings anybody before the card has been opened again"
            )

    asyncio.run(story())


@pytest.mark.timeout(90)
def test_a_card_that_is_not_there_faults_the_line_and_says_which_are(
    tmp_path: Path, pulse: PulseServer
) -> None:
    async def story() -> None:
        async with branch(tmp_path, pulse, card="USB Phone 9") as here:
            report = await here.until(lambda report: report.status is LineStatus.FAULTED)
            assert "USB Phone 9: no sound card of this name" in report.detail
            assert f"'{CARD}'" in report.detail

    asyncio.run(story())


@pytest.mark.timeout(60)
def test_trying_a_card_says_how_it_ran(pulse: PulseServer) -> None:
    async def story() -> None:
        assert await LineCard("modem1").try_it() == "modem1: both ways at 8 kHz"
        assert await LineCard("modem1", 48_000).try_it() == "modem1: both ways at 48 kHz"
        assert await LineCard("modem1").find() == CARD
        with pytest.raises(PortOpenError, match="no sound card of this name"):
            await LineCard("USB Phone 9").try_it()

    asyncio.run(story())


@pytest.mark.timeout(60)
def test_the_check_opens_the_card(tmp_path: Path, pulse: PulseServer) -> None:
    def finding(card: str) -> tuple[bool, str]:
        text = GOOD.replace('pcm_port = "/dev/ttyUSB4"', f'sound_card = "{card}"')
        (tmp_path / "box.toml").write_text(text, encoding="utf-8")
        found = asyncio.run(check_box(load_settings(tmp_path / "box.toml")))
        (one,) = [each for each in found if each.what == "sound card line-1"]
        return one.passed, one.detail

    assert finding("echo") == (True, "echo: both ways at 8 kHz")
    passed, detail = finding("USB Phone 9")
    assert not passed
    assert f"'{CARD}'" in detail
