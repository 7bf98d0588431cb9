"""Sixteen modems of every family on one loop for a simulated day: every call ends as it should, nothing piles up."""

import asyncio
import gc
from collections import Counter
from itertools import cycle, islice

import pytest

from modem_drivers.at.memory_port import MemoryPort
from modem_drivers.events import Released, ReleaseKind
from modem_drivers.modem import Modem
from modem_drivers.simulator.memory_host import join
from modem_drivers.simulator.modem import SimulatedModem
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.people import HangUp, Pause, Person, Reaction
from modem_drivers.simulator.personality import PERSONALITIES
from tests.scenarios.virtual_time import run_virtually

N_MODEMS = 16
DAY_S = 24 * 3600.0
BETWEEN_CALLS_S = 3600.0
EXPECTED = {
    Reaction.ANSWER: ReleaseKind.ANSWERED_REMOTE,
    Reaction.BUSY: ReleaseKind.BUSY,
    Reaction.SWITCHED_OFF: ReleaseKind.POWERED_OFF,
}
TELLS_NO_CAUSE = {("a7670", Reaction.SWITCHED_OFF)}


@pytest.mark.timeout(180)
def test_a_day_of_sixteen() -> None:
    reactions = list(EXPECTED)
    people = [
        Person(
            number=f"+86131234500{modem:02d}",
            reaction=reactions[modem % len(reactions)],
            ring_s=1.0,
            steps=(Pause(duration_s=3), HangUp()),
        )
        for modem in range(N_MODEMS)
    ]

    async def story() -> tuple[Counter[str], int, int]:
        loop = asyncio.get_running_loop()
        network = Network(people)
        kinds: Counter[str] = Counter()

        async def work(place: int, personality: str) -> None:
            simulated = SimulatedModem(
                PERSONALITIES[personality],
                network,
                imei=f"3569380356438{place:02d}",
                number=f"+86131234560{place:02d}",
                schedule=loop.call_later,
                now_s=loop.time,
            )
            port = MemoryPort(f"{personality}-{place}")
            join(simulated, port)
            person = people[place]
            async with await Modem.open(port, now_s=loop.time) as modem:
                await asyncio.sleep(place * 7.0)
                while loop.time() < DAY_S:
                    await modem.refresh()
                    assert modem.registration.is_registered
                    call = await modem.dial(person.number)
                    last = None
                    async for event in call.events():
                        last = event
                    assert isinstance(last, Released)
                    told = (personality, person.reaction) not in TELLS_NO_CAUSE
                    expected = EXPECTED[person.reaction] if told else ReleaseKind.UNKNOWN
                    assert last.kind is expected, (personality, person.reaction, last)
                    kinds[last.kind.value] += 1
                    await asyncio.sleep(BETWEEN_CALLS_S)

        gc.collect()
        before = len(asyncio.all_tasks())
        async with asyncio.TaskGroup() as group:
            for place, personality in enumerate(islice(cycle(sorted(PERSONALITIES)), N_MODEMS)):
                group.create_task(work(place, personality))
        await asyncio.sleep(1)
        return kinds, before, len(asyncio.all_tasks())

    kinds, before, after = run_virtually(story())
    assert sum(kinds.values()) >= N_MODEMS * 23
    assert kinds["answered_remote"] >= 23 * 5
    assert after == before, "tasks were left behind"
