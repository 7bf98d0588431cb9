"""The sound of simulated calls: who may hear it when, real tones in it, and people who listen."""

from itertools import pairwise

import numpy as np
import pytest

from modem_drivers.simulator import (
    EC25,
    SIM7600,
    Beep,
    Faults,
    HangUp,
    Pause,
    Person,
    Personality,
    Press,
    Reaction,
    Say,
    WaitForSilence,
)
from modem_drivers.simulator.bench import Bench
from modem_drivers.simulator.conversation import Conversation
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.tones import FRAME_SAMPLES, Pcm, bursts, key_tone, rms_dbfs, silence, tone

NUMBER = "+8613800000001"


def frequencies_hz(pcm: Pcm, count: int) -> list[int]:
    """The strongest `count` frequencies, to 10 Hz."""
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)), 8000))
    peaks = [k for k in range(1, 4000) if spectrum[k] >= max(spectrum[max(0, k - 20) : k + 21])]
    return sorted(round(k / 10) * 10 for k in sorted(peaks, key=lambda k: -spectrum[k])[:count])


def connected(bench: Bench, *, ring_s: float = 3.0) -> None:
    """Dial NUMBER and wait until it is answered, sound running."""
    bench.ask(f"ATE0D{NUMBER};", wait_s=0.2)
    bench.sound(1.5 + ring_s)


def test_sim7600_lets_sound_out_only_in_a_call_and_only_when_asked() -> None:
    bench = Bench(SIM7600, [Person(number=NUMBER, ring_s=1.0)])
    assert bench.ask("ATE0;+CPCMREG=1")[-1] == "+CME ERROR: operation not allowed" or bench.ask(
        "AT+CPCMREG=1"
    ) == ["ERROR"]
    bench.ask(f"ATD{NUMBER};", wait_s=2.0)
    assert bench.ask("AT+CPCMREG=1") == ["ERROR"]  # it rings
    bench.time.run(1.0)
    assert len(bench.sound(0.1)) == 0
    assert bench.ask("AT+CPCMREG=1;+CPCMREG?") == ["+CPCMREG: 1", "OK"]
    assert len(bench.sound(0.1)) == 5 * FRAME_SAMPLES
    bench.ask("AT+CPCMREG=0")
    assert len(bench.sound(0.1)) == 0
    bench.ask("AT+CPCMREG=1")
    bench.ask("AT+CHUP")
    assert bench.ask("AT+CPCMREG?") == ["+CPCMREG: 0", "OK"]
    assert len(bench.sound(0.1)) == 0


def test_sim7600_needs_a_moment_after_the_answer() -> None:
    bench = Bench(SIM7600, [Person(number=NUMBER, ring_s=0.0)])
    bench.ask(f"ATE0D{NUMBER};", wait_s=0.1)
    while "VOICE CALL: BEGIN" not in bench.lines():
        bench.time.run(0.001)
    assert bench.ask("AT+CPCMREG=1", wait_s=0.05) == ["ERROR"]
    bench.time.run(0.1)
    assert bench.ask("AT+CPCMREG=1") == ["OK"]


def test_refusals_are_counted_anew_in_every_call() -> None:
    bench = Bench(SIM7600, [Person(number=NUMBER, ring_s=0.0)])
    bench.modem.faults = Faults(cpcmreg_refusals=2)
    for _ in range(2):
        bench.ask(f"ATE0D{NUMBER};", wait_s=3.0)
        assert [bench.ask("AT+CPCMREG=1")[-1] for _ in range(3)] == ["ERROR", "ERROR", "OK"]
        bench.ask("AT+CHUP")


