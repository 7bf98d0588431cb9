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


async def self_test(modem: Modem, sound_card: str = "") -> list[Finding]:
    """Return what is fit and what is not, calling nobody and changing nothing.

    `sound_card`: the one that its calls go through, "" for none. It is not tried: a sound card knows nothing of modems.
    """
    dbm = modem.rssi_dbm
    voice = modem.dialect.carries_voice
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
        _call_audio(modem, sound_card),
        await _tried(modem, "lists calls", "AT+CLCC"),
        await _tried(modem, "messages", "AT+CPMS?"),
    ]


def _call_audio(modem: Modem, sound_card: str) -> Finding:
    opens = modem.audio_plan.opens
    if sound_card:
        detail = f"through the sound card {sound_card} (the line's sound_card; `branchline audio devices` shows it)"
    elif opens is AudioOpens.NONE:
        detail = "none over USB; through a sound card that is wired to it: give --sound-card NAME"
    else:
        detail = opens.value
    return Finding(what="call audio", passed=bool(sound_card) or opens is not AudioOpens.NONE, detail=detail)


async def _tried(modem: Modem, what: str, command: str) -> Finding:
    try:
        await modem.command(command)
    except ModemError as error:
        return Finding(what=what, passed=False, detail=str(error))
    return Finding(what=what, passed=True, detail=command)
