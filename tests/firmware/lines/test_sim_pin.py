"""The PIN comes out of a file that nobody else can read, or not at all."""

from pathlib import Path

import pytest

from firmware.daemon.worlds import pin_source
from firmware.lines.sim_pin import PinFileError, read_pin
from firmware.settings_sections import LineSection


def written(folder: Path, text: str, mode: int = 0o400) -> Path:
    path = folder / "line-1.pin"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_pin_is_read(tmp_path: Path) -> None:
    assert read_pin(written(tmp_path, "0482\n")) == "0482"


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        pytest.param("0482", 0o640, "chmod 0400", id="others may read it"),
        pytest.param("123", 0o400, "4 to 8 digits", id="too short"),
        pytest.param("1234;AT+CPIN", 0o400, "4 to 8 digits", id="more than a PIN"),
        pytest.param("", 0o400, "4 to 8 digits", id="empty"),
        pytest.param("一二三四", 0o400, "4 to 8 digits", id="no ASCII"),
    ],
)
def test_anything_else_is_refused_without_repeating_it(
    tmp_path: Path, text: str, mode: int, words: str
) -> None:
    with pytest.raises(PinFileError, match=words) as refusal:
        read_pin(written(tmp_path, text, mode))
    assert not text or text not in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PinFileError, match="nowhere"):
        read_pin(tmp_path / "nowhere")


def test_a_credential_of_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = LineSection(id="a", usb_path="1-1", pin_credential="line-1.pin")
    source = pin_source(line)
    assert source is not None
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(PinFileError, match="LoadCredential"):
        source()
    written(tmp_path, "4826")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert source() == "4826"
    assert pin_source(LineSection(id="a", usb_path="1-1")) is None
