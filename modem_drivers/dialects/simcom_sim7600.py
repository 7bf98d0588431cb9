"""SIMCom SIM7500/SIM7600, with PCM over USB, and A76xx, without.

Proved by tests/transcripts/sim7600_*.at and a7680c_*.at.
"""

from dataclasses import replace

from modem_drivers.dialect import AudioOpens, AudioPlan, Dialect, SetupStep, UsbLayout
from modem_drivers.dialects.generic import COMMON_SETUP

SIM7600 = Dialect(
    name="sim7600",
    manufacturer_pattern=r"SIMCOM",
    model_pattern=r"SIM7[56][0-9]{2}",
    setup=(
        *COMMON_SETUP,
        SetupStep(alternatives=("AT+CLCC=1",)),
        SetupStep(alternatives=("AT+DDET=1",)),
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
    usb=(UsbLayout(vendor_id="1e0e", product_id="9001", at_interface=2, pcm_interface=4),),
)

# The same calls and URCs on another chip (ASR); its audio is analogue only.
A76XX = replace(
    SIM7600,
    name="a76xx",
    manufacturer_pattern="",
    model_pattern=r"A76[0-9]{2}",
    setup=(*COMMON_SETUP, SetupStep(alternatives=("AT+CLCC=1",)), SetupStep(alternatives=("AT+DDET=1",))),
    audio=AudioPlan(opens=AudioOpens.NONE),
    usb=(),
)
