"""The sections of `box.toml`, typed, one class each. Unknown keys are errors in all of them."""

from typing import Annotated, Literal

import msgspec

from firmware.values import EXTENSION, SIP_ADDRESS

Name = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


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
    key: str = ""
    key_credential: Name | None = None
    """Instead of key: a credential of the systemd service (LoadCredentialEncrypted=)."""


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


E164Text = Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{6,14}$")]
SipUser = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9+._~!$&*=-]{1,64}$")]
HostPort = Annotated[
    str, msgspec.Meta(pattern=r"^([A-Za-z0-9]([A-Za-z0-9.-]{0,252})?|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?$")
]


class TrunkSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One account at a SIP server: so many lines as calls may be up at once, named ID-1, ID-2, …"""

    id: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$")]
    server: HostPort
    """Its domain, or host:port."""
    user: SipUser
    lines: Annotated[int, msgspec.Meta(ge=1, le=32)] = 1
    engine: Literal["auto", "baresip", "pjsua2"] = "auto"
    transport: Literal["udp", "tcp", "tls"] = "udp"
    proxy: HostPort | None = None
    """Through which everything goes, where that is not the server itself."""
    auth_user: SipUser | None = None
    """Where the server knows the password by another name than the user."""
    password_file: str | None = None
    """The password, alone in a file that others cannot read."""
    password_credential: Name | None = None
    """The same as a credential of the systemd service (LoadCredential=)."""
    register: bool = True
    """False: the server knows this box by its address."""
    register_s: Annotated[int, msgspec.Meta(ge=30, le=86_400)] = 600
    keep_alive_s: Annotated[int, msgspec.Meta(ge=0, le=300)] = 30
    """How often something goes to the server over UDP, so that no NAT on the way forgets us; 0 for never."""
    codecs: Annotated[
        tuple[Literal["pcma", "pcmu", "g722", "opus"], ...], msgspec.Meta(min_length=1, max_length=4)
    ] = ("pcma", "pcmu")
    """What is offered, the preferred first; opus with engine baresip alone."""
    srtp: bool = False
    """True: the sound is encrypted, or there is no call; wants transport = "tls", which carries the keys."""
    ca: str | None = None
    """Of transport = "tls": the PEM file of who vouches for the server."""
    peers: list[Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f.:]{2,45}$")]] = []
    """Addresses from which the trunk's calls come in, besides those of its server: as the provider names them."""
    interface: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.:_-]{1,45}$")] | None = None
    """A local address or interface to speak from; left out, as the route says."""
    numbers: list[E164Text] = []
    """The trunk's own numbers: line k shows callees the k-th, and none ever shows another."""
    number_format: Literal["plus", "00", "digits"] = "plus"
    """How the server wants numbers: +8613…, 008613… or 8613…"""


def trunk_line_ids(trunk: TrunkSection) -> list[str]:
    """Return what the lines of a trunk are called."""
    return [f"{trunk.id}-{number + 1}" for number in range(trunk.lines)]


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


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class HoursSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """From `opens` until just before `closes`, by the box's own time zone, on these days."""

    days: Annotated[list[Day], msgspec.Meta(min_length=1)]
    opens: Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    closes: Annotated[str, msgspec.Meta(pattern="^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]


class AgentSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One of the office's own people, who may be rung for a callee who wants a person. Nobody else ever is."""

    id: Name
    """What messages and logs call them: no name of a person."""
    number: Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{6,14}$")] | None = None
    sip: Annotated[str, msgspec.Meta(pattern=f"^({EXTENSION}|{SIP_ADDRESS})$")] | None = None
    """Instead of a number: an extension of the trunk's server, or a SIP address that the trunk reaches."""
    trunk: Name | None = None
    """The [[trunk]] whose lines ring them; left out, any line rings a number."""
    transfer: Literal["bridge", "refer"] = "bridge"
    """refer: the trunk's server puts the callee's own call through, where that came over the trunk."""
    languages: Annotated[
        list[Annotated[str, msgspec.Meta(pattern="^[a-z]{2}(-[A-Z]{2})?$")]], msgspec.Meta(min_length=1)
    ]
    """What they speak; the box speaks the first one to them."""
    hours: list[HoursSection] = []
    """When they are there; none: always."""
    order: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Smaller is called first; of the same, who comes first in the file."""
    lines: list[Name] = []
    """The lines that may reach them; none: all."""


class InboundSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Whether and how this box answers who calls in. Left out, it lets them ring."""

    enabled: bool = False
    flow: str = ""
    """The conversation, a YAML file; `branchline flow check --inbound` says whether it may answer."""
    language: Annotated[str, msgspec.Meta(pattern="^[a-z]{2}(-[A-Z]{2})?$")] = "zh-CN"
    """In which the box begins, unless it knows the number from calls in another."""
    vars: dict[str, dict[str, str]] = {}
    """What the conversation says of the office, by language: [inbound.vars.zh-CN] creditor = "…"."""
    max_per_number: Annotated[int, msgspec.Meta(ge=1, le=60)] = 3
    """Calls from one number that are answered within an hour; all withheld numbers count as one."""
    max_per_hour: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 30
    """The same for all numbers together."""
    hours: list[HoursSection] = []
    """When calls are answered, by the box's time zone; none: always."""
    lines: list[Name] = []
    """The lines that answer; none: all on which calls can come in."""


class HandoverSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The bounds of handing a call over to an agent."""

    ring_s: Annotated[int, msgspec.Meta(ge=5, le=60)] = 20
    accept_s: Annotated[int, msgspec.Meta(ge=5, le=60)] = 15
    """How long whoever answered may take to press 1."""
    search_s: Annotated[int, msgspec.Meta(ge=10, le=120)] = 60
    """How long a callee waits, for all agents together."""
    max_talk_s: Annotated[int, msgspec.Meta(ge=60, le=7200)] = 1800
    accept: Literal["key", "key_or_speech"] = "key"
    """key_or_speech: a short word of a person takes the call too; an answering machine is the likelier to pass."""
    record: bool = True
    """A recording that is running goes on while they talk."""


class RecordingUploadSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How recordings that the console asks for go up: beside them calls and outcomes need the same link."""

    kbit_s: Annotated[int, msgspec.Meta(ge=16, le=100_000)] = 256
    """At most this much, on average."""
    opens: Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "00:00"
    """From when, by the box's own time zone…"""
    closes: Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "00:00"
    """…until when, past midnight too; both the same: at any time."""
    url: Annotated[str, msgspec.Meta(pattern=r"^(https://[A-Za-z0-9.\[\]:_-]+(/[A-Za-z0-9/._~-]*)?)?$")] = ""
    """Where recordings are put without being asked for, ``https://…``; empty: the console asks for each over MQTT."""
    ca: str = ""
    """The PEM file of who vouches for that address; empty: the authority of [mqtt]."""
    certificate: str = ""
    """By which the box proves itself there, with key; empty: the certificate of [mqtt], as issued or renewed."""
    key: str = ""


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


class UpdateSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where releases come from, and when one may take the other's place."""

    repository: Annotated[str, msgspec.Meta(pattern=r"^(https?://[^\s]{1,500})?$")] = ""
    """What `branchline-console release publish` made, as a web server shows it; empty: no updates over the network."""
    opens: Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "00:00"
    """From when, by the box's own time zone…"""
    closes: Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "00:00"
    """…until when, past midnight too; both the same: at any time."""
    trial_minutes: Annotated[int, msgspec.Meta(ge=1, le=120)] = 15
    """In which a started release must serve, pass its self-check and reach the console."""
