"""A card is found by where it is plugged in, in a made sysfs as Linux 6.1 lays it out."""

from pathlib import Path

import pytest

from audio.errors import PortOpenError
from audio.ports import sound_card
from audio.ports.sound_card import SoundCard, find_card
from audio.ports.usb_card import portaudio_name

HOST = "devices/pci0000:00/0000:00:14.0/usb1"


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    """Two modems of a kind behind one hub, one of them with a hub of its own after it, and the board's own card."""
    for number, where in enumerate(
        (f"{HOST}/1-1/1-1.3/1-1.3:1.5", f"{HOST}/1-1/1-1.4/1-1.4:1.5", "devices/platform/hda")
    ):
        (tmp_path / where / f"sound/card{number}").mkdir(parents=True)
        link = tmp_path / "class" / f"card{number}"
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(tmp_path / where / f"sound/card{number}")
        (tmp_path / where / f"sound/card{number}/device").symlink_to(tmp_path / where)
    return tmp_path / "class"


def test_a_port_is_the_number_of_its_card(cards: Path) -> None:
    assert portaudio_name("usb:1-1.3", cards=cards) == "(hw:0,"
    assert portaudio_name("usb:1-1.4", cards=cards) == "(hw:1,"
    assert portaudio_name("USB Audio", cards=cards) == "USB Audio"


@pytest.mark.parametrize(("name", "says"), [("usb:1-1.30", "no sound card"), ("usb:1-1", "2 sound cards")])
def test_a_port_with_none_or_several_is_said(cards: Path, name: str, says: str) -> None:
    with pytest.raises(PortOpenError, match=says):
        portaudio_name(name, cards=cards)


def test_two_of_a_kind_are_told_apart(cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name neither can be had; `hw:1` is not `hw:11`."""
    there = [
        SoundCard(index=n, name=f"Android: USB Audio (hw:{number},0)", n_inputs=1, n_outputs=1)
        for n, number in enumerate((0, 1, 11))
    ]
    monkeypatch.setattr(sound_card, "sound_cards", lambda: there)
    monkeypatch.setattr("audio.ports.usb_card.CARDS", cards)
    with pytest.raises(PortOpenError, match="3 sound cards"):
        find_card("Android")
    assert find_card("usb:1-1.4") is there[1]
