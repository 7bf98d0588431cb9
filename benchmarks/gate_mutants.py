"""Change the gate and the merge in one place at a time: do their tests notice? What none notices is printed.

Run: nice -n 15 python benchmarks/gate_mutants.py --jobs 2. Works on a copy; each mutant is a forked process in which one module is
compiled from changed source: first the tests that are written for that module, then the other tests of the room, then the plain reading
of the rules on a few hundred cases, until the first that fails. Hypothesis does not shrink: that something failed is all that is asked.
What is noticed by none and is not explained in gate_mutants_explained.toml ends the run with exit 1.
"""

import argparse
import ast
import copy
import importlib
import importlib.abc
import importlib.util
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
ROOM = "firmware/compliance"
MUTATED = (
    "gate",
    "merge",
    "hearing",
    "limits",
    "opening_hours",
    "red_lines",
    "suppressions",
    "caller_number",
)
TESTS = (
    "gate",
    "noticed_changes",
    "gate_edge_cases",
    "compliance_limits",
    "forty_cases",
    "compliance_self_check",
    "compliance_merge",
)
FIRST = {
    "merge": "compliance_merge",
    "limits": "compliance_limits",
    "opening_hours": "gate_edge_cases",
    "red_lines": "gate",
}
"""The file whose tests are written for a module: a mutant that is noticed at all is noticed there soonest."""
PRELOADED = ("holidays", "hypothesis", "hypothesis.strategies", "msgspec", "phonenumbers", "phonenumbers.timezone",
             "phonenumbers.shortnumberinfo", "pytest", "_pytest.pytester", "rich.table", "typer.testing", "structlog",
             "cryptography.hazmat.primitives.ciphers.aead", "sqlite_utils")  # fmt: skip
QUICK_CASES = 300
REPORT_EVERY = 50
CPU_S = 60
"""Of its own time: a mutant that loops is noticed, one that had to wait for the processor is not."""
DEADLINE_S = 1800
POLL_S = 0.02
EXPLAINED = ROOT / "benchmarks" / "gate_mutants_explained.toml"
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """One changed place."""

    module: str
    line: int
    was: str
    now: str
    source: str


def mutants_of(module: str) -> Iterator[Mutant]:
    """Yield every mutant of one module."""
    text = (ROOT / ROOM / f"{module}.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    words = {id(part) for node in ast.walk(tree) if is_wording(node) for part in ast.walk(node)}
    for number, node in enumerate(ast.walk(tree)):
        for changed in changes(node) if id(node) not in words else ():
            again = copy.deepcopy(tree)
            target = next(each for n, each in enumerate(ast.walk(again)) if n == number)
            before = ast.unparse(target)
            for name, value in changed.items():
                setattr(target, name, value)
            line = getattr(node, "lineno", 0)
            yield Mutant(
                module=module, line=line, was=before, now=ast.unparse(target), source=ast.unparse(again)
            )


def changes(node: ast.AST) -> Iterator[dict[str, object]]:
    """Yield what a node could be changed to, field by field."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in SWAPS:
            yield {"ops": [SWAPS[type(op)]()]}
        case ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in SWAPS and not is_annotation(node):
            yield {"op": SWAPS[type(op)]()}
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            yield {"value": value + 1}
        case ast.Constant(value=bool() as flag):
            yield {"value": not flag}
        case ast.Call(func=ast.Name(id=name)) if name in NAMES:
            yield {"func": ast.Name(id=NAMES[name], ctx=ast.Load())}
        case ast.If(test=test):
            yield {"test": ast.UnaryOp(op=ast.Not(), operand=test)}


def is_wording(node: ast.AST) -> bool:
    """Return whether a function only words what is shown: it decides nothing."""
    return isinstance(node, ast.FunctionDef) and node.name in {"detail", "_hours_text", "warnings"}


def is_annotation(node: ast.AST) -> bool:
    """Return whether ``A | None`` is a type."""
    text = ast.unparse(node)
    return "None" in text or "Week" in text


class Swapped(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module from changed source, in this process only."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = f"{ROOM.replace('/', '.')}.{mutant.module}"
        self._source = mutant.source

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for the one module."""
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source."""
        exec(compile(self._source, self._name, "exec"), module.__dict__)


def examine(tree: Path, mutant: Mutant) -> None:
    """End this forked process with 0 when nothing was noticed."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    sys.meta_path.insert(0, Swapped(mutant))
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    try:
        hypothesis = importlib.import_module("hypothesis")
        hypothesis.settings.register_profile(
            "mutants",
            database=None,
            deadline=None,
            phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        )
        hypothesis.settings.load_profile("mutants")
        pytest = importlib.import_module("pytest")
        names = sorted(TESTS, key=lambda name: name != FIRST.get(mutant.module))
        files = [f"tests/firmware/compliance/test_{name}.py" for name in names]
        if pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *files]):
            os._exit(1)
        os._exit(int(plain_reading_disagrees()))
    except BaseException:
        # A mutant that cannot even be imported is noticed.
        os._exit(1)


