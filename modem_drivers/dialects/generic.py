"""Any modem that keeps to 3GPP TS 27.007: it can dial and tell what came of it, its audio is unknown."""

from modem_drivers.at.urcs import DsciPlan
from modem_drivers.dialect import AudioOpens, AudioPlan, Dialect, SetupStep, Timing

# COLP=0: with COLP=1 Qualcomm firmware holds back ATD's OK until the callee answers.
COMMON_SETUP = (
    SetupStep(alternatives=("AT+COLP=0",)),
    SetupStep(alternatives=("AT+CVHU=0",)),
    SetupStep(alternatives=("AT+CREG=1",)),
    SetupStep(alternatives=("AT+CLIP=1",)),
    SetupStep(alternatives=("AT+CTZR=1",)),
)
# Lets the network's time set the modem's clock.
CLOCK_FROM_NETWORK = SetupStep(alternatives=("AT+CTZU=1",))
NO_AUDIO = AudioPlan(opens=AudioOpens.NONE)
# Without URCs that tell progress, polling is all there is; oFono polls at the same pace.
POLLED = Timing(poll_s=0.5)

GENERIC = Dialect(
    name="generic",
    manufacturer_pattern="",
    model_pattern="",
    setup=(*COMMON_SETUP, CLOCK_FROM_NETWORK),
    audio=NO_AUDIO,
    timing=POLLED,
    # TD-SCDMA and ZTE modules send ^DSCI unasked: states as in +CLCC, and the release cause in the tail.
    dsci=DsciPlan(voice_field=3, cause_field=8),
)
