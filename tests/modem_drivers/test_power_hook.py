"""A program that powers a modem off and on: run as it is named, under a deadline."""

import asyncio
from pathlib import Path

import pytest

from modem_drivers.errors import PowerError
from modem_drivers.power_hook import PowerHook


def program(folder: Path, body: str) -> str:
    path = folder / "pulse"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_it_gets_its_arguments_and_no_shell(tmp_path: Path) -> None:
    hook = PowerHook([program(tmp_path, f'echo "$@" > {tmp_path}/said'), "17", "$(reboot); x"])
    asyncio.run(hook())
    assert (tmp_path / "said").read_text() == "17 $(reboot); x\n"


@pytest.mark.parametrize(
    ("body", "words"), [("exit 3", "exit status 3"), ("exec tail -f /dev/null", "did not finish")]
)
def test_a_failure_is_said(tmp_path: Path, body: str, words: str) -> None:
    with pytest.raises(PowerError, match=words):
        asyncio.run(PowerHook([program(tmp_path, body)], limit_s=0.3)())


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(PowerError, match="cannot be run"):
        asyncio.run(PowerHook(["/nowhere/pulse"])())
    with pytest.raises(ValueError, match="name the program"):
        PowerHook([])
