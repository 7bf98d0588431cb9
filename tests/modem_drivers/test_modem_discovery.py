"""Which ttys make one modem."""

from pathlib import Path

from modem_drivers.dialects.catalogue import choose_dialect, usb_layout
from modem_drivers.discovery import ModemPorts, UsbTty, list_usb_ttys, own_sound_card, pair_ports


def _tty(n: int, interface: int, *, device: str = "1-1.3", ids: tuple[str, str] = ("1e0e", "9001")) -> UsbTty:
    return UsbTty(
        path=f"/dev/ttyUSB{n}", vendor_id=ids[0], product_id=ids[1], interface=interface, usb_path=device
    )


def test_two_modems_are_told_apart_by_where_they_are_plugged_in() -> None:
    quectel = ("2c7c", "0125")
    ttys = [_tty(n, n) for n in range(5)] + [_tty(5 + n, n, device="1-1.2", ids=quectel) for n in range(4)]
    assert pair_ports(reversed(ttys)) == [
        ModemPorts(usb_path="1-1.2", at_candidates=("/dev/ttyUSB7",), pcm_path="/dev/ttyUSB6"),
        ModemPorts(usb_path="1-1.3", at_candidates=("/dev/ttyUSB2",), pcm_path="/dev/ttyUSB4"),
    ]


def test_a_modem_still_coming_up_is_left_for_the_next_look() -> None:
    assert pair_ports([_tty(0, 0), _tty(1, 1)]) == []


def test_an_unknown_device_is_tried_port_by_port() -> None:
    ports = pair_ports([_tty(4, 1, ids=("12d1", "ffff")), _tty(3, 0, ids=("12d1", "ffff"))])
    assert ports == [
        ModemPorts(usb_path="1-1.3", at_candidates=("/dev/ttyUSB3", "/dev/ttyUSB4"), pcm_path=None)
    ]


def test_a_modem_s_own_sound_card_is_found_by_its_port_or_its_place() -> None:
    ttys = [_tty(n, n) for n in range(5)] + [_tty(5 + n, n, device="1-1.2") for n in range(5)]
    modems = pair_ports(ttys, {"1-1.2": "hw:Android"})
    assert [own_sound_card(port, modems) for port in ("1-1.2", "/dev/ttyUSB7")] == ["hw:Android"] * 2
    assert [own_sound_card(port, modems) for port in ("1-1.3", "/dev/ttyUSB2", "/dev/ttyS0")] == [""] * 3


def test_reading_sysfs(tmp_path: Path) -> None:
    device = tmp_path / "devices/usb1/1-1/1-1.3"
    names = {"ttyUSB0": device / "1-1.3:1.2/ttyUSB0", "ttyACM0": device / "1-1.3:1.4"}
    for node in names.values():
        node.mkdir(parents=True)
    (device / "idVendor").write_text("1E0E\n")
    (device / "idProduct").write_text("9001\n")
    (device / "1-1.3:1.2/bInterfaceNumber").write_text("02\n")
    (device / "1-1.3:1.4/bInterfaceNumber").write_text("0a\n")
    for name, node in names.items():
        entry = tmp_path / "class/tty" / name
        entry.mkdir(parents=True)
        (entry / "device").symlink_to(node)
    (tmp_path / "class/tty/ttyS0").mkdir()
    gone = tmp_path / "class/tty/ttyUSB9"
    gone.mkdir()
    (gone / "device").symlink_to(tmp_path / "nowhere")
    assert list_usb_ttys(tmp_path, Path("/dev")) == [
        UsbTty(path="/dev/ttyACM0", vendor_id="1e0e", product_id="9001", interface=10, usb_path="1-1.3"),
        UsbTty(path="/dev/ttyUSB0", vendor_id="1e0e", product_id="9001", interface=2, usb_path="1-1.3"),
    ]


def test_dialects_are_chosen_by_what_modems_say_of_themselves() -> None:
    said = {
        ("SIMCOM INCORPORATED", "SIMCOM_SIM7600G-H"): "sim7600",
        ("INCORPORATED", "A7670E-FASE"): "a76xx",
        ("SIMCOM_Ltd", "SIMCOM_SIM800L"): "sim800",
        ("SIMCOM_Ltd", "SIMCOM_SIM900"): "sim800",
        ("Quectel", "EC25"): "ec2x",
        ("Quectel", "EG25"): "ec2x",
        ("Quectel_Ltd", "Quectel_M95"): "m95",
        ("Quectel", "UC20"): "uc20",
        ("huawei", "E1550"): "huawei_stick",
        ("huawei", "K3715"): "huawei_stick",
        ("Huawei Technologies Co., Ltd.", "ME909s-120"): "huawei_module",
        ("u-blox", "SARA-U201"): "ublox",
        ("u-blox", "SARA-R410M-02B"): "generic",
        ("Telit", "LE910-EUG"): "telit",
        ("Telit", "GE910-QUAD"): "telit",
        (" WAVECOM MODEM", " MULTIBAND  900E  1800"): "wavecom",
        ("ZTE INCORPORATED", "K3565-Z"): "zte",
        ("ZTE CORPORATION", "TD-MU-1"): "generic",
        ("QUALCOMM INCORPORATED", "M6280"): "qualcomm",
        ("QUALCOMM INCORPORATED", "0"): "generic",
        ("Sierra Wireless, Incorporated", "MC7304"): "sierra",
        ("", ""): "generic",
    }
    assert {names: choose_dialect(*names).name for names in said} == said
    assert choose_dialect("", "", "SIMCOM_Ltd\nSIMCOM_SIM800C\nRevision:1418").name == "sim800"
    assert choose_dialect("+CGMI", "", "Model: A7670E-FASE\nIMEI: 1").name == "a76xx"
    assert choose_dialect("", "", "Revision: 1.0").name == "generic"
    assert usb_layout("2C7C", "0125") is not None
    assert usb_layout("ffff", "0000") is None