def test_ec25_must_be_armed_before_the_call_and_lets_the_ringing_through() -> None:
    bench = Bench(EC25, [Person(number=NUMBER, ring_s=2.0)])
    assert bench.ask("ATE0;+QPCMV=1,0;+QPCMV?") == ["+QPCMV: 1,0", "OK"]
    assert len(bench.sound(0.1)) == 0  # no call, no sound
    bench.ask(f"ATD{NUMBER};", wait_s=1.7)
    ringing = bench.sound(0.8)
    assert frequencies_hz(ringing, 1) == [450]
    bench.ask("AT+CHUP")
    bench.ask("AT+QPCMV=0")
    bench.ask(f"ATD{NUMBER};", wait_s=5.0)
    bench.ask("AT+QPCMV=1,0")
    assert len(bench.sound(0.1)) == 0  # too late for this call
    bench.ask("AT+CHUP")
    bench.ask(f"ATD{NUMBER};", wait_s=5.0)
    assert len(bench.sound(0.1)) == 5 * FRAME_SAMPLES


def test_ec25_sends_sound_to_one_place_only() -> None:
    bench = Bench(EC25, [Person(number=NUMBER, ring_s=0.0)])
    assert bench.ask("ATE0;+QPCMV=1,2")[-1] == "OK"
    assert bench.ask("AT+QPCMV=1,0") == ["+CME ERROR: 3"]
    bench.ask(f"ATD{NUMBER};", wait_s=3.0)
    assert len(bench.sound(0.1)) == 0


def test_keys_are_real_tones_in_the_sound_with_real_pauses() -> None:
    bench = Bench(
        EC25, [Person(number=NUMBER, ring_s=0.0, steps=(Press(keys="15#D"), Pause(duration_s=1.0)))]
    )
    bench.ask("ATE0;+QPCMV=1,0")
    connected(bench, ring_s=-1.5)
    heard = bench.sound(2.6)
    loud = np.array([rms_dbfs(heard[k : k + 80]) > -30 for k in range(0, len(heard) - 80, 80)])
    edges = np.flatnonzero(np.diff(loud.astype(int))) + 1
    starts, ends = edges[::2] * 80, edges[1::2] * 80
    assert [frequencies_hz(heard[a:b], 2) for a, b in zip(starts, ends, strict=True)] == [
        [700, 1210],
        [770, 1340],
        [940, 1480],
        [940, 1630],
    ]
    assert all(95 <= (b - a) / 8 <= 105 for a, b in zip(starts, ends, strict=True))
    assert all(b - a == 1600 for a, b in pairwise(starts))


@pytest.mark.parametrize(
    ("personality", "switch", "reports"),
    [
        (SIM7600, "AT+DDET=1", ["+RXDTMF: 1", "+RXDTMF: *"]),
        (EC25, "AT+QTONEDET=1", ["+QTONEDET: 49", "+QTONEDET: 42"]),
    ],
    ids=["sim7600", "ec25"],
)
def test_keys_are_reported_to_who_asked(personality: Personality, switch: str, reports: list[str]) -> None:
    bench = Bench(personality, [Person(number=NUMBER, ring_s=0.0, steps=(Press(keys="1*"), HangUp()))])
    bench.ask("ATE0")
    kinds = ("+RXDTMF", "+QTONEDET")
    silent = bench.ask(f"ATD{NUMBER};", wait_s=5.0)
    assert not [line for line in silent if line.startswith(kinds)]
    bench.ask(switch)
    told = bench.ask(f"ATD{NUMBER};", wait_s=5.0)
    assert [line for line in told if line.startswith(kinds)] == reports


def test_keys_the_host_sends_reach_the_persons_ear() -> None:
    bench = Bench(SIM7600, [Person(number=NUMBER, ring_s=0.0)])
    assert bench.ask("ATE0;+VTS=5")[-1] != "OK"
    bench.ask(f"ATD{NUMBER};", wait_s=3.0)
    assert bench.ask('AT+VTS="5"') == ["OK"]
    bench.sound(0.5)
    conversation = bench.network.conversations[-1]
    assert conversation.heard_keys == "5"
    heard = np.frombuffer(bytes(conversation.heard), "<i2").astype(np.int16)
    loud = [k for k in range(0, len(heard) - 160, 160) if rms_dbfs(heard[k : k + 160]) > -30]
    assert frequencies_hz(heard[loud[0] : loud[0] + 800], 2) == [770, 1340]


