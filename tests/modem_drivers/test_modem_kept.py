"""Driver, healer and simulated modem together: sick, treated, well again, without anybody's hand."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from modem_drivers.at.memory_port import MemoryPort
from modem_drivers.errors import NotAModemError
from modem_drivers.healer import Healer
from modem_drivers.healing import Ailment, Rung
from modem_drivers.kept_modem import KeptModem
from modem_drivers.modem import Modem
from modem_drivers.simulator import EC25, PERSONALITIES, SIM7600, Faults, Network, Personality, SimulatedModem
from modem_drivers.simulator.memory_host import join

Run = Callable[..., Any]


def kept(personality: Personality) -> tuple[SimulatedModem, Network, KeptModem]:
    loop = asyncio.get_running_loop()
    network = Network(())
    simulated = SimulatedModem(
        personality,
        network,
        imei="861234567890123",
        number="+8613912345678",
        schedule=loop.call_later,
        now_s=loop.time,
    )

    async def open_now() -> Modem:
        port = MemoryPort(personality.name)
        join(simulated, port)
        return await Modem.open(port, now_s=loop.time)

    return simulated, network, KeptModem("1-1.3", open_now)


async def tend(patient: KeptModem, healer: Healer, *, for_s: float) -> list[Rung]:
    loop = asyncio.get_running_loop()
    climbed = []
    until_s = loop.time() + for_s
    while loop.time() < until_s:
        if step := await healer.attend(await patient.examine(), is_idle=patient.is_idle):
            climbed.append(step.rung)
        await asyncio.sleep(5)
    return climbed


@pytest.mark.parametrize("personality", [SIM7600, EC25, PERSONALITIES["huawei"]], ids=lambda p: p.name)
def test_rotten_audio_is_healed_by_the_vendors_reset_and_counted(
    run_virtual: Run, personality: Personality
) -> None:
    async def scenario() -> None:
        _, _, patient = kept(personality)
        assert await patient.examine() == frozenset()
        assert patient.modem is not None
        healer = Healer(patient, patient.modem.dialect.healing, now_s=asyncio.get_running_loop().time)
        patient.audio_was_silent = True
        assert await tend(patient, healer, for_s=180) == [Rung.VENDOR_RESET]
        assert healer.ladder.helped == {Rung.VENDOR_RESET: 1}
        assert await patient.examine() == frozenset(), "up again, registered, and opened anew"
        await patient.close()

    run_virtual(scenario())


def test_a_deaf_port_goes_up_the_ladder_and_is_left_alone_at_its_end(run_virtual: Run) -> None:
    async def scenario() -> None:
        simulated, _, patient = kept(SIM7600)
        await patient.examine()
        assert patient.modem is not None
        healer = Healer(patient, patient.modem.dialect.healing, now_s=asyncio.get_running_loop().time)
        simulated.faults = Faults(deaf=True)
        climbed = await tend(patient, healer, for_s=900)
        assert climbed == [Rung.PROBE, Rung.REOPEN, Rung.RADIO_CYCLE, Rung.VENDOR_RESET, Rung.DEAD]
        assert healer.ladder.is_dead
        simulated.faults = Faults()
        assert await tend(patient, healer, for_s=30) == []
        assert not healer.ladder.is_dead, "it answers again: somebody has been there"
        await patient.close()

    run_virtual(scenario())


def test_a_network_that_is_gone_is_waited_for(run_virtual: Run) -> None:
    async def scenario() -> None:
        _, network, patient = kept(EC25)
        await patient.examine()
        assert patient.modem is not None
        healer = Healer(patient, patient.modem.dialect.healing, now_s=asyncio.get_running_loop().time)
        network.registration = 2
        assert await tend(patient, healer, for_s=280) == []
        assert healer.ladder.ailment is Ailment.NOT_REGISTERED
        assert await tend(patient, healer, for_s=60) == [Rung.RADIO_CYCLE]
        network.registration = 1
        await tend(patient, healer, for_s=60)
        assert healer.ladder.helped == {Rung.RADIO_CYCLE: 1}
        await patient.close()

    run_virtual(scenario())


def test_nothing_is_sent_to_a_slot_that_is_empty(run_virtual: Run) -> None:
    async def scenario() -> None:
        async def nobody() -> Modem:
            raise NotAModemError("1-1.3", "empty")

        patient = KeptModem("1-1.3", nobody)
        assert await patient.examine() == {Ailment.DEAF}
        with pytest.raises(NotAModemError):
            await patient.send(("AT",))
        await patient.close()

    run_virtual(scenario())
