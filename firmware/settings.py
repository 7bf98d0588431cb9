"""What `box.toml` says, typed. Unknown keys are errors: a misspelt limit must never be a missing limit."""

import re
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

Name = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class SettingsError(ValueError):
    """The file cannot be used; the text says what and where."""


class BoxSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Who this box is and where it keeps things."""

    id: Name
    tenant: Name
    time_zone: str
    """IANA name of the branch office, for the status it shows. Never the callee's zone."""
    data_dir: str
    language: str = "en"


class MqttSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The broker, and the files that prove who we are to it."""

    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8883
    ca: str
    certificate: str
    key: str


class ConsoleSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The console's public keys: who may command this box, and who may open its recordings."""

    keys: Annotated[list[str], msgspec.Meta(min_length=1)]
    """PEM files of Ed25519 public keys."""
    recording_recipients: Annotated[list[str], msgspec.Meta(min_length=1)]
    """age recipients, ``age1…``."""


class LineSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One modem: by where it is plugged in, by its IMEI, or by the names of its AT and PCM ports."""

    id: Name
    usb_path: Annotated[str, msgspec.Meta(pattern=r"^[0-9]+-[0-9]+(\.[0-9]+)*$")] | None = None
    """Where it is plugged in, ``1-1.3``: as `branchline modem list` says."""
    imei: Annotated[str, msgspec.Meta(pattern="^[0-9]{15}$")] | None = None
    at_port: str | None = None
    pcm_port: str | None = None
    """With at_port, where call audio is a tty."""
    sound_card: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    """Where call audio is a sound card: its name, or a part that no other has, as `branchline audio devices` says."""
    sound_rate_hz: Literal[8000, 16000, 48000] | None = None
    """Of a card that offers 8 kHz and does it badly; left out, the first of the three that it can do."""
    baud_rate: Annotated[int, msgspec.Meta(ge=1200, le=4_000_000)] | None = None
    """Of an at_port without USB; left out, it is searched for."""
    pin_file: str | None = None
    """The SIM card's PIN, alone in a file that others cannot read."""
    pin_credential: Name | None = None
    """The same as a credential of the systemd service (LoadCredential=)."""
    power_hook: list[str] = []
    """A program that powers the modem off and on, by a GPIO pin say, and its arguments."""
    number: str | None = None
    """The line's own number in E.164, where the SIM does not tell it."""


class TrialNumberSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A number that `branchline line selftest` may call: one of ours, with an echo or a tone behind it."""

    number: Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{6,14}$")]
    kind: Literal["echo", "tone"] = "echo"


class ApprovalSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The operator's approval of one version of one rule pack, by name."""

    pack: str
    version: int
    by: str
    digest: str = ""
    """What `branchline policy approve` saw of the pack: another content of the same version is not approved."""
    at: str = ""
    """When, for whoever reads the file."""


class ComplianceSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a person here has approved."""

    approval: list[ApprovalSection] = []
    suppression_lease_h: Annotated[int, msgspec.Meta(ge=1, le=24)] = 24
    """Hours that dialling goes on without word from the console."""
    approver_keys: list[str] = []
    """PEM files of Ed25519 public keys: what their owners sign is approved here as if it had been by name."""
    overlay: str = ""
    """A file of tighter rules, TOML of layer ``overlay``; one that would widen anything is refused whole."""


class RetentionSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How long things stay where the rule packs leave it open, and how much of the disk stays free."""

    records_days: Annotated[int, msgspec.Meta(ge=1, le=3660)] = 1096
    """After the last call to a person, or the end of their last campaign."""
    recordings_days: Annotated[int, msgspec.Meta(ge=1, le=3660)] = 184
    uncalled_days: Annotated[int, msgspec.Meta(ge=1, le=3660)] = 90
    """After the campaign: contacts who were never called."""
    disk_low_mb: Annotated[int, msgspec.Meta(ge=64)] = 2048
    """Less free than this: recordings past the least time they must be kept are deleted, oldest first."""
    disk_scarce_mb: Annotated[int, msgspec.Meta(ge=32)] = 512
    """Less free than this: no new calls."""


class AuditSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The box's own key, which signs the heads of its audit log; left out, it is made in data_dir at the first start."""

    device_key: str = ""
    """A PEM file of an Ed25519 private key that only this service may read; made if it is not there."""
    device_key_credential: Name | None = None
    """The same as a credential of the systemd service (LoadCredential=); that one is never made."""


class DiallingSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Bounds of one call."""

    max_call_s: Annotated[int, msgspec.Meta(ge=30, le=900)] = 240


class UplinkSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What may go up over a metered link; the console may ask for less."""

    bytes_per_day: Annotated[int, msgspec.Meta(ge=100_000)] | None = None
    """Telemetry stops at 70 %, events wait from 90 % on; outcomes and answers always go."""
    bytes_per_month: Annotated[int, msgspec.Meta(ge=1_000_000)] | None = None


class CommandsSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a console may have done here by a command."""

    reboot: list[str] = []
    """A program that restarts the computer, and its arguments, such as systemctl reboot; empty: none may."""


EngineName = Literal["kokoro", "piper", "espeak"]


class VoiceSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Who speaks one language, the preferred engine first; recordings come before all of them."""

    engines: Annotated[list[EngineName], msgspec.Meta(min_length=1)]
    voice: Annotated[str, msgspec.Meta(pattern="^([a-z]{2}_[a-z]+)?$")] = ""
    """A voice of Kokoro; empty for the standard one of the language."""


class SpeechSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How prompts get their sound."""

    models_dir: str | None = None
    """Where `branchline models fetch` put the models, for speaking and listening; None: where it does by default."""
    recordings_dir: str | None = None
    """Recorded prompts, ``LANGUAGE/…/NAME.wav`` with its words in ``NAME.txt``."""
    en: VoiceSection = VoiceSection(engines=["kokoro", "piper", "espeak"])
    zh: VoiceSection = VoiceSection(engines=["kokoro", "espeak"])


class ListeningSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How calls understand speech. Keys work with or without it."""

    recognition: bool = True
    """False: by keys alone. True: in every language for which a recogniser is installed."""
    workers: Annotated[int, msgspec.Meta(ge=1, le=16)] = 2
    """Recogniser processes, for all calls together."""
    worker_memory_mb: Annotated[int, msgspec.Meta(ge=200, le=16000)] = 1500
    speech: Literal["auto", "silero", "plain"] = "auto"
    """Judge of what is speech: auto is silero where it is installed."""


class RecordingUploadSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How recordings that the console asks for go up: beside them calls and outcomes need the same link."""

    kbit_s: Annotated[int, msgspec.Meta(ge=16, le=100_000)] = 256
    """At most this much, on average."""
    opens: Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "00:00"
    """From when, by the box's own time zone…"""
    closes: Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "00:00"
    """…until when, past midnight too; both the same: at any time."""


class StatusPageSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A page for the branch office, without anybody's name or number; served to private networks only."""

    bind: str = ""
    """The box's own address in the office's network, such as 192.168.1.20; empty: no page."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8480
    """0: any that is free; the log says which."""


class LocalSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The socket through which the technician's console talks to the daemon."""

    socket: str = ""
    """Its path; empty: box.sock in the service's runtime folder, or in data_dir."""


class TechnicianSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What the technician's console may do besides."""

    factory_reset: list[str] = []
    """A program that makes the box as it came from the factory, and its arguments; empty: the menu has no such entry."""
    bundle_dir: str = ""
    """Where diagnostics bundles are written, such as a USB stick's folder; empty: data_dir."""


