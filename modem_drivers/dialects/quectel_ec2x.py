"""Quectel EC20/EC21/EC25/EG25 with PCM over the NMEA port.

Proved by tests/transcripts/ec25_*.at.
"""

from modem_drivers.at.urcs import DsciPlan
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
from modem_drivers.dialects.generic import COMMON_SETUP
from modem_drivers.events import CallState

QUECTEL_DSCI = DsciPlan(
    states={
        1: CallState.HELD,
        2: CallState.DIALING,
        3: CallState.ACTIVE,
        4: CallState.INCOMING,
        5: CallState.WAITING,
        6: CallState.RELEASED,
        7: CallState.ALERTING,
    },
    voice_field=3,
)
QUECTEL_SIM = SimPlan(
    iccid=(("AT+QCCID", "+QCCID"), ("AT+CCID", "+CCID")),
    pin_tries=(PinTries(command="AT+QPINC?", field=1, where="SC"), STANDARD_PIN_TRIES),
)
# 1 would put UTC into the clock, with the offset beside it; 3 puts local time there, as 27.007 has it.
QUECTEL_CLOCK = SetupStep(alternatives=("AT+CTZU=3",))

EC2X = Dialect(
    name="ec2x",
    manufacturer_pattern=r"Quectel",
    model_pattern=r"E[CG]2[0-9]",
    setup=(
        *COMMON_SETUP,
        QUECTEL_CLOCK,
        # Some firmware knows only one of the two ways to tell call progress.
        SetupStep(alternatives=('AT+QINDCFG="ccinfo",1,0', "AT^DSCI=1")),
        SetupStep(alternatives=("AT+QTONEDET=1",)),
        SetupStep(alternatives=("AT+QSIMSTAT=1",)),
        SetupStep(
            alternatives=('AT+QGPSCFG="outport","none"',)
        ),  # else positions and PCM share the NMEA port
        SetupStep(alternatives=("AT+QAUDMOD=3",)),
    ),
    audio=AudioPlan(
        opens=AudioOpens.BEFORE_DIAL,
        prepare=("AT+QPCMV=0",),  # mode 0 is refused while mode 2 (USB audio class) is on
        open="AT+QPCMV=1,0",
        close="AT+QPCMV=0",
        block_bytes=1600,
        retry_s=0.3,
        cap_s=1.0,
    ),
    # Its own USB sound card; one wired to its analogue pins would need no command, and is not provided for.
    sound_card=AudioPlan(
        opens=AudioOpens.BEFORE_DIAL,
        prepare=("AT+QPCMV=0",),  # mode 2 is refused while mode 0 (the tty) is on
        open="AT+QPCMV=1,2",
        close="AT+QPCMV=0",
        retry_s=0.3,
        cap_s=1.0,
    ),
    dtmf=DtmfPlan(detects=True),
    sim=QUECTEL_SIM,
    volte=VolteSwitch(
        read='AT+QCFG="ims"', on='AT+QCFG="ims",1', off='AT+QCFG="ims",2', field=1, needs_restart=True
    ),
    dsci=QUECTEL_DSCI,
    ceer_number_trust=0.7,
    usb=(
        UsbLayout(vendor_id="2c7c", product_id="0125", at_interface=2, pcm_interface=1),
        UsbLayout(vendor_id="2c7c", product_id="0121", at_interface=2, pcm_interface=1),
    ),
)
