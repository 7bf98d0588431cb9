"""Is this modem fit for work? Asked of the modem alone: nothing is dialled and nothing is changed."""

from dataclasses import dataclass

from modem_drivers.dialect import AudioOpens
from modem_drivers.errors import ModemError
from modem_drivers.masking import mask_numbers
from modem_drivers.modem import Modem, SimState

WEAK_DBM = -105
"""Below this a GSM call is likely to drop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was tried, and what came of it."""

    what: str
    passed: bool
    detail: str


async def self_test(modem: Modem) -> list[Finding]:
    """Return what is fit and what is not, calling nobody and changing nothing."""
    dbm = modem.rssi_dbm
    voice = modem.dialect.carries_voice
    opens = modem.audio_plan.opens
    return [
        Finding(what="answers AT", passed=True, detail=f"{modem.identity.model}, {modem.identity.revision}"),
        Finding(
            what="IMEI",
            passed=len(modem.identity.imei) == 15,
            detail=mask_numbers(modem.identity.imei) or "none",
        ),
        Finding(what="SIM card", passed=modem.sim is SimState.READY, detail=modem.sim.value),
        Finding(what="network", passed=modem.registration.is_registered, detail=modem.registration.value),
        Finding(
            what="signal",
            passed=dbm is not None and dbm >= WEAK_DBM,
            detail="unknown" if dbm is None else f"{dbm} dBm, at least {WEAK_DBM} wanted",
        ),
        Finding(
            what="voice", passed=voice, detail="yes" if voice else "this family carries SMS and data only"
        ),
        Finding(what="call audio", passed=opens is not AudioOpens.NONE, detail=opens.value),
        await _tried(modem, "lists calls", "AT+CLCC"),
        await _tried(modem, "messages", "AT+CPMS?"),
    ]


async def _tried(modem: Modem, what: str, command: str) -> Finding:
    try:
        await modem.command(command)
    except ModemError as error:
        return Finding(what=what, passed=False, detail=str(error))
    return Finding(what=what, passed=True, detail=command)