class Settings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The whole of `box.toml`."""

    box: BoxSection
    mqtt: MqttSection
    console: ConsoleSection
    line: list[LineSection] = []
    test_number: list[TrialNumberSection] = []
    compliance: ComplianceSection = ComplianceSection()
    audit: AuditSection = AuditSection()
    dialling: DiallingSection = DiallingSection()
    retention: RetentionSection = RetentionSection()
    commands: CommandsSection = CommandsSection()
    uplink: UplinkSection = UplinkSection()
    speech: SpeechSection = SpeechSection()
    listening: ListeningSection = ListeningSection()
    recording_upload: RecordingUploadSection = RecordingUploadSection()
    status_page: StatusPageSection = StatusPageSection()
    local: LocalSection = LocalSection()
    technician: TechnicianSection = TechnicianSection()


def load_settings(path: Path) -> Settings:
    """Return the settings in `path`, its relative paths made absolute. Raises SettingsError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; name an existing file with --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None
    try:
        settings = msgspec.convert(document, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: {_in_words(str(error))}") from None
    _check(path, settings)
    return _anchored(settings, path.resolve().parent)


def _in_words(text: str) -> str:
    """Turn msgspec's ``… - at `$.mqtt` `` into the words of a TOML file."""
    where = re.search(r" - at `\$(.*)`$", text)
    place = f"in [{where.group(1).lstrip('.')}]" if where and where.group(1) else "at the top level"
    what = text[: where.start()] if where else text
    what = what.replace("Object contains unknown field", "unknown key").replace(
        "Object missing required field", "missing key"
    )
    return f"{what} {place}"


def _check(path: Path, settings: Settings) -> None:
    try:
        ZoneInfo(settings.box.time_zone)
    except (KeyError, ValueError, OSError):
        raise SettingsError(
            f"{path}: unknown time zone {settings.box.time_zone!r} in [box]; use an IANA name such as Asia/Shanghai"
        ) from None
    if settings.status_page.bind:
        try:
            ip_address(settings.status_page.bind)
        except ValueError:
            raise SettingsError(
                f"{path}: [status_page] bind = {settings.status_page.bind!r}: write the box's own IP address, or nothing"
            ) from None
    for line in settings.line:
        if sum(way is not None for way in (line.usb_path, line.imei, line.at_port)) != 1:
            raise SettingsError(
                f"{path}: [[line]] {line.id!r} names its modem by one of usb_path, imei or at_port: "
                "see `branchline modem list`"
            )
        if line.pcm_port is not None and line.at_port is None:
            raise SettingsError(
                f"{path}: [[line]] {line.id!r}: pcm_port goes with at_port; otherwise it is found"
            )
        if line.sound_card is not None and line.pcm_port is not None:
            raise SettingsError(f"{path}: [[line]] {line.id!r} has pcm_port and sound_card: keep one")
        if line.sound_rate_hz is not None and line.sound_card is None:
            raise SettingsError(f"{path}: [[line]] {line.id!r}: sound_rate_hz goes with sound_card")
        if line.pin_file is not None and line.pin_credential is not None:
            raise SettingsError(f"{path}: [[line]] {line.id!r} has pin_file and pin_credential: keep one")
    if settings.audit.device_key and settings.audit.device_key_credential:
        raise SettingsError(f"{path}: [audit] has device_key and device_key_credential: keep one")
    for what in ("id", "at_port", "pcm_port", "sound_card", "usb_path", "imei"):
        values = [value for line in settings.line if (value := getattr(line, what)) is not None]
        for value in values:
            if values.count(value) > 1:
                shown = "" if what == "imei" else f" {value!r}"
                raise SettingsError(
                    f"{path}: two [[line]] sections have the same {what}{shown}; one line is one modem with its own sound"
                )


def _anchored(settings: Settings, folder: Path) -> Settings:
    """Paths in the file are relative to the file."""

    def at(name: str) -> str:
        return str(folder / name)

    return msgspec.structs.replace(
        settings,
        box=msgspec.structs.replace(settings.box, data_dir=at(settings.box.data_dir)),
        mqtt=msgspec.structs.replace(
            settings.mqtt,
            ca=at(settings.mqtt.ca),
            certificate=at(settings.mqtt.certificate),
            key=at(settings.mqtt.key),
        ),
        compliance=msgspec.structs.replace(
            settings.compliance,
            overlay=at(settings.compliance.overlay) if settings.compliance.overlay else "",
            approver_keys=[at(key) for key in settings.compliance.approver_keys],
        ),
        audit=msgspec.structs.replace(
            settings.audit, device_key=at(settings.audit.device_key) if settings.audit.device_key else ""
        ),
        local=msgspec.structs.replace(
            settings.local, socket=at(settings.local.socket) if settings.local.socket else ""
        ),
        console=msgspec.structs.replace(settings.console, keys=[at(key) for key in settings.console.keys]),
        line=[
            line if line.pin_file is None else msgspec.structs.replace(line, pin_file=at(line.pin_file))
            for line in settings.line
        ],
        speech=msgspec.structs.replace(
            settings.speech,
            models_dir=at(settings.speech.models_dir) if settings.speech.models_dir else None,
            recordings_dir=at(settings.speech.recordings_dir) if settings.speech.recordings_dir else None,
        ),
    )
