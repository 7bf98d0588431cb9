"""u-blox SARA-G/SARA-U and LISA: +UCALLSTAT tells of calls; audio is analogue or I2S.

Written to the u-blox AT manual and ModemManager's tables; no unit or simulator of these has been driven.
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

# SARA-R and SARA-N carry data only and are left out.
UBLOX = Dialect(
    name="ublox",
    manufacturer_pattern=r"u-?blox",
    model_pattern=r"SARA-[GU]|LISA",
    setup=(
        *COMMON_SETUP,
        CLOCK_FROM_NETWORK,
        SetupStep(alternatives=("AT+UCALLSTAT=1",)),
        SetupStep(alternatives=("AT+UDTMFD=1,2",)),
    ),
    audio=NO_AUDIO,
    dtmf=DtmfPlan(detects=True),
    # +UPINCNT: <PIN>,<PIN2>,<PUK>,<PUK2>
    sim=SimPlan(
        iccid=(("AT+CCID", "+CCID"),), pin_tries=(PinTries(command="AT+UPINCNT", field=0), STANDARD_PIN_TRIES)
    ),
    healing=HealingPlan(vendor_reset=("AT+CFUN=16",)),
    usb=(
        UsbLayout(vendor_id="1546", product_id="1102", at_interface=0),
        UsbLayout(vendor_id="1546", product_id="1104", at_interface=0),
    ),
)
