"""Every simulated personality, every way a call can go: one table of what the driver makes of it."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from modem_drivers.at.memory_port import MemoryPort
from modem_drivers.errors import CallRefusedError, LocalProtocolError, SimLockedError
from modem_drivers.events import Active, Alerting, CallProgress, CallState, Dialing, Released, ReleaseKind
from modem_drivers.modem import Modem, ModemCall, SimState
from modem_drivers.simulator import (
    PERSONALITIES,
    Faults,
    HangUp,
    Network,
    Pause,
    Person,
    Personality,
    Reaction,
    SimulatedModem,
)
from modem_drivers.simulator.memory_host import join
from modem_drivers.simulator.sim_card import SimCard

Run = Callable[..., Any]
ReadEvents = Callable[[ModemCall], Any]
NUMBER = "+8613800000001"
OWN = "+8613912345678"
UNSURE = ReleaseKind.UNKNOWN
DIALECTS = {
    "sim800": "sim800",
    "sim7600": "sim7600",
    "a7670": "a76xx",
    "ec25": "ec2x",
    "ec25-dsci": "ec2x",
    "huawei": "huawei_stick",
    "wavecom": "wavecom",
    "zte": "zte",
}
OUTCOMES = {
    "busy": (Reaction.BUSY, ReleaseKind.BUSY, 17),
    "no answer": (Reaction.NO_ANSWER, ReleaseKind.NO_ANSWER, 19),
    "rejected": (Reaction.REJECTS, ReleaseKind.REJECTED, 21),
    "switched off": (Reaction.SWITCHED_OFF, ReleaseKind.POWERED_OFF, 27),
    "unreachable": (Reaction.UNREACHABLE, ReleaseKind.UNREACHABLE, 18),
    "vacant": (Reaction.VACANT, ReleaseKind.INVALID_NUMBER, 1),
    "congestion": (Reaction.CONGESTED, ReleaseKind.CONGESTION, 42),
}
# A modem that tells no cause leaves only what its result code says: NO CARRIER says nothing.
MUTE = {"a7670": {"busy"}}
EVERY = pytest.mark.parametrize("personality", list(PERSONALITIES.values()), ids=list(PERSONALITIES))
AILMENTS = pytest.mark.parametrize(
    "faults",
    [
        pytest.param(Faults(), id="healthy"),
        pytest.param(Faults(noise_urcs=0.4), id="noise"),
        pytest.param(Faults(glued_lines=True), id="glued lines"),
    ],
)


def wired(
    personality: Personality, *people: Person, pin: str | None = None, network: Network | None = None
) -> tuple[SimulatedModem, MemoryPort, Network]:
    loop = asyncio.get_running_loop()
    network = network or Network(people)
    simulated = SimulatedModem(
        personality,
        network,
        imei="861234567890123",
        number=OWN,
        schedule=loop.call_later,
        now_s=loop.time,
    )
    simulated.device.sim.pin = pin
    port = MemoryPort(personality.name)
    join(simulated, port)
    return simulated, port, network


async def opened(port: MemoryPort) -> Modem:
    return await Modem.open(port, now_s=asyncio.get_running_loop().time)


def sim_of(modem: Modem) -> SimState:
    """Read anew: a type checker believes that what was just compared stays as it was."""
    return modem.sim


def state_of(call: ModemCall) -> CallState:
    return call.state


def kinds(events: list[CallProgress]) -> list[type]:
    return [type(event) for event in events]


@EVERY
def test_every_personality_is_known_by_its_family(run_virtual: Run, personality: Personality) -> None:
    async def scenario() -> None:
        _, port, _ = wired(personality)
        async with await opened(port) as modem:
            assert modem.identity.dialect == DIALECTS[personality.name]
            assert modem.registration.is_registered
            assert modem.own_number == OWN
            assert modem.iccid is not None
            assert modem.iccid.startswith("8986")
            assert modem.imsi is not None
            assert modem.imsi.startswith("460")

    run_virtual(scenario())


@EVERY
@AILMENTS
@pytest.mark.parametrize("outcome", list(OUTCOMES))
def test_why_nobody_answered(
    run_virtual: Run, call_events: ReadEvents, personality: Personality, faults: Faults, outcome: str
) -> None:
    reaction, kind, q850 = OUTCOMES[outcome]

    async def scenario() -> None:
        simulated, port, network = wired(personality, Person(number=NUMBER, reaction=reaction))
        async with await opened(port) as modem:
            simulated.faults = faults
            events = await call_events(await modem.dial(NUMBER))
            await modem.refresh()
        assert kinds(events)[0] is Dialing
        assert Active not in kinds(events)
        released = events[-1]
        if outcome in MUTE.get(personality.name, OUTCOMES):
            assert (released.kind, released.q850) == (kind, q850), released
            assert released.confidence >= 0.4
        else:
            assert released.kind is UNSURE, "a guess is worse than saying that one does not know"
            assert released.confidence <= 0.3
        assert [row["event"] for row in network.call_log.rows].count("dialled") == 1

    run_virtual(scenario())


@EVERY
@AILMENTS
def test_an_answered_call_the_callee_ends(
    run_virtual: Run, call_events: ReadEvents, personality: Personality, faults: Faults
) -> None:
    async def scenario() -> None:
        callee = Person(number=NUMBER, ring_s=6.0, steps=(Pause(duration_s=12.0), HangUp()))
        simulated, port, _ = wired(personality, callee)
        async with await opened(port) as modem:
            simulated.faults = faults
            events = await call_events(await modem.dial(NUMBER))
        told = kinds(events)
        assert [event for event in told if event is not Alerting] == [Dialing, Active, Released]
        assert events[-1].kind is ReleaseKind.ANSWERED_REMOTE
        active = next(event for event in events if isinstance(event, Active))
        assert 11 <= events[-1].at_s - active.at_s <= 17

    run_virtual(scenario())


@EVERY
@pytest.mark.parametrize("after_s", [1.5, 5.0, 12.0], ids=["dialling", "ringing", "talking"])
def test_we_hang_up(
    run_virtual: Run, call_events: ReadEvents, personality: Personality, after_s: float
) -> None:
    async def scenario() -> None:
        _, port, network = wired(personality, Person(number=NUMBER, ring_s=6.0 if after_s == 12.0 else 50.0))
        async with await opened(port) as modem:
            call = await modem.dial(NUMBER)
            loop = asyncio.get_running_loop()
            started_s = loop.time()
            await asyncio.sleep(after_s)
            await call.hang_up()
            assert loop.time() - started_s < after_s + 10
            events = await call_events(call)
            assert events[-1].kind is ReleaseKind.LOCAL
            assert events[-1].saw_active == (after_s == 12.0)
            assert network.call_log.rows[-1]["event"] == "released"
            again = await modem.dial(NUMBER)
            await again.hang_up()

    run_virtual(scenario())


@EVERY
def test_no_two_calls_meet_whatever_is_lost(
    run_virtual: Run, call_events: ReadEvents, personality: Personality
) -> None:
    """With every unasked line lost, AT+CLCC still tells answered from unanswered, and the end."""

    async def scenario() -> None:
        callee = Person(number=NUMBER, ring_s=6.0, steps=(Pause(duration_s=12.0), HangUp()))
        simulated, port, _ = wired(personality, callee)
        async with await opened(port) as modem:
            simulated.faults = Faults(lost_urc=1.0)
            events = await call_events(await modem.dial(NUMBER))
            assert events[-1].saw_active
            assert events[-1].kind is ReleaseKind.ANSWERED_REMOTE

    run_virtual(scenario())


# ---- the SIM card


@EVERY
def test_the_pin_is_typed_once_and_never_when_it_might_kill_the_card(
    run_virtual: Run, personality: Personality
) -> None:
    async def scenario() -> None:
        simulated, port, _ = wired(personality, pin="1234")
        async with await opened(port) as modem:
            assert sim_of(modem) is SimState.PIN_REQUIRED
            with pytest.raises(SimLockedError, match="enter the right one"):
                await modem.unlock_sim("0000")
            with pytest.raises(SimLockedError, match="refused this PIN before"):
                await modem.unlock_sim("0000")
            assert simulated.device.sim.tries_left == 2, "the wrong one is not typed again"
            await modem.unlock_sim("1234")
            assert sim_of(modem) is SimState.READY
            assert not any(
                "1234" in text or "0000" in text for _, _, text in modem.traffic if "CPIN=" in text
            )

    run_virtual(scenario())


@EVERY
def test_with_one_try_left_or_a_puk_asked_for_nothing_is_typed(
    run_virtual: Run, personality: Personality
) -> None:
    async def scenario() -> None:
        simulated, port, _ = wired(personality, pin="1234")
        async with await opened(port) as modem:
            for tries_left, reason in ((1, "only 1 tries"), (0, "PUK")):
                simulated.device.sim.tries_left = tries_left
                with pytest.raises(SimLockedError, match=reason):
                    await modem.unlock_sim("1234")
                assert simulated.device.sim.tries_left == tries_left
            assert not any("+CPIN=" in text for _, _, text in modem.traffic)
            await modem.refresh()
            assert sim_of(modem) is SimState.PUK_REQUIRED

    run_virtual(scenario())


@EVERY
def test_another_card_in_the_running_modem(run_virtual: Run, personality: Personality) -> None:
    async def scenario() -> None:
        simulated, port, _ = wired(personality)
        async with await opened(port) as modem:
            before = (modem.iccid, modem.imsi)
            simulated.pull_sim()
            await asyncio.sleep(5)
            await modem.refresh()
            assert sim_of(modem) is not SimState.READY
            simulated.insert_sim(SimCard(imsi="460009876543210", iccid="89860012345678901234"))
            await asyncio.sleep(30)
            await modem.refresh()
            assert sim_of(modem) is SimState.READY
            assert (modem.iccid, modem.imsi) == ("89860012345678901234", "460009876543210") != before

    run_virtual(scenario())


@EVERY
def test_the_networks_time_is_told_from_a_clock_nobody_set(
    run_virtual: Run, personality: Personality
) -> None:
    async def scenario() -> None:
        _, port, network = wired(personality)
        async with await opened(port) as modem:
            assert await modem.network_time() is None, "it counts from its epoch"
        at = datetime(2026, 3, 2, 17, 4, 5, tzinfo=timezone(timedelta(hours=8)))
        started_s = asyncio.get_running_loop().time()
        network.clock = lambda: at + timedelta(seconds=asyncio.get_running_loop().time() - started_s)
        _, port, _ = wired(personality, network=network)
        async with await opened(port) as modem:
            network.registration = 2
            await asyncio.sleep(5)
            network.registration = 1
            await asyncio.sleep(30)
            told = await modem.network_time()
            assert told is not None
            assert told.is_from_network
            assert told.offset == timedelta(hours=8)
            error_s = (told.at - network.clock()).total_seconds()
            assert -2 <= error_s <= 0

    run_virtual(scenario())


# ---- being called, holding


@EVERY
def test_a_call_that_comes_in_is_answered(
    run_virtual: Run, call_events: ReadEvents, personality: Personality
) -> None:
    async def scenario() -> None:
        caller = Person(number=NUMBER, steps=(Pause(duration_s=8.0), HangUp()))
        _, port, network = wired(personality, caller)
        loop = asyncio.get_running_loop()
        async with await opened(port) as modem:
            with pytest.raises(CallRefusedError):
                await modem.answer()
            assert network.ring(OWN, NUMBER, schedule=loop.call_later, now_s=loop.time)
            await modem.wait_ringing()
            assert not modem.is_idle
            with pytest.raises(CallRefusedError, match="calling in"):
                await modem.dial(NUMBER)
            call = await modem.answer()
            events = await call_events(call)
            assert kinds(events) == [Active, Released]
            assert events[-1].kind is ReleaseKind.ANSWERED_REMOTE
            again = await modem.dial(NUMBER)
            await again.hang_up()

    run_virtual(scenario())


@EVERY
def test_a_call_that_comes_in_is_refused(run_virtual: Run, personality: Personality) -> None:
    async def scenario() -> None:
        _, port, network = wired(personality, Person(number=NUMBER))
        loop = asyncio.get_running_loop()
        async with await opened(port) as modem:
            network.ring(OWN, NUMBER, schedule=loop.call_later, now_s=loop.time)
            await modem.wait_ringing()
            assert await modem.reject()
            assert modem.is_idle
            assert network.call_log.rows[-1]["event"] != "answered"

    run_virtual(scenario())


@EVERY
def test_we_hang_up_on_a_caller(run_virtual: Run, call_events: ReadEvents, personality: Personality) -> None:
    async def scenario() -> None:
        _, port, network = wired(personality, Person(number=NUMBER))
        loop = asyncio.get_running_loop()
        async with await opened(port) as modem:
            network.ring(OWN, NUMBER, schedule=loop.call_later, now_s=loop.time)
            await modem.wait_ringing()
            call = await modem.answer()
            await asyncio.sleep(5)
            await call.hang_up()
            events = await call_events(call)
            assert (events[-1].kind, events[-1].saw_active) == (ReleaseKind.LOCAL, True)

    run_virtual(scenario())


@EVERY
def test_holding_and_taking_back(run_virtual: Run, personality: Personality) -> None:
    async def scenario() -> None:
        _, port, _ = wired(personality, Person(number=NUMBER, ring_s=3.0))
        async with await opened(port) as modem:
            call = await modem.dial(NUMBER)
            with pytest.raises(LocalProtocolError):
                await call.hold()
            await asyncio.sleep(12)
            assert state_of(call) is CallState.ACTIVE
            await call.hold()
            assert state_of(call) is CallState.HELD
            await asyncio.sleep(20)
            assert state_of(call) is CallState.HELD
            await call.resume()
            assert state_of(call) is CallState.ACTIVE
            await call.hang_up()
            assert state_of(call) is CallState.RELEASED

    run_virtual(scenario())


@EVERY
def test_keys_are_sent_as_the_family_wants_them(run_virtual: Run, personality: Personality) -> None:
    async def scenario() -> None:
        _, port, network = wired(personality, Person(number=NUMBER, ring_s=3.0))
        async with await opened(port) as modem:
            call = await modem.dial(NUMBER)
            await asyncio.sleep(12)
            await call.send_dtmf("19#")
            form = "^DTMF=1," if personality.name == "huawei" else "+VTS="
            assert sum(direction == "->" and form in text for _, direction, text in modem.traffic) == 3
            await call.hang_up()
        assert network.conversations[-1].heard_keys == "19#"

    run_virtual(scenario())
