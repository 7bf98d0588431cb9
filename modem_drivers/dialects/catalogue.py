"""The only list of dialects, and the choice among them."""

import re

from modem_drivers.dialect import Dialect, UsbLayout
from modem_drivers.dialects.generic import GENERIC
from modem_drivers.dialects.huawei import HUAWEI_MODULE, HUAWEI_STICK
from modem_drivers.dialects.quectel_ec2x import EC2X
from modem_drivers.dialects.quectel_m95 import M95, UC20
from modem_drivers.dialects.sierra import SIERRA
from modem_drivers.dialects.simcom_sim800 import SIM800
from modem_drivers.dialects.simcom_sim7600 import A76XX, SIM7600
from modem_drivers.dialects.telit import TELIT
from modem_drivers.dialects.ublox import UBLOX
from modem_drivers.dialects.wavecom import WAVECOM
from modem_drivers.dialects.zte import QUALCOMM, ZTE

DIALECTS = (
    SIM7600,
    A76XX,
    SIM800,
    EC2X,
    M95,
    UC20,
    HUAWEI_STICK,
    HUAWEI_MODULE,
    UBLOX,
    TELIT,
    WAVECOM,
    ZTE,
    QUALCOMM,
    SIERRA,
)


def choose_dialect(manufacturer: str, model: str, identification: str = "") -> Dialect:
    """Return the dialect of a modem by what it says of itself; the generic one for an unknown family.

    `identification` is what ATI answers, for modems that do not say who made them otherwise.
    """
    manufacturer, model = (" ".join(text.split()) for text in (manufacturer, model))
    for dialect in DIALECTS:
        if _fits(dialect, manufacturer, model):
            return dialect
    for line in identification.splitlines():
        words = " ".join(line.split()).removeprefix("Model: ")
        for dialect in DIALECTS:
            # Only a pattern that asks for something can be met by a line that may be about anything.
            if dialect.model_pattern and _fits(dialect, manufacturer or identification, words):
                return dialect
    return GENERIC


def usb_layout(vendor_id: str, product_id: str) -> UsbLayout | None:
    """Return which interfaces of a USB device carry AT and PCM, None for a device no dialect knows."""
    for dialect in DIALECTS:
        for layout in dialect.usb:
            if (layout.vendor_id, layout.product_id) == (vendor_id.lower(), product_id.lower()):
                return layout
    return None


def usb_ids() -> tuple[tuple[str, str], ...]:
    """Return the (vendor, product) ids of all families, in order."""
    return tuple(
        sorted({(layout.vendor_id, layout.product_id) for dialect in DIALECTS for layout in dialect.usb})
    )


def _fits(dialect: Dialect, manufacturer: str, model: str) -> bool:
    return bool(
        re.search(dialect.manufacturer_pattern, manufacturer, re.IGNORECASE)
        and re.search(dialect.model_pattern, model, re.IGNORECASE)
    )
