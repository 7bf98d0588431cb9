"""Change the gate and the merge in one place at a time: do their tests notice? What none notices is printed.

Run: python benchmarks/gate_mutants.py --sample 100 --minutes 10. Works on a copy; each mutant is a forked process that runs the
plain reading of the rules on a few hundred cases, then the tests of the room until the first failure.
"""

import argparse
import ast
import copy
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

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
    "gate_edge_cases",
    "compliance_limits",
    "compliance_merge",
    "forty_cases",
    "compliance_self_check",
)
PRELOADED = ("holidays", "hypothesis", "hypothesis.strategies", "msgspec", "phonenumbers", "phonenumbers.timezone",
             "phonenumbers.shortnumberinfo", "pytest", "_pytest.pytester", "rich.table", "typer.testing", "structlog",
             "cryptography.hazmat.primitives.ciphers.aead", "sqlite_utils")  # fmt: skip
QUICK_CASES = 300
DEADLINE_S = 180
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


def is_noticed(tree: Path, mutant: Mutant) -> bool:
    """Return whether a test fails on the mutant."""
    file = tree / ROOM / f"{mutant.module}.py"
    original = file.read_text(encoding="utf-8")
    file.write_text(mutant.source, encoding="utf-8")
    try:
        child = os.fork()
        if child == 0:
            examine(tree)
        began_s = time.monotonic()
        while time.monotonic() - began_s < DEADLINE_S:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status != 0
            time.sleep(0.05)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return True
    finally:
        file.write_text(original, encoding="utf-8")


def examine(tree: Path) -> None:
    """End this forked process with 0 when nothing was noticed."""
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    try:
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
            if (
                case.callee.country in {"CN", "US", "CA", "FR", "CO"}
                and oracle.disagreement(gate, case, ask_again=True)[0]
            ):
                os._exit(1)
        pytest = importlib.import_module("pytest")
        files = [f"tests/firmware/compliance/test_{name}.py" for name in TESTS]
        os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *files])))
    except BaseException:
        # A mutant that cannot even be imported is noticed.
        os._exit(1)


def main() -> int:
    """Return 1 when the tests fail on what is not changed at all."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--sample", type=int, default=100, help="how many mutants, chosen at random; 0: all"
    )
    arguments.add_argument("--minutes", type=float, default=10)
    arguments.add_argument("--seed", type=int, default=1)
    chosen = arguments.parse_args()
    out = Console(width=140)
    sys.dont_write_bytecode = True
    for name in PRELOADED:
        importlib.import_module(name)
    everything = [mutant for module in MUTATED for mutant in mutants_of(module)]
    picked = everything if not chosen.sample else random.Random(chosen.seed).sample(everything, chosen.sample)
    until_s = time.monotonic() + chosen.minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in ("firmware", "tests", "docs", "console", "audio", "modem_drivers"):
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", tree)
        gate = (ROOT / ROOM / "gate.py").read_text(encoding="utf-8")
        if is_noticed(tree, Mutant(module="gate", line=0, was="", now="", source=gate)):
            out.print("the tests fail without any change")
            return 1
        tried = survived = 0
        for mutant in picked:
            if time.monotonic() > until_s:
                break
            tried += 1
            if not is_noticed(tree, mutant):
                survived += 1
                out.print(
                    f"SURVIVED {mutant.module}:{mutant.line}: {mutant.was}  ->  {mutant.now}", markup=False
                )
    out.print(f"{tried} of {len(everything)} mutants tried, {tried - survived} noticed, {survived} survived")
    return 0


if __name__ == "__main__":
    sys.exit(main())
