"""ZTE sticks on Qualcomm chips: silence until CONNECT, HANGUP at the end; and TD modules that tell by ^DSCI.

Proved by tests/transcripts/zte_*.at.
"""

from dataclasses import replace

from modem_drivers.at.urcs import DsciPlan
from modem_drivers.dialect import Dialect, DialOk, DialPlan, SimPlan, UsbLayout
from modem_drivers.dialects.generic import COMMON_SETUP, NO_AUDIO, POLLED

ZTE = Dialect(
    name="zte",
    manufacturer_pattern=r"ZTE",
    model_pattern=r"^(?:K35|K37|MF)",
    setup=COMMON_SETUP,
    audio=NO_AUDIO,
    sim=SimPlan(iccid=(("AT+ZGETICCID", "+ZGETICCID"), ("AT+CCID", "+CCID"))),
    dial=DialPlan(ok_means=DialOk.REJECTED),
    dsci=DsciPlan(voice_field=3, cause_field=8),
    hang_up=("ATH", "AT+CHUP"),
    registration=("AT+CREG?",),
    timing=POLLED,
    usb=tuple(
        UsbLayout(vendor_id="19d2", product_id=product_id, at_interface=interface)
        for product_id, interface in (("0016", 2), ("0031", 3), ("0052", 3), ("0063", 3))
    ),
)
QUALCOMM = replace(
    ZTE, name="qualcomm", manufacturer_pattern=r"QUALCOMM", model_pattern=r"^(?:M6|MSM)", usb=()
)
