"""The technician's PIN: none by default, never readable, and each wrong one costs more time, power cuts included."""

import hashlib
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provisioning.technician import pin
from provisioning.technician.pin import LONGEST_WAIT_S, PinError, PinFile
from provisioning.technician.terminal import fold, pad, width_of

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_without_a_pin_nobody_gets_in(tmp_path: Path) -> None:
    pins = PinFile(tmp_path / "pin")
    assert not pins.is_set
    for guess in ("", "0000", "123456"):
        with pytest.raises(PinError, match="set-pin"):
            pins.is_right(guess, NOON)


@pytest.mark.parametrize(
    "bad", ["", "12345", "1234567890123", "12a456", "123456", "765432", "111111", "121212", "１２３９４５"]
)
def test_a_bad_pin_is_not_taken(bad: str, tmp_path: Path) -> None:
    pins = PinFile(tmp_path / "pin")
    with pytest.raises(PinError) as refused:
        pins.set(bad)
    assert not bad or bad not in str(refused.value)
    assert not pins.is_set


def test_it_is_kept_as_a_hash_that_others_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "pin"
    PinFile(path).set("482915")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"482915" not in path.read_bytes()
    again = tmp_path / "again"
    PinFile(again).set("482915")
    assert path.read_bytes() != again.read_bytes(), "two boxes with one PIN do not show it"
    assert PinFile(path).is_right("482915", NOON)


def test_wrong_ones_cost_ever_more_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # How slow the hash is on purpose is another matter, pinned by the tests beside this one.
    monkeypatch.setattr(pin, "_digest", lambda typed, salt, n: hashlib.sha256(typed.encode() + salt).digest())
    pins = PinFile(tmp_path / "pin")
    pins.set("482915")
    now = NOON
    waits = []
    for _ in range(14):
        now += timedelta(seconds=pins.wait_s(now))
        assert not pins.is_right("482916", now)
        pins = PinFile(tmp_path / "pin")  # the plug was pulled: it is not forgotten
        waits.append(pins.wait_s(now))
    assert waits[:6] == [0, 0, 5, 10, 20, 40]
    assert waits[-1] == LONGEST_WAIT_S
    assert not pins.is_right("482915", now), "not even the right one before its time"
    assert pins.wait_s(now - timedelta(days=400)) == LONGEST_WAIT_S, "a clock that went back helps nobody"
    now += timedelta(seconds=LONGEST_WAIT_S)
    assert pins.is_right("482915", now)
    assert pins.wait_s(now) == 0


def test_a_damaged_file_lets_nobody_in(tmp_path: Path) -> None:
    path = tmp_path / "pin"
    for content in (b"", b"{}", b'{"salt":"","digest":"","n":1}'):
        path.write_bytes(content)
        with pytest.raises(PinError, match="as root"):
            PinFile(path).is_right("482915", NOON)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("", [""]),
        ("one two three four", ["one two", "  three", "  four"]),
        ("电话线路没有可用的卡", ["电话线路没", "  有可用的", "  卡"]),
        ("x" * 23, ["x" * 10, "  " + "x" * 8, "  " + "x" * 5]),
        ("a\x1b[2Jb", ["a [2Jb"]),
    ],
)
def test_lines_fit_the_terminal(text: str, lines: list[str]) -> None:
    folded = fold(text, width=10, indent="  ")
    assert folded == lines
    assert all(width_of(line) <= 10 for line in folded)


def test_columns_are_columns_in_both_scripts() -> None:
    assert width_of(pad("线路", 8)) == width_of(pad("line", 8)) == width_of(pad("线路与信号强度", 8)) == 8
