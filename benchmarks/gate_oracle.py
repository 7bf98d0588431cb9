"""The gate against a plain reading of the rule packs, on as many random cases as you like; tests run a few thousand.

Run: python benchmarks/gate_oracle.py --cases 1000000. Exit 1 at the first disagreement, with the case.
"""

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console

from firmware.compliance import Approval, Gate, load_packs
from tests.firmware.compliance.plain_reading import random_case
from tests.firmware.compliance.test_gate_oracle import disagreement

AGAIN_EVERY = 10
"""Of so many cases the gate itself is asked once more, at `until` and a second before."""
REPORT_EVERY = 50_000


def main() -> int:
    """Return 0 when the two never disagreed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cases", type=int, default=1_000_000)
    arguments.add_argument("--seed", type=int, default=6)
    chosen = arguments.parse_args()
    out = Console()
    library = load_packs()
    gate = Gate(
        library, [Approval(pack=p.pack.id, version=p.pack.version, by="oracle") for p in library.packs]
    )
    dice = random.Random(chosen.seed)
    seen: Counter[str] = Counter()
    began_s = time.monotonic()
    for number in range(1, chosen.cases + 1):
        case = random_case(dice)
        wrong, outcome = disagreement(gate, case, ask_again=number % AGAIN_EVERY == 0)
        if wrong:
            out.print(f"case {number} of seed {chosen.seed}: {wrong}\n{case}", markup=False)
            return 1
        seen[outcome.value] += 1
        if number % REPORT_EVERY == 0 or number == chosen.cases:
            rate = number / (time.monotonic() - began_s)
            out.print(f"{number} cases agree, {rate:.0f}/s: {dict(sorted(seen.items()))}", markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
