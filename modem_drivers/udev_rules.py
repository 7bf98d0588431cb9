"""The udev rules that keep ModemManager away from our modems and name their ports by where they are plugged in."""

from modem_drivers.dialects.catalogue import DIALECTS, usb_ids

FILE_NAME = "70-branchline-modems.rules"
"""Before ModemManager's own, which begin with 77 and 80."""


def rules_text() -> str:
    """Return the rules file: every USB id of every dialect, one link per AT and PCM port."""
    lines = [
        "# ModemManager opens every modem it finds and talks over our calls: it must ignore ours.",
        'ACTION=="remove", GOTO="branchline_modems_end"',
        *(
            f'SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", ATTR{{idVendor}}=="{vendor}", '
            f'ATTR{{idProduct}}=="{product}", ENV{{ID_MM_DEVICE_IGNORE}}="1"'
            for vendor, product in usb_ids()
        ),
        'SUBSYSTEM!="tty", GOTO="branchline_modems_end"',
        'SUBSYSTEMS=="usb", ATTRS{bInterfaceNumber}=="?*", ENV{.BRANCHLINE_IF}="$attr{bInterfaceNumber}"',
        "# /dev/modem/by-port/1-1.3-at stays what it is over every reset; ttyUSB2 does not.",
    ]
    for layout in (layout for dialect in DIALECTS for layout in dialect.usb):
        ports = {"at": layout.at_interface, "pcm": layout.pcm_interface}
        lines += [
            f'ENV{{.BRANCHLINE_IF}}=="{interface:02x}", SUBSYSTEMS=="usb", '
            f'ATTRS{{idVendor}}=="{layout.vendor_id}", ATTRS{{idProduct}}=="{layout.product_id}", '
            f'ENV{{ID_MM_DEVICE_IGNORE}}="1", SYMLINK+="modem/by-port/%b-{role}"'
            for role, interface in ports.items()
            if interface is not None
        ]
    lines.append('LABEL="branchline_modems_end"')
    return "\n".join(lines) + "\n"
