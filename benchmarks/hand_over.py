"""How long a callee and an agent who took the call wait for each other: whole boxes in virtual time, espeak's own pace.

    python -m benchmarks.hand_over [--calls 12]

The limit is 5 s from the agent's answer, for an agent who presses 1 at once; reading how fast a person presses is not ours.
"""

import argparse
import json
import tempfile
from pathlib import Path
from random import Random

import numpy as np

from audio.speech.espeak import EspeakSynthesizer
from modem_drivers.simulator.people import Pause, Press
from tests.scenarios.test_hand_over import AGENT, ASKS, EARLY, FLOW, Story, agent, callee, wanted
from tests.scenarios.town import TUESDAY_10
from tests.scenarios.virtual_time import run_virtually

LIMIT_S = 5.0


def one_call(folder: Path, *, press_after_s: float, is_verified: bool) -> float:
    """Return the seconds from the agent's answer to the join."""

    async def told() -> float:
        takes = agent(Pause(duration_s=press_after_s), Press(keys="1"), Pause(duration_s=10))
        people = [callee(steps=ASKS if is_verified else EARLY, patience_s=60), takes]
        story = Story(folder, people, synthesizer=EspeakSynthesizer())
        town = story.town
        async with town.open():
            assert town.box is not None
            await town.push([wanted()], flow=FLOW)
            await town.until_settled([wanted()])
            rows = await town.box.database.read(
                lambda con: con.rows("SELECT at, detail FROM call_event WHERE kind = 'hand_over'")
            )
        (row,) = rows
        assert json.loads(row["detail"])["result"] == "answered"
        (answered,) = story.rows(AGENT, "answered")
        joined_s = row["at"] / 1000 - TUESDAY_10.timestamp()
        return float(joined_s - answered["at_s"])

    return run_virtually(told())


def main() -> None:
    """Print the distribution over calls."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=12)
    n_calls = parser.parse_args().calls
    dice = Random(7)
    waits = []
    for number in range(n_calls):
        press_after_s = dice.uniform(0.2, 1.0)
        with tempfile.TemporaryDirectory() as folder:
            wait_s = one_call(Path(folder), press_after_s=press_after_s, is_verified=number % 2 == 0)
        waits.append(wait_s)
        print(
            f"call {number + 1}: pressed 1 after {press_after_s:.1f} s, joined {wait_s:.2f} s after the answer"
        )
    p50, p95 = np.percentile(waits, [50, 95])
    verdict = "within" if p95 <= LIMIT_S else "OVER"
    print(
        f"{n_calls} calls: median {p50:.2f} s, p95 {p95:.2f} s, most {max(waits):.2f} s; {verdict} {LIMIT_S:.0f} s"
    )


if __name__ == "__main__":
    main()
