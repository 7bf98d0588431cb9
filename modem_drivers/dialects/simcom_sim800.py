"""SIMCom SIM800/SIM900: 2G, one UART, analogue audio.

Written to the SIM800 series AT manual 1.09; calls checked against the simulated SIM800.
"""

from modem_drivers.dialect import STANDARD_PIN_TRIES, Dialect, DtmfPlan, PinTries, SetupStep, SimPlan, Timing
from modem_drivers.dialects.generic import COMMON_SETUP, NO_AUDIO

SIM800 = Dialect(
    name="sim800",
    manufacturer_pattern=r"SIMCOM",
    model_pattern=r"SIM[89][0-9]{2}",
    setup=(
        *COMMON_SETUP,
        SetupStep(alternatives=("AT+CLTS=1", "AT+CTZU=1")),
        SetupStep(alternatives=("AT+CLCC=1",)),
        SetupStep(alternatives=("AT+MORING=1",)),
        SetupStep(alternatives=("AT+CEER=1",)),  # the cause as a number rather than in words
        SetupStep(alternatives=("AT+DDET=1",)),
        SetupStep(alternatives=("AT+CSDT=1", "AT+CSMINS=1")),
    ),
    audio=NO_AUDIO,
    dtmf=DtmfPlan(detects=True),
    sim=SimPlan(
        iccid=(("AT+CCID", "+CCID"),), pin_tries=(PinTries(command="AT+SPIC", field=0), STANDARD_PIN_TRIES)
    ),
    timing=Timing(poll_s=1.0),
)
