"""Driver and simulated modem, two programs that share no code, wired back to back."""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from modem_drivers.at.memory_port import MemoryPort
from modem_drivers.discovery import open_modem
from modem_drivers.errors import (
    CallRefusedError,
    CommandTimeoutError,
    NotAModemError,
    PortClosedError,
    SimLockedError,
)
from modem_drivers.events import Active, Alerting, CallProgress, Dialing, Released, ReleaseKind
from modem_drivers.modem import Modem, ModemCall, RegistrationState, SimState
from modem_drivers.simulator import (
    EC25,
    SIM7600,
    Faults,
    HangUp,
    ModemSpec,
    Network,
    Pause,
    Person,
    Personality,
    Reaction,
    SimulatedModem,
    SimulatedModemProcess,
    Simulation,
)
from modem_drivers.simulator.memory_host import join

Run = Callable[..., Any]
ReadEvents = Callable[[ModemCall], Any]
NUMBER = "+8613800000001"
OWN = "+8613912345678"
IMEI = "861234567890123"
BOTH = pytest.mark.parametrize("personality", [SIM7600, EC25], ids=lambda personality: personality.name)
AILMENTS = pytest.mark.parametrize(
    "faults",
    [
        pytest.param(Faults(), id="healthy"),
        pytest.param(Faults(glued_lines=True), id="glued lines"),
        pytest.param(Faults(noise_urcs=0.5), id="noise"),
        pytest.param(Faults(lost_urc=0.5), id="half the URCs lost"),
        pytest.param(Faults(lost_urc=1.0), id="all URCs lost"),
        pytest.param(
            Faults(lost_urc=0.3, noise_urcs=0.3, glued_lines=True, ath_ignored_while_alerting=True),
            id="all at once",
        ),
    ],
)


def wired(personality: Personality, *people: Person) -> tuple[SimulatedModem, MemoryPort, Network]:
    loop = asyncio.get_running_loop()
    network = Network(people)
    simulated = SimulatedModem(
        personality, network, imei=IMEI, number=OWN, schedule=loop.call_later, now_s=loop.time
    )
    port = MemoryPort(personality.name)
    join(simulated, port)
    return simulated, port, network


async def opened(port: MemoryPort) -> Modem:
    return await Modem.open(port, now_s=asyncio.get_running_loop().time)


def kinds(events: list[CallProgress]) -> list[type]:
    return [type(event) for event in events]


@BOTH
def test_identity_and_standing(run_virtual: Run, personality: Personality) -> None:
    async def scenario() -> None:
        _, port, _ = wired(personality)
        async with await opened(port) as modem:
            assert (modem.identity.manufacturer, modem.identity.model) == (
                personality.manufacturer,
                personality.model,
            )
            assert (modem.identity.imei, modem.identity.revision) == (IMEI, personality.revision)
            assert modem.identity.dialect == {"sim7600": "sim7600", "ec25": "ec2x"}[personality.name]
            assert (modem.sim, modem.registration) == (SimState.READY, RegistrationState.HOME)
            assert (modem.operator, modem.rssi_dbm, modem.own_number) == ("CHINA MOBILE", -67, OWN)

    run_virtual(scenario())


@BOTH
@AILMENTS
@pytest.mark.parametrize(
    ("reaction", "kind", "q850", "rings"),
    [
        (Reaction.BUSY, ReleaseKind.BUSY, 17, False),
        (Reaction.NO_ANSWER, ReleaseKind.NO_ANSWER, 19, True),
        (Reaction.REJECTS, ReleaseKind.REJECTED, 21, True),
        (Reaction.SWITCHED_OFF, ReleaseKind.POWERED_OFF, 27, False),
        (Reaction.UNREACHABLE, ReleaseKind.UNREACHABLE, 18, False),
        (Reaction.VACANT, ReleaseKind.INVALID_NUMBER, 1, False),
        (Reaction.CONGESTED, ReleaseKind.CONGESTION, 42, False),
    ],
)
def test_why_nobody_answered(
    run_virtual: Run,
    call_events: ReadEvents,
    personality: Personality,
    faults: Faults,
    reaction: Reaction,
    kind: ReleaseKind,
    q850: int,
    rings: bool,
) -> None:
    """The outcome is the same whatever the modem garbles or swallows on the way."""

    async def scenario() -> None:
        simulated, port, network = wired(personality, Person(number=NUMBER, reaction=reaction))
        async with await opened(port) as modem:
            simulated.faults = faults
            events = await call_events(await modem.dial(NUMBER))
        assert kinds(events) == [Dialing, Alerting, Released] if rings else [Dialing, Released]
        assert (events[-1].kind, events[-1].q850) == (kind, q850)
        assert events[-1].confidence >= 0.4
        assert not any(NUMBER in line for line in events[-1].raw_lines)
        assert [row["event"] for row in network.call_log.rows].count("dialled") == 1

    run_virtual(scenario())


