"""Telit GE/UE/HE/LE910: #ECAM tells of calls; audio is analogue, PCM or I2S.

Written to Telit's AT manuals and ModemManager's port table; no unit or simulator of these has been driven.
"""

from modem_drivers.dialect import (
    STANDARD_PIN_TRIES,
    Dialect,
    DtmfPlan,
    PinTries,
    SetupStep,
    SimPlan,
    UsbLayout,
)
from modem_drivers.dialects.generic import CLOCK_FROM_NETWORK, COMMON_SETUP, NO_AUDIO
from modem_drivers.healing import HealingPlan

TELIT = Dialect(
    name="telit",
    manufacturer_pattern=r"Telit",
    model_pattern=r"(?:G[EL]|UE|HE|LE)[0-9]{3}|GM862|UC864",
    setup=(
        *COMMON_SETUP,
        CLOCK_FROM_NETWORK,
        SetupStep(alternatives=("AT#ECAM=1",)),
        SetupStep(alternatives=("AT#DTMF=1",)),
        SetupStep(alternatives=("AT#QSS=1",)),
    ),
    audio=NO_AUDIO,
    dtmf=DtmfPlan(detects=True),
    sim=SimPlan(
        iccid=(("AT#CCID", "#CCID"), ("AT+CCID", "+CCID")),
        pin_tries=(PinTries(command="AT#PCT", field=0), STANDARD_PIN_TRIES),
    ),
    healing=HealingPlan(vendor_reset=("AT#REBOOT",)),
    usb=tuple(
        UsbLayout(vendor_id="1bc7", product_id=product_id, at_interface=interface)
        for product_id, interface in (("1003", 0), ("1004", 0), ("1006", 0), ("1031", 1), ("1040", 4))
    ),
)
