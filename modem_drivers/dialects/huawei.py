"""Huawei E1xx/E3xx/K3xxx voice sticks, and the ME909/MU509/MU709 modules.

The sticks are proved by tests/transcripts/huawei_*.at (E1550, K3715) and the simulator's huawei personality. Of the
modules nothing is recorded: their call reports and causes are written to the MU509 AT manual (^ORIG, ^CONF, ^CONN,
^CEND), and proved only by a far end made to that manual in tests/modem_drivers/test_modem_families.py.
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
    Timing,
    UsbLayout,
)
from modem_drivers.dialects.generic import CLOCK_FROM_NETWORK, COMMON_SETUP, NO_AUDIO
from modem_drivers.healing import HealingPlan

_CALL_REPORTS = SetupStep(alternatives=("AT^CURC=1",))

HUAWEI_STICK = Dialect(
    name="huawei_stick",
    manufacturer_pattern=r"huawei",
    model_pattern=r"^(?:E[1-3][0-9]{2,3}|K[34][0-9]{3})",
    setup=(
        *COMMON_SETUP,
        CLOCK_FROM_NETWORK,
        _CALL_REPORTS,
        SetupStep(alternatives=("AT^DDTMFCFG=0,1",)),
    ),
    audio=AudioPlan(
        opens=AudioOpens.AFTER_ANSWER,
        open="AT^DDSETEX=2",  # for this call only; closes with it
        opens_while_alerting=True,
        block_bytes=320,
        retry_s=0.3,
        cap_s=3.0,
    ),
    dtmf=DtmfPlan(send="AT^DTMF={index},{digit}"),  # few firmwares hear keys: listen to the sound
    # ^CPIN: <code>,<tries>,<PUK>,<PIN>,<PUK2>,<PIN2>
    sim=SimPlan(
        iccid=(("AT^ICCID?", "^ICCID"), ("AT+CCID", "+CCID")),
        pin_tries=(PinTries(command="AT^CPIN?", field=3), STANDARD_PIN_TRIES),
    ),
    healing=HealingPlan(vendor_reset=("AT^RESET",)),
    timing=Timing(redial_gap_s=4.0),  # a call sooner after ^CEND than 2 to 4 s fails
    usb=(UsbLayout(vendor_id="12d1", product_id="1001", at_interface=2, pcm_interface=1),),
)
HUAWEI_MODULE = replace(
    HUAWEI_STICK,
    name="huawei_module",
    model_pattern=r"^M[EU][0-9]{3}",
    audio=NO_AUDIO,  # I2S or analogue
    dtmf=DtmfPlan(),
    usb=(),
)