@BOTH
@AILMENTS
def test_an_answered_call(
    run_virtual: Run, call_events: ReadEvents, personality: Personality, faults: Faults
) -> None:
    async def scenario() -> None:
        callee = Person(number=NUMBER, ring_s=6.0, steps=(Pause(duration_s=12.0), HangUp()))
        simulated, port, _ = wired(personality, callee)
        async with await opened(port) as modem:
            simulated.faults = faults
            call = await modem.dial(NUMBER)
            reading = asyncio.create_task(call_events(call))
            await asyncio.sleep(11)
            await call.open_audio()
            assert len(simulated.pcm_exchange(b"\0" * 320)) == 320, "sound flows"
            events = await reading
        assert kinds(events) == [Dialing, Alerting, Active, Released]
        assert (events[-1].kind, events[-1].q850) == (ReleaseKind.ANSWERED_REMOTE, 16)
        assert 11 <= events[-1].at_s - events[2].at_s <= 17
        assert simulated.pcm_exchange(b"") == b"", "the audio path is closed after the call"

    run_virtual(scenario())


@BOTH
@AILMENTS
@pytest.mark.parametrize("after_s", [0.5, 4.0, 12.0], ids=["dialling", "ringing", "talking"])
def test_we_hang_up(
    run_virtual: Run,
    call_events: ReadEvents,
    personality: Personality,
    faults: Faults,
    after_s: float,
) -> None:
    async def scenario() -> None:
        simulated, port, network = wired(personality, Person(number=NUMBER, ring_s=6.0))
        async with await opened(port) as modem:
            simulated.faults = faults
            call = await modem.dial(NUMBER)
            await asyncio.sleep(after_s)
            started_s = asyncio.get_running_loop().time()
            await call.hang_up()
            assert asyncio.get_running_loop().time() - started_s < 10
            events = await call_events(call)
            assert (events[-1].kind, events[-1].saw_active) == (ReleaseKind.LOCAL, after_s == 12.0)
            assert network.call_log.rows[-1]["event"] == "released"
            second = await modem.dial(NUMBER)
            await second.hang_up()

    run_virtual(scenario())


def test_the_audio_path_is_won_against_refusals(run_virtual: Run) -> None:
    async def scenario() -> None:
        simulated, port, _ = wired(SIM7600, Person(number=NUMBER, ring_s=1.0))
        async with await opened(port) as modem:
            simulated.faults = Faults(cpcmreg_refusals=5)
            call = await modem.dial(NUMBER)
            async for event in call.events():
                if isinstance(event, Active):
                    break
            await call.open_audio()
            assert call.audio_tries == 6
            await call.hang_up()

    run_virtual(scenario())


@BOTH
def test_a_modem_gone_deaf_in_a_call(
    run_virtual: Run, call_events: ReadEvents, personality: Personality
) -> None:
    async def scenario() -> None:
        simulated, port, _ = wired(personality, Person(number=NUMBER))
        async with await opened(port) as modem:
            call = await modem.dial(NUMBER)
            simulated.faults = Faults(deaf=True)
            events = await call_events(call)
            assert events[-1].kind is ReleaseKind.LOCAL_FAULT
            with pytest.raises(CommandTimeoutError):
                await modem.refresh()
        with pytest.raises(PortClosedError):
            await port.read()

    run_virtual(scenario())


