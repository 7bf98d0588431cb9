"""What can be wrong with a simulated modem, settable at any moment."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Faults:
    """The ailments of one modem. Random ones follow its own seeded generator, so a run repeats exactly."""

    lost_urc: float = 0.0
    """Probability, 0 to 1, that one unsolicited line never reaches the host."""
    glued_lines: bool = False
    """`NO CARRIER` and its like follow the line before without CR LF, and noise follows `OK` the same way."""
    noise_urcs: float = 0.0
    """Probability, 0 to 1, that an unasked line of signal or bearer news stands before any line of output."""
    cpcmreg_refusals: int = 0
    """How many requests to open the audio path are refused in every call before one is granted."""
    deaf: bool = False
    """The AT port neither echoes, answers nor reports; calls and sound go on."""
    hang_up_ignored: bool = False
    """Every hang-up answers OK and the call goes on, until the radio is switched off or the modem reboots."""
    mute: bool = False
    """The AT port obeys and says nothing; a reboot cures it."""
    ath_ignored_while_alerting: bool = False
    """`ATH` while the far end rings answers OK, and it goes on ringing (seen on SIMCom LTE modules)."""
    half_open_audio: bool = False
    """The audio path is granted, but no sound ever leaves it towards the host."""
    audio_rot: bool = False
    """After one call with sound, later ones refuse the path a few times, then pass silence, until a reboot."""
    reply_delay_s: float = 0.0
    """How much longer every command takes."""
    sim_busy_replies: int = 0
    """How many commands that need the card are refused with "SIM busy" after each boot, or from now on."""

    def __post_init__(self) -> None:
        for name in ("lost_urc", "noise_urcs"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is a probability: give a number from 0 to 1")
        for name in ("cpcmreg_refusals", "sim_busy_replies", "reply_delay_s"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} cannot be negative: give 0 or more")
