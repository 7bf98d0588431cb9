"""The inside of one simulated modem: everything its commands act on."""

from collections.abc import Callable
from dataclasses import dataclass, field

from modem_drivers.simulator.calls import Calls
from modem_drivers.simulator.clock import Clock
from modem_drivers.simulator.command_line import Command
from modem_drivers.simulator.faults import Faults
from modem_drivers.simulator.leg import Schedule
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.personality import Personality
from modem_drivers.simulator.settings import Settings
from modem_drivers.simulator.sim_card import SimCard
from modem_drivers.simulator.sound_path import SoundPath
from modem_drivers.simulator.terminal import Terminal
from modem_drivers.simulator.text_store import TextStore
from modem_drivers.simulator.ussd import UssdAnswer


@dataclass(slots=True, kw_only=True)
class Device:
    """Parts of one modem, wired."""

    personality: Personality
    network: Network
    settings: Settings
    sim: SimCard
    terminal: Terminal
    calls: Calls
    sound: SoundPath
    imei: str
    number: str
    schedule: Schedule
    now_s: Callable[[], float]
    urc: Callable[..., None]
    reboot: Callable[[], None]
    faults: Faults = field(default_factory=Faults)
    functionality: int = 1
    """As +CFUN counts it: 1 full, 0 and 4 without radio."""
    operator_format: int = 0
    """As +COPS=3 sets it: 0 long, 1 short, 2 numeric."""
    operator_mode: int = 0
    last_dialled: str = ""
    urc_port: str = "usbat"
    """Where unasked lines go (AT+QURCCFG); the simulated AT port is usbat."""
    pcm_port: str | None = None
    """Where AT+QPCMV sends the sound: 0 the tty, 1 the UART, 2 a USB sound card; None: nowhere."""
    named_values: dict[str, str] = field(default_factory=dict)
    """Values of commands like AT+QCFG, by `command/name`."""
    texts_sent: list[bytes] = field(default_factory=list)
    """Texts (PDU or text mode, as typed) the host handed over."""
    text_memories: dict[str, TextStore] = field(
        default_factory=lambda: {"SM": TextStore(), "ME": TextStore()}
    )
    text_places: list[str] = field(default_factory=lambda: ["SM", "SM", "SM"])
    """Where texts are read, written, and kept as they arrive (AT+CPMS)."""
    text_command: Command | None = None
    """The command whose prompt is open."""
    text_reference: int = 0
    """TP-MR of the last text handed to the network."""
    ussd_session: UssdAnswer | None = None
    """The menu the host is in."""
    clock: Clock
    on_air: Callable[[], None]
    """The modem has, or has again, what it needs to be in the network."""
    ask_for_texts: Callable[[], None]
    """Let the network bring the texts that wait for this modem."""

    @property
    def registration(self) -> int:
        """The modem's standing in the network, as +CREG counts it."""
        is_on_air = self.functionality == 1 and self.sim.is_ready and self.operator_mode != 2
        return self.network.registration if is_on_air else 0

    @property
    def is_registered(self) -> bool:
        """Whether calls can be placed."""
        return self.registration in {1, 5}

    def alphabet(self, text: str) -> str:
        """Return a name as the chosen character set (+CSCS) writes it."""
        return text.encode("utf-16-be").hex().upper() if self.settings["+CSCS"] == '"UCS2"' else text

    def read_alphabet(self, typed: str) -> str:
        """Return what the host wrote in the chosen character set; what cannot be read stays as it is."""
        if self.settings["+CSCS"] != '"UCS2"':
            return typed
        try:
            return bytes.fromhex(typed).decode("utf-16-be")
        except (ValueError, UnicodeDecodeError):
            return typed
