"""One simulated modem: AT port on one side, sound on the other, a network behind it."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from modem_drivers.simulator import (
    basic_commands,
    call_commands,
    network_commands,
    older_vendor_commands,
    sim_commands,
    text_commands,
    texts,
    ussd_commands,
    vendor_commands,
)
from modem_drivers.simulator.basic_commands import Handler
from modem_drivers.simulator.calls import Calls
from modem_drivers.simulator.clock import Clock
from modem_drivers.simulator.command_line import Command, NotACommandError, commands
from modem_drivers.simulator.device import Device
from modem_drivers.simulator.faults import Faults
from modem_drivers.simulator.host_output import HostOutput
from modem_drivers.simulator.leg import Leg, Schedule
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.network_time import take_network_time
from modem_drivers.simulator.personality import AudioDoor, Personality
from modem_drivers.simulator.replies import NUMERIC_RESULTS, OK, SIM_BUSY, RefusedError, Reply
from modem_drivers.simulator.settings import Settings
from modem_drivers.simulator.sim_card import SimCard
from modem_drivers.simulator.sound_path import SoundPath
from modem_drivers.simulator.terminal import CommandLine, Terminal, Text

TYPE_AHEAD_LIMIT_BYTES = 4096
TEMPORARY_FAILURE = 41
"""3GPP TS 24.008 cause of a call whose radio link is gone."""
_HANG_UPS = (b"ATH", b"AT+CHUP")
_CARD_WAKES_S = 1.5


class SimulatedModem:
    """A modem. It lives on `schedule` and `now_s` alone, so real and virtual time are the same to it."""

    def __init__(
        self,
        personality: Personality,
        network: Network,
        *,
        imei: str,
        number: str,
        schedule: Schedule,
        now_s: Callable[[], float],
        sim: SimCard | None = None,
    ) -> None:
        self.send_to_host: Callable[[bytes], None] = lambda _data: None
        """The AT port towards the host; whoever builds the port sets it."""
        self.power_changed: Callable[[bool], None] = lambda _is_on: None
        """Told when a reboot begins and when it is over; whoever builds ports that come and go sets it."""
        self._schedule = schedule
        self._typed = bytearray()
        self._is_busy = False
        self._is_off = False
        self._n_sim_refusals = 0
        self._table = _commands_of(personality)
        terminal, settings, sound = (
            Terminal(),
            Settings(personality.vendor, personality.settings, personality.lacks),
            SoundPath(personality),
        )
        if sim is None:
            sim = SimCard.for_modem(network.operator.numeric, number, imei)
        self.device = Device(
            personality=personality,
            network=network,
            settings=settings,
            sim=sim,
            terminal=terminal,
            calls=Calls(
                personality,
                network,
                settings,
                sound,
                own_number=number,
                schedule=schedule,
                now_s=now_s,
                urc=self._urc,
                dial_result=self._finish_dial,
            ),
            sound=sound,
            imei=imei,
            number=number,
            schedule=schedule,
            now_s=now_s,
            urc=self._urc,
            reboot=self._reboot,
            clock=Clock(now_s),
            on_air=self._on_air,
            ask_for_texts=self._ask_for_texts,
        )
        self.device.calls.missed_at = lambda: f"{self.device.clock.read():%I:%M%p}"
        self._output = HostOutput(
            terminal,
            lambda: self.device.faults,
            personality.noise,
            self._send,
            seed=imei,
        )
        network.watch_registration(self._registration_changed)
        network.attach(number, self)
        take_network_time(self.device)
        if personality.chatter:
            schedule(personality.chatter_every_s, partial(self._chat, 0))

    @property
    def faults(self) -> Faults:
        """The modem's ailments; change them in place or give new ones, at any moment."""
        return self.device.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self.device.faults = faults
        self._n_sim_refusals = 0

    def call_offered(self, leg: Leg, caller: str) -> bool:
        """Ring for a call the network brings; return False when that cannot be."""
        if self._is_off or not self.device.is_registered:
            return False
        return self.device.calls.call_offered(leg, caller)

    def text_offered(self, octets: bytes) -> bool:
        """Take a text or a report the network brings; return False when it must keep it."""
        return not self._is_off and texts.arrive(self.device, octets)

    def call_alerting(self) -> None:
        """The far end of its call rings."""
        self.device.calls.call_alerting()

    def call_connected(self) -> None:
        """Its call is answered, at either end."""
        self.device.calls.call_connected()

    def call_released(self, cause: int) -> None:
        """The far end or the network has ended its call."""
        self.device.calls.call_released(cause)

    def key_heard(self, key: str) -> None:
        """The far end has pressed a key."""
        self.device.calls.key_heard(key)

    def pull_sim(self) -> None:
        """Take the card out, call or no call."""
        self.device.sim.is_inserted = False
        self._urc("+CPIN: NOT READY")
        self._registration_changed()

    def insert_sim(self, sim: SimCard | None = None) -> None:
        """Put a card in, the same as before if none is given; it wakes within seconds."""
        if sim is not None:
            self.device.sim = sim
        self.device.sim.is_inserted, self.device.sim.is_unlocked = True, False
        self._schedule(_CARD_WAKES_S, self._card_woke)

    def on_host_bytes(self, data: bytes) -> None:
        """Take bytes the host wrote to the AT port, in any slices."""
        if self.device.faults.deaf or self._is_off:
            return
        if self.device.calls.is_dial_pending and data.strip():
            self.device.calls.hang_up()  # a key typed while a dial command waits gives it up (V.250 §6.3.1)
            if not data.lstrip().upper().startswith(_HANG_UPS):
                return
        self._typed += data[: TYPE_AHEAD_LIMIT_BYTES - len(self._typed)]
        self._read()

    def pcm_exchange(self, from_host: bytes) -> bytes:
        """Pass 20 ms of sound: s16 8 kHz mono in, buffered if more, 320 bytes out or none while closed."""
        if self._is_off:
            return b""
        device = self.device
        to_host = device.sound.exchange(from_host, device.calls.leg, device.faults)
        pressure = device.sound.pressure_change()
        if pressure is not None and device.personality.audio_door is AudioDoor.ARMED:
            self._urc("+QPCMV: 0,0" if pressure else "+QPCMV: 1,0")
        return to_host

    def _send(self, data: bytes) -> None:
        self.send_to_host(data)  # looked up at each call: the port may be joined later

    def power_off(self) -> None:
        """Die as a modem does whose cable is pulled; the call, if any, is lost to the network."""
        self._is_off = True
        if self.device.calls.leg is not None:
            self.device.calls.leg.drop(TEMPORARY_FAILURE)

    def power_on(self) -> None:
        """Boot again, as when its cable is put back."""
        self._reboot()

    def _read(self) -> None:
        """Read what was typed up to the end of a command line; the rest waits until that line is answered."""
        echo = bytearray()
        completed: CommandLine | Text | None = None
        while self._typed and not self._is_busy:
            shown, completed = self.device.terminal.type(self._typed.pop(0))
            echo += shown
            if completed is not None:
                self._is_busy = True
        self._output.raw(bytes(echo))
        match completed:
            case CommandLine(body=body):
                self._schedule(self.device.personality.reply_s, partial(self._carry_out, body))
            case Text(text=text):
                self._take_text(text)

    def _take_text(self, text: bytes | None) -> None:
        try:
            reply = text_commands.text_given(self.device, text)
        except RefusedError as refused:
            self._finish(refused.result(self.device.settings["+CMEE"]))
        else:
            self._settle(reply, iter(()))

    def _carry_out(self, body: str | None) -> None:
        if body is None:
            self._finish("ERROR")
        else:
            self._carry_on(commands(body))

    def _carry_on(self, rest: Iterator[Command]) -> None:
        """Carry out the next command of a line; the first refusal ends the line."""
        try:
            command = next(rest, None)
            reply = OK if command is None else self._reply(command)
        except NotACommandError:
            self._finish("ERROR")
        except RefusedError as refused:
            self._finish(refused.result(self.device.settings["+CMEE"]))
        else:
            if command is None:
                self._finish("OK")
            else:
                self._settle(reply, rest)

    def _reply(self, command: Command) -> Reply:
        if (
            self._n_sim_refusals < self.device.faults.sim_busy_replies
            and command.name in sim_commands.NEED_CARD
        ):
            self._n_sim_refusals += 1
            raise RefusedError(SIM_BUSY)
        handler = self._table.get(command.name)
        if handler is not None:
            return handler(self.device, command)
        if command.name in self.device.settings:
            return self.device.settings.use(command)
        raise RefusedError

    def _settle(self, reply: Reply, rest: Iterator[Command]) -> None:
        def answer() -> None:
            if self._is_off:
                return
            if reply.lines:
                self._output.information(reply.lines)
            if reply.prompt:
                self.device.terminal.wants_text = True
                self._output.raw(b"\r\n> ")
                self._is_busy = False
                self._read()
            elif reply.ends_silently:
                self._is_busy = False
                self._read()
            elif reply.result == "OK":
                self._carry_on(rest)
            elif reply.result is not None:
                self._finish(reply.result)

        delay_s = reply.delay_s + self.device.faults.reply_delay_s
        if delay_s:
            self._schedule(delay_s, answer)
        else:
            answer()

    def _finish(self, result: str) -> None:
        if self._is_off:
            return
        self._output.result(result)
        self._is_busy = False
        self._read()

    def _finish_dial(self, result: str, *lines: str) -> None:
        self._output.information(lines)
        self._finish(result)

    def _urc(self, *lines: str) -> None:
        reaches_port = self.device.urc_port in {"usbat", "all"}
        arriving = [line for line in lines if reaches_port or line in NUMERIC_RESULTS]
        if not self._is_off:
            self._output.unasked(arriving)

    def _registration_changed(self) -> None:
        if not self.device.is_registered and self.device.calls.leg is not None:
            self.device.calls.leg.drop(TEMPORARY_FAILURE)
        for name in ("+CREG", "+CGREG", "+CEREG"):
            if self.device.settings.is_on(name):
                self._urc(network_commands.registration_line(self.device, name, unasked=True))
        take_network_time(self.device)
        self._ask_for_texts()

    def _on_air(self) -> None:
        if not self._is_off:
            self._registration_changed()

    def _card_woke(self) -> None:
        if self.device.sim.is_inserted and not self._is_off:
            self._urc(f"+CPIN: {self.device.sim.status}")
            self._on_air()

    def _ask_for_texts(self) -> None:
        device = self.device
        if not self._is_off and device.is_registered:
            device.network.messages.try_again(device.network.international(device.number))

    def _chat(self, n_said: int) -> None:
        personality = self.device.personality
        if self.device.settings.is_on(personality.chatter_switch):
            self._urc(personality.chatter[n_said % len(personality.chatter)])
        self._schedule(personality.chatter_every_s, partial(self._chat, n_said + 1))

    def _reboot(self) -> None:
        device = self.device
        self._is_off = True
        device.faults.mute = False
        device.calls.hang_up()
        device.sound.reboot()
        device.settings.reset()
        device.clock.forget()
        device.ussd_session = device.text_command = None
        device.text_places = ["SM", "SM", "SM"]
        self._n_sim_refusals = 0
        self.power_changed(False)
        device.terminal.reset()
        device.sim.is_unlocked = False
        device.functionality, device.pcm_port, device.operator_format = 1, None, 0
        self._typed.clear()
        self._schedule(device.personality.boot_s, self._booted)

    def _booted(self) -> None:
        self._is_off = self._is_busy = False
        self.power_changed(True)
        self._urc(*self.device.personality.boot_lines)
        self._on_air()


def _commands_of(personality: Personality) -> Mapping[str, Handler]:
    vendors = {**vendor_commands.COMMANDS, **older_vendor_commands.COMMANDS}
    known = {
        **basic_commands.COMMANDS,
        **network_commands.COMMANDS,
        **sim_commands.COMMANDS,
        **call_commands.COMMANDS,
        **text_commands.COMMANDS,
        **ussd_commands.COMMANDS,
        **vendors[personality.vendor],
        **sim_commands.OF_VENDOR[personality.vendor],
    }
    return {name: handler for name, handler in known.items() if name not in personality.lacks}