def plain_reading_disagrees() -> bool:
    """Return whether the second evaluator sees a difference."""
    oracle = importlib.import_module("tests.firmware.compliance.test_gate_oracle")
    reading = importlib.import_module("tests.firmware.compliance.plain_reading")
    ours = importlib.import_module("firmware.compliance")
    library = ours.load_packs()
    gate = ours.Gate(
        library, [ours.Approval(pack=p.pack.id, version=p.pack.version, by="x") for p in library.packs]
    )
    dice = random.Random(3)
    for _ in range(QUICK_CASES):
        case = reading.random_case(dice)
        few = case.callee.country in {"CN", "US", "CA", "FR", "CO"}
        if few and oracle.disagreement(gate, case, ask_again=True)[0]:
            return True
    return False


def verdicts(tree: Path, mutants: Sequence[Mutant], jobs: int) -> Iterator[tuple[Mutant, bool]]:
    """Yield each mutant with whether it was noticed, as they end; one that takes too long is noticed."""
    waiting = list(reversed(mutants))
    running: dict[int, tuple[Mutant, float]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            child = os.fork()
            if child == 0:
                examine(tree, mutant)
            running[child] = (mutant, time.monotonic())
        for child, (mutant, began_s) in list(running.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if not ended and time.monotonic() - began_s > DEADLINE_S:
                os.kill(child, signal.SIGKILL)
                ended, status = os.waitpid(child, 0)
            if ended:
                del running[child]
                yield mutant, status != 0
        time.sleep(POLL_S)


def main() -> int:
    """Return 1 when the tests fail on what is not changed at all, or when a change is neither noticed nor explained."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sample", type=int, default=0, help="only so many, chosen at random; 0: all")
    arguments.add_argument("--module", action="append", help="only this module; may be repeated")
    arguments.add_argument("--line", type=int, action="append", help="only this line of it; may be repeated")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--jobs", type=int, default=1)
    chosen = arguments.parse_args()
    out = Console(width=140)
    sys.dont_write_bytecode = True
    for name in PRELOADED:
        importlib.import_module(name)
    everything = [mutant for module in chosen.module or MUTATED for mutant in mutants_of(module)]
    picked = [mutant for mutant in everything if not chosen.line or mutant.line in chosen.line]
    if chosen.sample:
        picked = random.Random(chosen.seed).sample(picked, chosen.sample)
    tried: Counter[str] = Counter()
    survived: Counter[str] = Counter()
    explained: Counter[str] = Counter()
    reasons = explanations()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in ("firmware", "tests", "docs", "console", "audio", "modem_drivers"):
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", tree)
        gate = (ROOT / ROOM / "gate.py").read_text(encoding="utf-8")
        unchanged = Mutant(module="gate", line=0, was="", now="", source=gate)
        if any(noticed for _, noticed in verdicts(tree, [unchanged], 1)):
            out.print("the tests fail without any change")
            return 1
        for mutant, noticed in verdicts(tree, picked, chosen.jobs):
            tried[mutant.module] += 1
            if not noticed:
                survived[mutant.module] += 1
                where = f"{mutant.module}:{mutant.line}"
                why = reasons.get((mutant.module, text_of(mutant), mutant.was, mutant.now), "")
                explained[mutant.module] += bool(why)
                found = f"EXPLAINED ({why})" if why else "SURVIVED"
                out.print(f"{found} {where}: {mutant.was}  ->  {mutant.now}", markup=False, highlight=False)
            if tried.total() % REPORT_EVERY == 0:
                out.print(f"{tried.total()} tried after {time.monotonic() - began_s:.0f} s")
    table = Table("module", "tried", "noticed", "survived", "of these explained")
    for module in sorted(tried):
        figures = (
            tried[module], tried[module] - survived[module], survived[module], explained[module],
        )  # fmt: skip
        table.add_row(module, *map(str, figures))
    out.print(table)
    out.print(
        f"{tried.total()} of {len(everything)} mutants tried, {tried.total() - survived.total()} noticed, "
        f"{survived.total()} survived, {time.monotonic() - began_s:.0f} s"
    )
    return int(survived.total() > explained.total())


def explanations() -> dict[tuple[str, str, str, str], str]:
    """Return why a change cannot be noticed, by module, line of source, what it was and what it became."""
    rows = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))["mutant"]
    return {(row["module"], row["line"], row["was"], row["now"]): row["why"] for row in rows}


def text_of(mutant: Mutant) -> str:
    """Return the line of source that a mutant changes."""
    lines = (ROOT / ROOM / f"{mutant.module}.py").read_text(encoding="utf-8").splitlines()
    return lines[mutant.line - 1].strip() if mutant.line else ""


if __name__ == "__main__":
    sys.exit(main())
