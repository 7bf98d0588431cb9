"""Twelve red lines at nine doors: every pair is tried here, tried elsewhere by a test that is there, or cannot be tried."""

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firmware.compliance import Gate
from firmware.store.attempts import CallEvent
from tests.firmware.compliance.red_line_crossings import ROOT, Elsewhere, NotThere, World
from tests.firmware.compliance.red_line_table import DOORS, LINES, TABLE
from tests.firmware.compliance.test_red_line_doors import widest_gate
from tests.firmware.retention.kept_box import CALLED, KeptBox


@pytest.fixture(scope="module")
def widest() -> Gate:
    return widest_gate()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> KeptBox:
    """A box that has called two people; the second one asked never to be called again."""
    box = KeptBox(tmp_path_factory.mktemp("box"))
    box.person(1)
    box.call_log = [CallEvent(at=CALLED, kind="suppress", detail="{}")]
    box.person(2)
    box.opt_out(2)
    return box


@pytest.fixture
def world(scene: Any, widest: Gate, kept: KeptBox, tmp_path: Path) -> World:
    return World(scene=scene, wide=replace(scene, gate=widest), box=kept, folder=tmp_path)


def test_every_line_at_every_door_is_in_the_table() -> None:
    assert set(TABLE) == {(line, door) for line in LINES for door in DOORS}
    assert all(len(cell) > 20 for cell in TABLE.values() if isinstance(cell, NotThere))
    n_tried = sum(not isinstance(cell, NotThere) for cell in TABLE.values())
    assert n_tried >= 95, "what cannot be tried is the exception"


def test_what_is_tried_elsewhere_is_there() -> None:
    for cell in {cell for cell in TABLE.values() if isinstance(cell, Elsewhere)}:
        file, _, name = cell.partition("::")
        tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, cell


HERE = [(line, door) for (line, door), cell in TABLE.items() if callable(cell)]


@pytest.mark.parametrize(("line", "door"), HERE, ids=[f"line {line} by {door}" for line, door in HERE])
def test_no_door_leads_over_a_red_line(world: World, line: int, door: str) -> None:
    attempt = TABLE[line, door]
    assert callable(attempt)
    attempt(world)
