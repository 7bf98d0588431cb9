"""`branchline-console` where only a box's libraries are installed: a box needs no console."""

import sys

import pytest

from console.program import main


@pytest.fixture
def without_sqlalchemy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "console"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)


@pytest.mark.usefixtures("without_sqlalchemy")
def test_what_is_missing_is_named_with_the_next_step() -> None:
    with pytest.raises(SystemExit) as stopped:
        main()
    assert "sqlalchemy is not installed" in str(stopped.value)
    assert "pip install 'branchline[console]'" in str(stopped.value)


def test_with_everything_there_it_is_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["branchline-console", "--help"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    assert "branchline-console" in capsys.readouterr().out
