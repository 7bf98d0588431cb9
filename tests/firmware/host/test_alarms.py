"""An alarm is raised once and cleared once, however the value dances around its threshold."""

import asyncio
from pathlib import Path

import pytest

from firmware.host.alarms import Alarms, Rule
from firmware.host.wear_and_power import WearAndPower, wear_and_power

HOT = Rule(
    name="hot", raised_at=80, cleared_at=70, raised_after_s=120, cleared_after_s=60, advice="{value:.0f}"
)
LOW = Rule(name="low", raised_at=100, cleared_at=200, advice="line {subject}: {value:.0f}")


def history(rule: Rule, values: list[float | None], subject: str = "") -> list[tuple[int, bool]]:
    """One value a minute; when what was told."""
    alarms = Alarms((rule,))
    return [
        (minute, change.is_raised)
        for minute, value in enumerate(values)
        for change in alarms.see({(rule.name, subject): value}, minute * 60.0)
    ]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param([79, 79, 79, 79], [], id="never there"),
        pytest.param([85, 85, 75, 85, 85], [], id="not long enough at a time"),
        pytest.param([85, 85, 85, 85, 85], [(2, True)], id="raised once"),
        pytest.param(
            [85, 85, 85, 75, 79, 75, 85], [(2, True)], id="between the two thresholds nothing changes"
        ),
        pytest.param(
            [85, 85, 85, 69, 75, 69, 69, 69], [(2, True), (6, False)], id="cleared once, when it lasts"
        ),
        pytest.param([85, None, 85, None], [(2, True)], id="a look that told nothing"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_much_is_bad(values: list[float | None], told: list[tuple[int, bool]]) -> None:
    assert history(HOT, values) == told


def test_little_is_bad_and_subjects_are_apart() -> None:
    assert history(LOW, [150, 100, 199, 200, 100], subject="2") == [(1, True), (3, False), (4, True)]
    alarms = Alarms((LOW,))
    changes = alarms.see({("low", "1"): 50, ("low", "2"): 500}, 0.0)
    assert [(change.name, change.detail) for change in changes] == [("low:1", "line 1: 50")]
    assert alarms.raised == ("low:1",)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")


async def look(tree: Path, vcgencmd: str = "no-such-program") -> WearAndPower:
    return await wear_and_power(block=tree / "block", hwmon=tree / "hwmon", vcgencmd=vcgencmd)


@pytest.mark.parametrize(
    ("text", "percent"),
    [
        ("0x02 0x03\n", 30),
        ("0x01 0x01\n", 10),
        ("0x00 0x00\n", None),
        ("0x0b 0x01\n", 110),
        ("what\n", None),
        ("", None),
    ],
)
def test_the_life_of_a_card(tmp_path: Path, text: str, percent: int | None) -> None:
    write(tmp_path / "block/mmcblk0/device/life_time", text)
    write(tmp_path / "block/sda/device/life_time", "0x0a 0x0a\n")
    assert asyncio.run(look(tmp_path)) == WearAndPower(card_used_percent=percent)


@pytest.mark.parametrize(("alarm", "expected"), [("1\n", True), ("0\n", False)])
def test_the_kernel_tells_of_a_weak_supply(tmp_path: Path, alarm: str, expected: bool) -> None:
    write(tmp_path / "hwmon/hwmon0/name", "cpu_thermal\n")
    write(tmp_path / "hwmon/hwmon1/name", "rpi_volt\n")
    write(tmp_path / "hwmon/hwmon1/in0_lcrit_alarm", alarm)
    assert asyncio.run(look(tmp_path)).under_voltage is expected


@pytest.mark.parametrize(
    ("says", "expected"),
    [("throttled=0x50005", True), ("throttled=0x50000", False), ("VCHI initialization failed", None)],
)
def test_without_it_the_firmware_is_asked(tmp_path: Path, says: str, expected: bool | None) -> None:
    """The upper bits only say that it once was so."""
    program = tmp_path / "vcgencmd"
    write(program, f'#!/bin/sh\n[ "$1" = get_throttled ] && echo "{says}"\n')
    program.chmod(0o755)
    assert asyncio.run(look(tmp_path, str(program))).under_voltage is expected
