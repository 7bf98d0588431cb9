"""What can go wrong with a modem, one class per thing a caller would do differently."""


class ModemError(Exception):
    """Root of everything this package raises on purpose."""


class PortError(ModemError):
    """Something is wrong with the port itself, not with what is said over it."""

    def __init__(self, port: str, reason: str) -> None:
        super().__init__(f"{port}: {reason}")
        self.port = port
        self.reason = reason


class PortOpenError(PortError):
    """The port cannot be opened; the message says what to do about it."""


class PortMissingError(PortOpenError):
    """There is no such port now: the modem is unplugged, without power, or restarting."""


class PortClosedError(PortError):
    """The port is gone or stuck: reopen it, do not retry on it."""


class NotAModemError(PortError):
    """Nothing behind the port answers AT commands."""


class CommandError(ModemError):
    """The modem answered ERROR, `+CME ERROR: code` or `+CMS ERROR: code`."""

    def __init__(self, command: str, result: str, code: int | None = None) -> None:
        super().__init__(f"{command}: modem answered {result}")
        self.command = command
        """Masked: fit for a log."""
        self.result = result
        self.code = code
        """Number of the +CME/+CMS error (3GPP TS 27.007 §9.2), None for a bare ERROR."""


class CommandTimeoutError(ModemError):
    """The modem did not finish answering a command in time."""

    def __init__(self, command: str, timeout_s: float) -> None:
        super().__init__(f"{command}: no final result within {timeout_s:g} s")
        self.command = command
        self.timeout_s = timeout_s


class PromptTimeoutError(CommandTimeoutError):
    """The modem never asked for the text of a message: nothing was sent."""


class LocalProtocolError(ModemError, ValueError):
    """Our side asked for something no modem may be told: a bug or a bad number, never sent."""


class ForbiddenCommandError(LocalProtocolError):
    """The command crosses a line that no setting can move."""

    def __init__(self, command: str, red_line: str) -> None:
        super().__init__(f"{command} is forbidden: {red_line}")
        self.command = command
        self.red_line = red_line


class RemoteProtocolError(ModemError):
    """The modem answered something that makes no sense."""


class SimError(ModemError):
    """The SIM card keeps the modem from working."""


class NoSimError(SimError):
    """There is no SIM card: insert one."""


class SimLockedError(SimError):
    """The SIM card asks for a PIN or PUK: unlock it in a telephone first."""


class CallRefusedError(ModemError):
    """The modem refused to place the call: nothing was dialled."""

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(f"call refused: {reason}")
        self.reason = reason
        self.code = code


class StuckCallError(CallRefusedError):
    """A call is listed that no hang-up ends: the modem needs to be restarted."""


class PowerError(ModemError):
    """The modem's power or USB port cannot be switched: go on to the next rung."""


class NoVoiceError(CallRefusedError):
    """The family carries SMS and data only: use another modem for calls."""


class AudioPathError(ModemError):
    """The modem would not open its audio path for this call."""


class MalformedPduError(RemoteProtocolError):
    """The octets of a short message make no sense: it cannot be read."""


class UssdError(ModemError):
    """The modem or the network refused a USSD code."""

    def __init__(self, result: str, code: int | None = None) -> None:
        super().__init__(f"USSD refused: {result}")
        self.code = code


class UssdTimeoutError(ModemError):
    """The operator did not answer a USSD code in time."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"no USSD answer within {timeout_s:g} s")


class SmsError(ModemError):
    """A message was not, or not surely, sent whole."""

    def __init__(self, reason: str, references: tuple[int, ...], code: int | None = None) -> None:
        super().__init__(reason)
        self.references = references
        """Of the parts that were sent before this."""
        self.code = code
        """Number of the +CMS error (3GPP TS 27.005 §3.2.5), None without one."""


class SmsNotSentError(SmsError):
    """The modem refused the message, or its next part: it may be tried again."""


class SmsUncertainError(SmsError):
    """Nobody knows whether the message, or its next part, was sent: trying again may send it twice."""