def test_the_person_hears_exactly_what_the_host_sent() -> None:
    bench = Bench(EC25, [Person(number=NUMBER, ring_s=0.0)])
    bench.ask("ATE0;+QPCMV=1,0")
    connected(bench, ring_s=0.0)
    conversation = bench.network.conversations[-1]
    heard_before = len(conversation.heard)
    said = tone((300.0,), 0.4)
    bench.sound(0.4, said)
    assert bytes(conversation.heard[heard_before:]) == said.astype("<i2").tobytes()


def test_a_host_that_sends_too_fast_is_asked_to_pause_and_loses_the_oldest() -> None:
    bench = Bench(EC25, [Person(number=NUMBER, ring_s=0.0)])
    bench.ask("ATE0;+QPCMV=1,0")
    connected(bench, ring_s=0.0)
    bench.take()
    late = np.arange(1600, dtype="<i2")
    for start in (20000, 10000, 5000, 0):
        bench.modem.pcm_exchange((late + start).astype("<i2").tobytes())
    assert bench.lines() == ["+QPCMV: 0,0"]
    conversation = bench.network.conversations[-1]
    for _ in range(20):
        bench.modem.pcm_exchange(b"")
    assert bench.lines() == ["+QPCMV: 1,0"]
    heard = np.frombuffer(bytes(conversation.heard), "<i2")
    assert list(heard[heard > 0][-1:]) == [1599]
    assert 20000 + 1599 not in heard  # the tail of the oldest block was thrown away


def test_half_open_audio_hears_but_does_not_speak() -> None:
    bench = Bench(EC25, [Person(number=NUMBER, ring_s=0.0)])
    bench.ask("ATE0;+QPCMV=1,0")
    connected(bench, ring_s=0.0)
    bench.modem.faults = Faults(half_open_audio=True)
    assert len(bench.sound(0.2, tone((300.0,), 0.2))) == 0
    assert (
        rms_dbfs(np.frombuffer(bytes(bench.network.conversations[-1].heard[-3200:]), "<i2").astype(np.int16))
        > -30
    )


def test_a_person_lives_on_without_sound_and_no_faster_with_it() -> None:
    def duration_s(*, sound: bool) -> float:
        bench = Bench(SIM7600, [Person(number=NUMBER, ring_s=0.0, steps=(Pause(duration_s=5.0), HangUp()))])
        bench.ask(f"ATE0D{NUMBER};", wait_s=2.0)
        if sound:
            bench.sound(8.0)
        bench.time.run(8.0)
        rows = bench.network.call_log.rows
        return float(str(rows[-1]["at_s"])) - float(str(rows[-2]["at_s"]))

    assert duration_s(sound=False) == pytest.approx(5.02, abs=0.03)
    assert duration_s(sound=True) == pytest.approx(5.02, abs=0.08)


def played(person: Person, ear: list[Pcm]) -> tuple[Conversation, Pcm]:
    """Run a conversation against what the caller says; return it and what the person said."""
    network = Network([person])
    sounds = network._sounds[NUMBER]
    conversation = Conversation(person, sounds, lambda _key: None)
    heard = np.concatenate(ear)
    made = [conversation.tick(heard[k : k + FRAME_SAMPLES]) for k in range(0, len(heard), FRAME_SAMPLES)]
    return conversation, np.concatenate(made)


def test_a_person_waits_until_the_caller_has_spoken_and_stopped() -> None:
    person = Person(number=NUMBER, steps=(WaitForSilence(silence_s=0.8), Press(keys="1")))
    voice = bursts("您好我是王伟吗", "zh")
    conversation, made = played(person, [silence(2.0), voice, silence(0.6), voice, silence(2.0)])
    first_s = np.flatnonzero(made)[0] / 8000
    assert first_s == pytest.approx(2.0 + 2 * len(voice) / 8000 + 0.6 + 0.8, abs=0.1)
    assert conversation.pressed == "1"


def test_a_person_does_not_wait_for_ever() -> None:
    person = Person(number=NUMBER, steps=(WaitForSilence(silence_s=0.8, timeout_s=3.0), Press(keys="1")))
    _, made = played(person, [silence(4.0)])
    assert np.flatnonzero(made)[0] / 8000 == pytest.approx(3.0, abs=0.03)


