"""Quectel M95/M10/M66 (2G, UART) and UC15/UC20 (3G): AT+CLCC is what tells of a call; audio is analogue.

Written to Quectel's manuals; no unit or simulator of these has been driven.
"""

from dataclasses import replace

from modem_drivers.dialect import Dialect, SetupStep, SimPlan, UsbLayout
from modem_drivers.dialects.generic import CLOCK_FROM_NETWORK, COMMON_SETUP, NO_AUDIO, POLLED
from modem_drivers.dialects.quectel_ec2x import QUECTEL_DSCI, QUECTEL_SIM

M95 = Dialect(
    name="m95",
    manufacturer_pattern=r"Quectel",
    model_pattern=r"(?:^|_)(?:M[0-9]{2}|MC[0-9]{2}|UG[0-9]{2})",
    setup=(*COMMON_SETUP, CLOCK_FROM_NETWORK, SetupStep(alternatives=("AT+QSIMSTAT=1",))),
    audio=NO_AUDIO,
    sim=SimPlan(iccid=(("AT+QCCID", "+QCCID"), ("AT+CCID", "+CCID"))),
    dsci=QUECTEL_DSCI,
    timing=POLLED,
)
UC20 = replace(
    M95,
    name="uc20",
    model_pattern=r"UC[12][0-9]",
    setup=(*M95.setup, SetupStep(alternatives=("AT^DSCI=1",))),
    sim=QUECTEL_SIM,
    usb=(UsbLayout(vendor_id="05c6", product_id="9003", at_interface=2),),
)
