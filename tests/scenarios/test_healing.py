"""The daemon mends its modems by itself: on simulated modems at a USB that the test made, in virtual time."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import structlog

from firmware.lines.sim_pin import PinFileError
from modem_drivers.simulator.faults import Faults
from modem_drivers.simulator.modem import SimulatedModem
from modem_drivers.simulator.people import Pause, Person, Say, WaitForSilence
from modem_drivers.slots import Wanted
from tests.scenarios.town import contact
from tests.scenarios.usb_town import UsbTown
from tests.scenarios.virtual_time import run_virtually

RESETS = ("AT+CFUN", "AT+CRESET")


def person(place: int, **more: Any) -> Person:
    given: dict[str, Any] = {
        "number": f"+86131234567{place:02d}",
        "ring_s": 2,
        "noise_dbfs": -60.0,
        "steps": (Say(text="喂你好"), WaitForSilence(silence_s=1), Say(text="不在"), Pause(duration_s=20)),
    }
    return Person(**(given | more))


def is_ready(town: UsbTown, index: int = 0) -> bool:
    line = town.line(index)
    return line is not None and line.status == "ready"


def dialled(town: UsbTown, place: int) -> int:
    return town.network.call_log.dialled(f"+86131234567{place:02d}")


def resets_in_calls(town: UsbTown) -> list[str]:
    """Return what was ordered of a modem between a dialling and its release."""
    spans, began = [], {}
    for row in town.network.call_log.rows:
        if row["event"] == "dialled":
            began[row["modem"]] = float(str(row["at_s"]))
        elif row["event"] == "released":
            spans.append((began.pop(row["modem"]), float(str(row["at_s"]))))
    assert not began
    return [
        command
        for at_s, _slot, command in town.bus.typed
        if command.startswith(RESETS)
        and not command.endswith("?")
        and any(since_s < at_s < until_s for since_s, until_s in spans)
    ]


def test_a_modem_that_falls_silent_is_restarted_and_its_contact_called_once(tmp_path: Path) -> None:
    """It obeys, but says nothing any more: the ladder climbs to the vendor's reset, and the ports come back renamed."""

    async def story() -> None:
        town = UsbTown(tmp_path, [person(1)], n_modems=1)
        async with town.open():
            await town.until(lambda: is_ready(town))
            before = town.bus.at_port_of("1-1.1")
            town.modems[0].faults = Faults(mute=True)
            await town.until(lambda: town.line().status == "faulted", hours=0.1)
            assert town.line().ailment == "deaf"
            await town.push([contact(1)])
            await asyncio.sleep(5)
            assert dialled(town, 1) == 0, "nobody is dialled on a line under treatment"
            await town.until_settled([contact(1)], hours=0.5)
            assert town.bus.at_port_of("1-1.1") != before
            assert town.line().healed_by == {"vendor_reset": 1}
            assert (town.line().ailment, town.line().treatment) == ("", "")
        assert dialled(town, 1) == 1
        assert resets_in_calls(town) == []
        typed = [command for _at, _slot, command in town.bus.typed]
        assert "AT+CFUN=1" in typed, "the gentler rungs came first"
        assert typed.index("AT+CFUN=4") < typed.index("AT+CRESET")

    run_virtually(story())


def test_a_modem_that_no_command_reaches_is_taken_off_the_usb(tmp_path: Path) -> None:
    async def story() -> None:
        town = UsbTown(tmp_path, [person(1)], n_modems=1)

        def revive(modem: SimulatedModem) -> None:
            modem.faults = Faults()

        town.bus.after_rebind = revive
        async with town.open():
            await town.until(lambda: is_ready(town))
            town.modems[0].faults = Faults(deaf=True)
            await town.push([contact(1)])
            await town.until(lambda: town.outcomes() != {}, hours=2)
            await town.until(lambda: town.line().healed_by == {"usb_rebind": 1}, hours=0.5)

    run_virtually(story())


def test_a_modem_that_nothing_helps_calls_a_technician_and_comes_back_by_a_hand(tmp_path: Path) -> None:
    async def story() -> None:
        town = UsbTown(tmp_path, [person(1)], n_modems=2)
        async with town.open():
            await town.until(lambda: is_ready(town) and is_ready(town, 1))
            town.modems[0].faults = Faults(deaf=True)
            await town.until(lambda: town.line().treatment == "dead", hours=1)
            assert town.line().status == "faulted"
            await town.until(lambda: "technician" in town.line().detail, hours=0.1)
            await town.push([contact(1)])
            await town.until_settled([contact(1)], hours=0.5)
            assert {row["modem"] for row in town.network.call_log.rows} == {town.modems[1].device.number}
            town.modems[0].faults = Faults()
            await town.until(lambda: is_ready(town), hours=0.1)
            assert town.line().healed_by == {}, "it was no rung of ours"

    run_virtually(story())


