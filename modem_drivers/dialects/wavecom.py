"""Old Wavecom modems: OK to ATD means that the callee answered, +WIND tells the rest.

Proved by tests/transcripts/wavecom_*.at.
"""

from modem_drivers.dialect import Dialect, DialOk, DialPlan, SetupStep
from modem_drivers.dialects.generic import COMMON_SETUP, NO_AUDIO, POLLED

WAVECOM = Dialect(
    name="wavecom",
    manufacturer_pattern=r"WAVECOM",
    model_pattern="",
    setup=(*COMMON_SETUP, SetupStep(alternatives=("AT+WIND=127",))),
    audio=NO_AUDIO,
    dial=DialPlan(ok_means=DialOk.ANSWERED),
    hang_up=("ATH", "AT+CHUP"),
    registration=("AT+CREG?",),
    timing=POLLED,
)
