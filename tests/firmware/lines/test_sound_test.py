"""A test call tells which direction of a line's sound is dead: on simulated modems, in virtual time."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from audio.dsp.line_probe import MAX_DELAY_MS, PROBE_DIGITS, hear_probe, probe_clip
from audio.ports.loopback import LoopbackPort
from audio.ports.port import AudioPort
from firmware.clock import SimulatedWorld
from firmware.daemon.line_selftest import NotATestNumberError, choose_number
from firmware.lines.gsm_line import GsmLine
from firmware.lines.gsm_ports import FixedPorts
from firmware.lines.line import LineReport, LineStatus
from firmware.lines.sound_test import NumberKind, SoundVerdict, Way, sound_test
from firmware.settings import Settings, load_settings
from firmware.settings_sections import TrialNumberSection
from firmware.values import E164, LineId
from modem_drivers.at.byte_port import BytePort
from modem_drivers.at.memory_port import MemoryPort
from modem_drivers.dialect import AudioPlan
from modem_drivers.simulator.faults import Faults
from modem_drivers.simulator.memory_host import join
from modem_drivers.simulator.modem import SimulatedModem
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.people import Echo, Pause, Person, Reaction, Say
from modem_drivers.simulator.personality import PERSONALITIES
from tests.firmware.test_settings import GOOD
from tests.scenarios.virtual_time import run_virtually

NUMBER = E164("+8613123456701")
ECHO = Person(number=NUMBER, ring_s=1, steps=(Say(text="欢迎使用回声测试"), Echo(duration_s=60)))
TALKER = Person(
    number=NUMBER, ring_s=1, noise_dbfs=-55.0, steps=(Say(text="这里是留言"), Pause(duration_s=60))
)
Change = Callable[[bytes], bytes]


def same(frame: bytes) -> bytes:
    return frame


def nothing(frame: bytes) -> bytes:
    return bytes(len(frame))


class Lossy:
    """Loses two frames of seven."""

    def __init__(self) -> None:
        self._n = 0

    def __call__(self, frame: bytes) -> bytes:
        self._n += 1
        return bytes(len(frame)) if self._n % 7 < 2 else frame


class Ports(FixedPorts):
    world = SimulatedWorld

    def __init__(self, modem: SimulatedModem, sent: Change, heard: Change) -> None:
        self._modem = modem
        self._sent, self._heard = sent, heard

    def open_at(self) -> BytePort:
        port = MemoryPort("modem")
        join(self._modem, port)
        return port

    def make_audio(self, plan: AudioPlan) -> AudioPort:
        del plan
        return LoopbackPort(lambda said: self._heard(self._modem.pcm_exchange(self._sent(said))))


def verdicts(
    person: Person,
    *,
    n_calls: int = 1,
    kind: NumberKind = NumberKind.ECHO,
    family: str = "sim7600",
    faults: Faults | None = None,
    sent: Change = same,
    heard: Change = same,
) -> list[SoundVerdict]:
    """Return what so many test calls one after the other show."""

    async def story() -> list[SoundVerdict]:
        loop = asyncio.get_running_loop()
        modem = SimulatedModem(
            PERSONALITIES[family],
            Network([person]),
            imei="356938035643801",
            number="+8613123456600",
            schedule=loop.call_later,
            now_s=loop.time,
        )
        modem.faults = faults or Faults()
        ready = asyncio.Event()

        def note(report: LineReport) -> None:
            if report.status is LineStatus.READY:
                ready.set()

        line = GsmLine(LineId("line-1"), Ports(modem, sent, heard), now_s=loop.time, on_change=note)
        serving = asyncio.create_task(line.serve())
        try:
            found = []
            for _ in range(n_calls):
                ready.clear()
                if line.report.status is not LineStatus.READY:
                    await ready.wait()
                found.append(await sound_test(line, NUMBER, kind))
            assert not modem.device.calls.leg, "hung up in the end"
            return found
        finally:
            serving.cancel()
            await asyncio.wait([serving])

    return run_virtually(story())


@pytest.mark.parametrize("family", ["sim7600", "ec25", "huawei"])
def test_an_echo_comes_back_over_every_family_with_sound(family: str) -> None:
    (verdict,) = verdicts(ECHO, family=family)
    assert (verdict.heard, verdict.sent) == (Way.GOOD, Way.GOOD)
    assert verdict.passed
    assert verdict.delay_ms is not None
    assert 380 <= verdict.delay_ms <= 520
    assert PROBE_DIGITS in verdict.digits


def test_nothing_is_heard() -> None:
    (verdict,) = verdicts(ECHO, faults=Faults(half_open_audio=True))
    assert (verdict.heard, verdict.sent) == (Way.NOTHING, Way.UNKNOWN)
    assert not verdict.passed
    assert "nothing is heard" in verdict.detail


def test_a_path_that_rots_is_good_in_the_first_call_and_named_in_the_second() -> None:
    first, second = verdicts(ECHO, n_calls=2, faults=Faults(audio_rot=True))
    assert first.passed
    assert second.heard is Way.NOTHING
    assert second.audio_tries > 1
    assert "rotted" in second.detail


def test_nothing_arrives_at_the_far_end() -> None:
    (verdict,) = verdicts(TALKER)
    assert (verdict.heard, verdict.sent) == (Way.GOOD, Way.NOTHING)
    assert not verdict.passed
    (verdict,) = verdicts(ECHO, sent=nothing, heard=same)
    assert (verdict.heard, verdict.sent) == (Way.GOOD, Way.NOTHING)


def test_torn_sound() -> None:
    (verdict,) = verdicts(ECHO, heard=Lossy())
    assert (verdict.heard, verdict.sent) == (Way.TORN, Way.TORN)
    assert not verdict.passed


def test_a_tone_number_proves_one_direction_only() -> None:
    (verdict,) = verdicts(TALKER, kind=NumberKind.TONE)
    assert (verdict.heard, verdict.sent) == (Way.GOOD, Way.UNKNOWN)
    assert verdict.passed


def test_a_number_that_does_not_answer_proves_nothing() -> None:
    (verdict,) = verdicts(Person(number=NUMBER, reaction=Reaction.BUSY))
    assert (verdict.heard, verdict.sent) == (Way.UNKNOWN, Way.UNKNOWN)
    assert not verdict.passed
    assert "busy" in verdict.detail


@pytest.mark.parametrize("delay_ms", [60, 700, MAX_DELAY_MS - 20])
@pytest.mark.parametrize("loss_db", [0, 25])
def test_the_probe_is_known_again_quiet_late_and_in_noise(delay_ms: int, loss_db: int) -> None:
    clip = probe_clip().astype(np.float64) * 10 ** (-loss_db / 20)
    heard = np.random.default_rng(1).normal(0, 20, len(clip) + 8 * delay_ms + 8000)
    heard[8 * delay_ms : 8 * delay_ms + len(clip)] += clip
    returned = hear_probe(np.rint(heard).astype(np.int16), 0)
    assert returned.share >= 0.9
    assert returned.delay_ms is not None
    assert abs(returned.delay_ms - delay_ms) <= 20
    assert returned.digits == PROBE_DIGITS


def test_speech_and_noise_are_no_probe() -> None:
    noise = np.random.default_rng(2).normal(0, 3000, 8 * 6000).clip(-32768, 32767).astype(np.int16)
    assert hear_probe(noise, 0).share < 0.25
    hum = (8000 * np.sin(2 * np.pi * 900 * np.arange(8 * 6000) / 8000)).astype(np.int16)
    assert hear_probe(hum, 0).share < 0.25
    assert hear_probe(np.zeros(0, np.int16), 0).is_silent


# ---- which numbers may be called


def settings(folder: Path, *numbers: str) -> Settings:
    path = folder / "box.toml"
    path.write_text(GOOD, encoding="utf-8")
    made = load_settings(path)
    return msgspec.structs.replace(
        made, test_number=[TrialNumberSection(number=number) for number in numbers]
    )


def test_only_a_number_of_the_settings_is_called(tmp_path: Path) -> None:
    made = settings(tmp_path, NUMBER, "+8613123456702")
    assert choose_number(made, None).number == NUMBER
    assert choose_number(made, "+8613123456702").number == "+8613123456702"
    with pytest.raises(NotATestNumberError, match="none of"):
        choose_number(made, "+8613123456703")
    with pytest.raises(NotATestNumberError, match="test_number"):
        choose_number(settings(tmp_path), None)


@pytest.mark.parametrize(
    ("number", "why"), [("+8612315123", "never called"), ("+12025550", "never called"), ("12315", None)]
)
def test_a_number_that_is_nobodys_own_is_never_called(tmp_path: Path, number: str, why: str | None) -> None:
    if why is None:
        (tmp_path / "box.toml").write_text(GOOD + f'[[test_number]]\nnumber = "{number}"\n')
        with pytest.raises(ValueError, match="test_number"):
            load_settings(tmp_path / "box.toml")
        return
    with pytest.raises(NotATestNumberError, match=why):
        choose_number(settings(tmp_path, number), number)