def test_a_modem_pulled_out_in_a_call_comes_back_and_nobody_is_dialled_twice(tmp_path: Path) -> None:
    """EIO in mid-call: a technical failure, no second call; the next contact keeps its place."""

    async def story() -> None:
        town = UsbTown(tmp_path, [person(1), person(2)], n_modems=1)
        async with town.open():
            await town.until(lambda: is_ready(town))
            await town.push([contact(1)])
            await town.until(lambda: town.line().call == "active")
            modem = town.bus.unplug("1-1.1")
            await town.push([contact(2)], campaign="second")
            await town.until(lambda: town.outcomes() == {"c01": "technical_failure"}, hours=0.1)
            await town.until(lambda: town.line().status == "absent", hours=0.1)
            await asyncio.sleep(20)
            assert (dialled(town, 1), dialled(town, 2)) == (1, 0)
            town.bus.replug("1-1.1", modem)
            before_s = town.loop.time()
            await town.until(lambda: is_ready(town), hours=0.1)
            assert town.loop.time() - before_s < 20, "booting takes 12 s; its coming is noticed at once"
            assert town.line().healed_by == {}, "a cable is not ours to count"
            await town.until(lambda: "c02" in town.outcomes(), hours=0.1)
            await asyncio.sleep(1200)
            assert (dialled(town, 1), dialled(town, 2)) == (1, 1)
            assert town.refusals() == {"c01": "ALL-ABD-1"}, "who was answered with silence is left in peace"

    run_virtually(story())


def test_a_call_lost_while_it_rang_is_not_placed_again_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        town = UsbTown(tmp_path, [person(1, ring_s=15)], n_modems=1)
        async with town.open():
            await town.until(lambda: is_ready(town))
            await town.push([contact(1)])
            await town.until(lambda: town.line().call == "alerting")
            modem = town.bus.unplug("1-1.1")
            await asyncio.sleep(5)
            town.bus.replug("1-1.1", modem)
            await town.until(lambda: town.outcomes() == {"c01": "technical_failure"}, hours=0.1)
            await town.until(lambda: is_ready(town), hours=0.1)
            await asyncio.sleep(1200)
            assert dialled(town, 1) == 1
            assert town.refusals() == {"c01": "ALL-FRQ-1-number-gap"}, (
                "the gate, not the fault, says when again"
            )

    run_virtually(story())


def test_a_modem_that_falls_silent_in_a_call_is_treated_after_it(tmp_path: Path) -> None:
    async def story() -> None:
        town = UsbTown(tmp_path, [person(1)], n_modems=1)
        async with town.open():
            await town.until(lambda: is_ready(town))
            await town.push([contact(1)])
            await town.until(lambda: town.line().call == "active")
            town.modems[0].faults = Faults(mute=True)
            await town.until(lambda: "c01" in town.outcomes(), hours=0.1)
            await town.until(lambda: town.line().healed_by == {"vendor_reset": 1}, hours=0.5)
            await town.until(lambda: is_ready(town), hours=0.1)
        assert resets_in_calls(town) == []

    run_virtually(story())


def test_a_sound_path_that_rots_is_found_and_mended(tmp_path: Path) -> None:
    """After its first call the modem passes only zeros: one mute call is enough to see it, and a reset to mend it."""

    async def story() -> None:
        people = [person(place) for place in (1, 2, 3)]
        town = UsbTown(tmp_path, people, n_modems=1)
        town.prepare = lambda modem: setattr(modem, "faults", Faults(audio_rot=True))
        async with town.open():
            await town.until(lambda: is_ready(town))
            contacts = [contact(place) for place in (1, 2, 3)]
            await town.push(contacts)
            await town.until_settled(contacts, hours=0.5)
            await town.until(lambda: is_ready(town), hours=0.1)
            assert town.line().healed_by == {"vendor_reset": 1}
            assert [dialled(town, place) for place in (1, 2, 3)] == [1, 1, 1]
            order = [row["number"] for row in town.network.call_log.rows if row["event"] == "dialled"]
            heard = {outcome.contact: outcome.disposition for outcome in town.ledger_outcomes()}
            assert heard[f"c{int(str(order[0])[-2:]):02d}"] == heard[f"c{int(str(order[2])[-2:]):02d}"]
            assert heard[f"c{int(str(order[1])[-2:]):02d}"] == "silence"
        assert resets_in_calls(town) == []

    run_virtually(story())


def test_a_silent_callee_does_not_restart_a_modem(tmp_path: Path) -> None:
    """Digital silence from one telephone may be its owner's thumb on the microphone."""

    async def story() -> None:
        mute = person(1, noise_dbfs=None, steps=(Pause(duration_s=60),))
        town = UsbTown(tmp_path, [mute, person(2)], n_modems=1)
        async with town.open():
            await town.until(lambda: is_ready(town))
            await town.push([contact(1), contact(2)])
            await town.until_settled([contact(1), contact(2)], hours=0.5)
            await asyncio.sleep(120)
            assert town.line().healed_by == {}
        assert not [command for _at, _slot, command in town.bus.typed if command == "AT+CRESET"]

    run_virtually(story())


def locked(pin: str, tries_left: int = 3) -> Any:
    def prepare(modem: SimulatedModem) -> None:
        modem.device.sim.pin = pin
        modem.device.sim.tries_left = tries_left

    return prepare


