"""The only list of dialects, and the choice among them."""

import re

from modem_drivers.dialect import Dialect, UsbLayout
from modem_drivers.dialects.generic import GENERIC
from modem_drivers.dialects.quectel_ec2x import EC2X
from modem_drivers.dialects.simcom_sim7600 import A76XX, SIM7600

DIALECTS = (SIM7600, A76XX, EC2X)


def choose_dialect(manufacturer: str, model: str) -> Dialect:
    """Return the dialect of a modem by what it says of itself; the generic one for an unknown family."""
    for dialect in DIALECTS:
        if re.search(dialect.manufacturer_pattern, manufacturer, re.IGNORECASE) and re.search(
            dialect.model_pattern, model, re.IGNORECASE
        ):
            return dialect
    return GENERIC


def usb_layout(vendor_id: str, product_id: str) -> UsbLayout | None:
    """Return which interfaces of a USB device carry AT and PCM, None for a device no dialect knows."""
    for dialect in DIALECTS:
        for layout in dialect.usb:
            if (layout.vendor_id, layout.product_id) == (vendor_id.lower(), product_id.lower()):
                return layout
    return None