@BOTH
def test_a_modem_deaf_from_the_start(run_virtual: Run, personality: Personality) -> None:
    async def scenario() -> None:
        simulated, port, _ = wired(personality)
        simulated.faults = Faults(deaf=True)
        with pytest.raises(NotAModemError):
            await opened(port)

    run_virtual(scenario())


@BOTH
@pytest.mark.parametrize(
    "left", ["in numeric mode", "echoing", "in a text prompt", "in a call", "off the air"]
)
def test_a_modem_another_program_left_behind(
    run_virtual: Run, personality: Personality, left: str, call_events: ReadEvents
) -> None:
    async def scenario() -> None:
        simulated, port, _ = wired(personality, Person(number=NUMBER, ring_s=1.0))
        typed = {
            "in numeric mode": b"ATV0\r",
            "echoing": b"ATE1\r",
            "in a text prompt": b"AT+CMGF=1\r",
            "in a call": f"ATD{NUMBER};\r".encode(),
            "off the air": b"AT+CFUN=4\r",
        }[left]
        simulated.on_host_bytes(typed)
        await asyncio.sleep(5)
        if left == "in a text prompt":
            simulated.on_host_bytes(f'AT+CMGS="{NUMBER}"\r'.encode())
            await asyncio.sleep(1)
        async with await opened(port) as modem:
            for _ in range(5):
                if modem.registration.is_registered:
                    break
                await asyncio.sleep(5)
                await modem.refresh()
            call = await modem.dial(NUMBER)
            await call.hang_up()
            assert (await call_events(call))[-1].kind is ReleaseKind.LOCAL

    run_virtual(scenario())


def test_no_network_is_told_apart_from_a_call_that_failed(run_virtual: Run, call_events: ReadEvents) -> None:
    async def scenario() -> None:
        _, port, network = wired(SIM7600, Person(number=NUMBER))
        async with await opened(port) as modem:
            network.registration = 2
            await modem.refresh()
            assert modem.registration is RegistrationState.SEARCHING
            try:
                events = await call_events(await modem.dial(NUMBER))
            except CallRefusedError:
                pass
            else:
                assert events[-1].kind is not ReleaseKind.NO_ANSWER

    run_virtual(scenario())


@BOTH
def test_on_a_real_pseudo_terminal(personality: Personality, call_events: ReadEvents) -> None:
    """Another process, a kernel tty, real seconds: the whole path of bytes."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        simulation = Simulation(
            modems=(ModemSpec(personality=personality.name, imei=IMEI, number=OWN),),
            people=f'people:\n  - number: "{NUMBER}"\n    ring_s: 0\n    steps: [hang_up]\n',
            today=date(2026, 3, 2),
            setup_s=0.1,
        )
        async with SimulatedModemProcess(simulation) as process:
            async with await open_modem(process.ports[0].at_path, now_s=loop.time) as modem:
                events = await call_events(await modem.dial(NUMBER))
                assert events[-1].kind is ReleaseKind.ANSWERED_REMOTE
                assert modem.is_open
            again = await open_modem(process.ports[0].at_path, now_s=loop.time)
            await process.__aexit__(None, None, None)
            async with asyncio.timeout(5):
                await again.wait_closed()
            await again.close()

    asyncio.run(scenario())


def test_a_locked_card_is_never_dialled_with(run_virtual: Run) -> None:
    async def scenario() -> None:
        async with (
            SimulatedModemProcess(
                Simulation(
                    modems=(ModemSpec(personality="sim7600", imei=IMEI, number=OWN, pin="1234"),),
                    today=date(2026, 3, 2),
                )
            ) as process,
            await open_modem(process.ports[0].at_path, now_s=asyncio.get_running_loop().time) as modem,
        ):
            assert modem.sim is SimState.PIN_REQUIRED
            with pytest.raises(SimLockedError):
                await modem.dial(NUMBER)

    asyncio.run(scenario())