def test_the_pin_is_typed_and_typed_again_after_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        town = UsbTown(tmp_path, [person(1)], n_modems=1, pin=lambda: "4826")
        town.prepare = locked("4826")
        structlog.reset_defaults()  # a command's test may have left the log at errors only
        with structlog.testing.capture_logs() as logs:
            async with town.open():
                await town.until(lambda: is_ready(town), hours=0.1)
                modem = town.bus.unplug("1-1.1")
                await asyncio.sleep(5)
                town.bus.replug("1-1.1", modem)
                await town.push([contact(1)])
                await town.until_settled([contact(1)], hours=0.5)
        assert modem.device.sim.tries_left == 3
        assert "4826" not in str(logs)
        assert [e for e in logs if e["event"] == "pin_accepted"]

    run_virtually(story())


@pytest.mark.parametrize(
    ("tries_left", "left_after", "words"),
    [
        pytest.param(3, 2, "refused", id="a wrong PIN is typed once and never again"),
        pytest.param(1, 1, "only 1 tries are left", id="with fewer than two tries left none is typed"),
        pytest.param(0, 0, "PUK", id="a card that asks for its PUK is a person's task"),
    ],
)
def test_a_card_is_never_locked_by_us(tmp_path: Path, tries_left: int, left_after: int, words: str) -> None:
    async def story() -> None:
        town = UsbTown(tmp_path, [], n_modems=1, pin=lambda: "1111")
        town.prepare = locked("4826", tries_left)
        async with town.open():
            await town.until(lambda: town.line() is not None and words in town.line().detail, hours=0.1)
            assert town.line().status == "faulted"
            modem = town.bus.unplug("1-1.1")
            await asyncio.sleep(5)
            town.bus.replug("1-1.1", modem)
            await asyncio.sleep(120)
            assert town.line().status == "faulted"
            assert words in town.line().detail
            assert "1111" not in str(town.state())
        assert town.modems[0].device.sim.tries_left == left_after

    run_virtually(story())


def test_no_pin_file_is_said(tmp_path: Path) -> None:
    def missing() -> str:
        raise PinFileError("pins/line-1: No such file or directory: put the PIN there, mode 0400")

    async def story() -> None:
        town = UsbTown(tmp_path, [], n_modems=1, pin=missing)
        town.prepare = locked("4826")
        async with town.open():
            await town.until(
                lambda: town.line() is not None and "pins/line-1" in town.line().detail, hours=0.1
            )

    run_virtually(story())


def test_modems_named_by_imei_are_found_after_they_changed_places(tmp_path: Path) -> None:
    """Somebody swaps the cables: each line keeps its own modem, and with it its SIM card and number."""
    wanted = [Wanted(imei="356938035643800"), Wanted(imei="356938035643801")]

    async def story() -> None:
        town = UsbTown(tmp_path, [], n_modems=2, wanted=wanted)
        async with town.open():
            await town.until(lambda: is_ready(town) and is_ready(town, 1), hours=0.1)
            models = [town.line(index).model for index in (0, 1)]
            assert models[0] != models[1]
            first, second = town.bus.unplug("1-1.1"), town.bus.unplug("1-1.2")
            await asyncio.sleep(3)
            town.bus.replug("1-1.2", first)
            town.bus.replug("1-1.1", second)
            await town.until(lambda: town.line().status == "absent", hours=0.1)
            await town.until(lambda: is_ready(town) and is_ready(town, 1), hours=0.1)
            assert [town.line(index).model for index in (0, 1)] == models

    run_virtually(story())


def test_ports_named_by_hand_are_followed_when_they_get_other_names(tmp_path: Path) -> None:
    wanted = [Wanted(at_port="/dev/ttyUSB2", pcm_port="/dev/ttyUSB4")]

    async def story() -> None:
        town = UsbTown(tmp_path, [person(1)], n_modems=1, wanted=wanted)
        async with town.open():
            await town.until(lambda: is_ready(town), hours=0.1)
            modem = town.bus.unplug("1-1.1")
            await asyncio.sleep(5)
            town.bus.replug("1-1.1", modem)
            await town.push([contact(1)])
            await town.until_settled([contact(1)], hours=0.5)
            assert town.bus.at_port_of("1-1.1") == "/dev/ttyUSB7"
            assert town.outcomes()["c01"] not in {"technical_failure", "silence"}

    run_virtually(story())


def test_a_call_that_no_hang_up_ends_is_ended_by_the_radio(tmp_path: Path) -> None:
    """The callee stays on the line and the modem ignores ATH and AT+CHUP: switching its radio off ends it."""

    async def story() -> None:
        town = UsbTown(tmp_path, [person(1, patience_s=3000)], n_modems=1)
        async with town.open():
            await town.until(lambda: is_ready(town))
            town.modems[0].faults = Faults(hang_up_ignored=True)
            await town.push([contact(1)])
            await town.until(lambda: town.line().ailment == "stuck_call", hours=0.5)
            await town.until(lambda: is_ready(town), hours=0.1)
            assert town.line().healed_by == {"radio_cycle": 1}
        released = [row for row in town.network.call_log.rows if row["event"] == "released"]
        assert len(released) == 1

    run_virtually(story())
