"""What the machine says of itself, and when its disk will be full."""

from pathlib import Path

import pytest

from firmware.host.health import RESERVE_BYTES, FillForecast, host_health

GB = 1_000_000_000


def test_a_machine_that_tells_everything(tmp_path: Path) -> None:
    for zone, text in enumerate(["48312", "61500", "nonsense", "-274000"]):
        folder = tmp_path / f"thermal_zone{zone}"
        folder.mkdir()
        (folder / "temp").write_text(f"{text}\n")
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 2000 kB\nMemAvailable:   1234 kB\n")
    found = host_health(tmp_path, thermal=tmp_path, meminfo=meminfo)
    assert (found.cpu_temp_c, found.memory_available_bytes) == (61.5, 1234 * 1024)
    assert found.disk_free_bytes is not None


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    found = host_health(tmp_path / "nowhere", thermal=tmp_path, meminfo=tmp_path / "none")
    assert (found.cpu_temp_c, found.memory_available_bytes, found.disk_free_bytes) == (None, None, None)


@pytest.mark.parametrize(
    ("samples", "seconds"),
    [
        ([], None),
        ([(0, 10 * GB)], None),
        ([(0, 10 * GB), (60, 9 * GB)], None),
        ([(0, 10 * GB), (3600, 9 * GB)], 3600 * (9 * GB - RESERVE_BYTES) // GB),
        ([(0, 10 * GB), (3600, 10 * GB)], None),
        ([(0, 10 * GB), (3600, 11 * GB)], None),
        ([(0, 1 * GB), (3600, RESERVE_BYTES)], 0),
        ([(0, 100 * GB), (3600, 10 * GB), (10 * 3600, 9 * GB)], None),
    ],
)
def test_when_a_disk_will_be_full(samples: list[tuple[float, int]], seconds: int | None) -> None:
    forecast = FillForecast()
    for at_s, free in samples:
        forecast.note(at_s, free)
    assert forecast.time_to_full_s() == seconds
