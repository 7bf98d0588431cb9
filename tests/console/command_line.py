"""`branchline-console` inside the test's own process: quick, for everything that a process of its own proves no better."""

import pytest

from console.cli import main


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Type a command. Return its exit code, what it printed, and what it said of errors."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    captured = capsys.readouterr()
    code = ended.value.code
    return (code if isinstance(code, int) else 0), captured.out, captured.err