def test_every_wait_is_for_new_words() -> None:
    steps = (WaitForSilence(silence_s=0.5), Press(keys="1"), WaitForSilence(silence_s=0.5), Press(keys="2"))
    person = Person(number=NUMBER, steps=steps)
    voice = tone((300.0,), 0.5)
    assert played(person, [voice, silence(5.0)])[0].pressed == "1"
    assert played(person, [voice, silence(5.0), voice, silence(1.0)])[0].pressed == "12"


def test_what_was_heard_while_pressing_counts_for_the_next_wait() -> None:
    steps = (Press(keys="1234"), WaitForSilence(silence_s=0.5, timeout_s=30.0), Press(keys="2"))
    conversation, _ = played(Person(number=NUMBER, steps=steps), [tone((300.0,), 0.4), silence(3.0)])
    assert conversation.pressed == "12342"


def test_speech_beep_noise_and_patience() -> None:
    person = Person(
        number=NUMBER,
        steps=(Say(text="你好"), Beep(frequency_hz=1000.0, duration_s=0.4)),
        noise_dbfs=-55.0,
        patience_s=1.0,
    )
    conversation, made = played(person, [silence(4.0)])
    said = len(bursts("你好", "zh"))
    said += -said % FRAME_SAMPLES
    assert rms_dbfs(made[:said]) > -25
    assert frequencies_hz(made[said : said + 3200], 1) == [1000]
    assert rms_dbfs(made[said + 3200 : said + 3200 + 6400]) == pytest.approx(-55.0, abs=1.0)
    assert conversation.has_hung_up


def test_given_voices_are_used_and_rendered_beforehand() -> None:
    asked: list[tuple[str, str]] = []

    def voice(text: str, language: str) -> bytes:
        asked.append((text, language))
        return tone((600.0,), 0.4).astype("<i2").tobytes()

    person = Person(number=NUMBER, language="en", ring_s=0.0, steps=(Say(text="hello"),))
    bench = Bench(EC25, network=Network([person], voice=voice))
    assert asked == [("hello", "en")]
    bench.ask("ATE0;+QPCMV=1,0")
    connected(bench, ring_s=-0.1)
    heard = bench.sound(0.6)
    loud = np.flatnonzero(heard)
    assert frequencies_hz(heard[loud[0] : loud[-1]], 1) == [600]


def test_a_carrier_announcement_is_heard_before_the_release() -> None:
    person = Person(number=NUMBER, reaction=Reaction.SWITCHED_OFF, announcement="您拨打的电话已关机")
    bench = Bench(EC25, [person])
    bench.ask('ATE0;+QPCMV=1,0;+QINDCFG="ccinfo",1,0')
    bench.ask(f"ATD{NUMBER};", wait_s=1.7)
    heard = bench.sound(4.0)
    expected = bursts("您拨打的电话已关机", "zh")
    start = np.flatnonzero(heard)[0] - np.flatnonzero(expected)[0]
    assert np.array_equal(heard[start : start + len(expected)], expected)
    assert bench.lines()[-1] == "NO CARRIER"


def test_bursts_are_no_keys() -> None:
    """The babble must not be mistaken for a key by whoever listens: no pair of key frequencies dominates."""
    pcm = bursts("您好请问是王伟先生吗这里是银行", "zh").astype(np.float64)
    for start in range(0, len(pcm) - 320, 160):
        block = pcm[start : start + 320]
        energy = float(np.sum(block**2)) * len(block) / 2
        if energy < 1e9:
            continue
        instants = np.arange(320) / 8000
        power = {
            f: abs(np.sum(block * np.exp(-2j * np.pi * f * instants))) ** 2
            for f in (697, 770, 852, 941, 1209, 1336, 1477, 1633)
        }
        best_low = max(power[f] for f in (697, 770, 852, 941))
        best_high = max(power[f] for f in (1209, 1336, 1477, 1633))
        assert best_low + best_high < 0.8 * energy or min(best_low, best_high) < 0.06 * max(
            best_low, best_high
        )


@pytest.mark.parametrize("key", ["", "12", "E", "٣"])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="no telephone key"):
        key_tone(key)
