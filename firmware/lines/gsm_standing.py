"""How a GSM line stands, in words for a person: from its modem's state and what ails it."""

from collections.abc import Set as AbstractSet

from firmware.lines.line import LineStatus
from modem_drivers.healing import Ailment
from modem_drivers.modem import Modem
from modem_drivers.sim import SimState

_IN_WORDS = {
    Ailment.STUCK_CALL: "a call that no hang-up ends",
    Ailment.AUDIO_REFUSED: "it would not open its call audio",
    Ailment.AUDIO_SILENT: "no sound came through it in the last calls",
}


def standing_of(
    modem: Modem | None,
    ailments: AbstractSet[Ailment],
    *,
    trouble: str,
    pin_trouble: str,
    audio_trouble: str,
) -> tuple[LineStatus, str]:
    """Return the status and what to do about it; the troubles are those of the port, the SIM's PIN and the sound."""
    if Ailment.GONE in ailments:
        return LineStatus.ABSENT, trouble
    if modem is None or Ailment.DEAF in ailments:
        return LineStatus.FAULTED, trouble
    if unwell := [words for ailment, words in _IN_WORDS.items() if ailment in ailments]:
        return LineStatus.FAULTED, "; ".join(unwell)
    if modem.sim is SimState.BUSY:
        return LineStatus.STARTING, "the SIM is starting"  # usual for 5-20 s after power-up
    if modem.sim is SimState.PIN_REQUIRED:
        return LineStatus.FAULTED, pin_trouble
    if modem.sim is SimState.PUK_REQUIRED:
        return LineStatus.FAULTED, "the SIM card asks for its PUK: unlock it in a telephone, or replace it"
    if modem.sim is not SimState.READY:
        return LineStatus.FAULTED, f"SIM {modem.sim.replace('_', ' ')}: put in a SIM that is ready to use"
    if not modem.registration.is_registered:
        return LineStatus.SEARCHING, f"network: {modem.registration.replace('_', ' ')}"
    if modem.audio_plan.opens == "none":
        return (
            LineStatus.FAULTED,
            f"{modem.identity.model} has no call audio on a tty: name the sound card it is wired to"
            " with sound_card in box.toml, or use it for SMS only",
        )
    if audio_trouble:
        return LineStatus.FAULTED, audio_trouble
    return LineStatus.READY, ""
