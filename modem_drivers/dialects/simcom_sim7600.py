"""SIMCom SIM7500/SIM7600, with PCM over USB, and A76xx, without.

Proved by tests/transcripts/sim7600_*.at and a7680c_*.at.
"""

from dataclasses import replace

from modem_drivers.dialect import (
    STANDARD_PIN_TRIES,
    AudioOpens,
    AudioPlan,
    Dialect,
    DtmfPlan,
    PinTries,
    SetupStep,
    SimPlan,
    UsbLayout,
    VolteSwitch,
)
from modem_drivers.dialects.generic import CLOCK_FROM_NETWORK, COMMON_SETUP, NO_AUDIO
from modem_drivers.healing import HealingPlan

# +SPIC: <PIN>,<PUK>,<PIN2>,<PUK2>
_SIM = SimPlan(
    iccid=(("AT+CICCID", "+ICCID"), ("AT+CCID", "+CCID")),
    pin_tries=(PinTries(command="AT+SPIC", field=0), STANDARD_PIN_TRIES),
)

SIM7600 = Dialect(
    name="sim7600",
    manufacturer_pattern=r"SIMCOM",
    model_pattern=r"SIM7[56][0-9]{2}",
    setup=(
        *COMMON_SETUP,
        CLOCK_FROM_NETWORK,
        SetupStep(alternatives=("AT+CLCC=1",)),
        SetupStep(alternatives=("AT+DDET=1",)),
        SetupStep(alternatives=("AT+UIMHOTSWAPON=1",)),
        SetupStep(alternatives=("AT+CPCMFRM=0",)),  # 8 kHz
    ),
    audio=AudioPlan(
        opens=AudioOpens.AFTER_ANSWER,
        open="AT+CPCMREG=1",  # refused until the call is connected, and often for a while after
        close="AT+CPCMREG=0",
        block_bytes=320,
        first_try_after_s=0.1,
        retry_s=0.3,
        cap_s=12.0,
    ),
    dtmf=DtmfPlan(detects=True),
    sim=_SIM,
    volte=VolteSwitch(read="AT+VOLTESETTING?", on="AT+VOLTESETTING=1", off="AT+VOLTESETTING=0", field=0),
    healing=HealingPlan(vendor_reset=("AT+CRESET",)),
    usb=(UsbLayout(vendor_id="1e0e", product_id="9001", at_interface=2, pcm_interface=4),),
)

# The same calls and URCs on another chip (ASR); its audio is analogue only, and VoLTE needs no switch.
A76XX = replace(
    SIM7600,
    name="a76xx",
    manufacturer_pattern="",
    model_pattern=r"A76[0-9]{2}",
    setup=(
        *COMMON_SETUP,
        CLOCK_FROM_NETWORK,
        SetupStep(alternatives=("AT+CLCC=1",)),
        SetupStep(alternatives=("AT+DDET=1",)),
    ),
    audio=NO_AUDIO,
    volte=None,
    usb=(UsbLayout(vendor_id="1e0e", product_id="9011", at_interface=4),),
)
