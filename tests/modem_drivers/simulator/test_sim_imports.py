"""The simulator shares nothing with the drivers it is there to judge."""

import ast
from pathlib import Path

import modem_drivers.simulator as package

FOLDER = Path(package.__file__).parent


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_nothing_of_ours_outside_its_own_folder() -> None:
    files = sorted(FOLDER.glob("**/*.py"))
    assert len(files) > 20
    rooms = {path.name for path in FOLDER.parents[1].iterdir() if path.is_dir()}
    for path in files:
        ours = {name for name in imported(path) if name.split(".")[0] in rooms}
        strangers = {
            name
            for name in ours
            if not name.startswith("modem_drivers.simulator.") and name != "modem_drivers.simulator"
        }
        assert not strangers, f"{path.name} imports {strangers}"
