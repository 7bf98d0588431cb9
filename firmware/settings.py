"""What `box.toml` says, typed. Unknown keys are errors: a misspelt limit must never be a missing limit."""

import re
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec

from firmware.settings_sections import (
    AgentSection,
    AuditSection,
    BoxSection,
    CommandsSection,
    ComplianceSection,
    ConsoleSection,
    DiallingSection,
    HandoverSection,
    InboundSection,
    LineSection,
    ListeningSection,
    LocalSection,
    MqttSection,
    RecordingUploadSection,
    RetentionSection,
    SpeechSection,
    StatusPageSection,
    TechnicianSection,
    TrialNumberSection,
    TrunkSection,
    UpdateSection,
    UplinkSection,
    trunk_line_ids,
)
from firmware.values import is_emergency_address


class SettingsError(ValueError):
    """The file cannot be used; the text says what and where."""


class Settings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The whole of `box.toml`."""

    box: BoxSection
    mqtt: MqttSection
    console: ConsoleSection
    line: list[LineSection] = []
    trunk: list[TrunkSection] = []
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
    agent: list[AgentSection] = []
    handover: HandoverSection = HandoverSection()
    inbound: InboundSection = InboundSection()
    technician: TechnicianSection = TechnicianSection()
    update: UpdateSection = UpdateSection()


def load_settings(path: Path) -> Settings:
    """Return the settings in `path`, its relative paths made absolute. Raises SettingsError."""
    return _settings_of(_document(path), path)


def load_known_settings(path: Path) -> tuple[Settings, list[str]]:
    """Return the settings without the keys that this release does not know, and those keys. Raises SettingsError.

    For what must go on also when a newer release's settings lie there: the daemon itself goes by `load_settings`.
    """
    unknown: list[str] = []
    return _settings_of(_known_part(_document(path), Settings, "", unknown), path), unknown


def _known_part(body: dict[str, Any], struct: type, at: str, unknown: list[str]) -> dict[str, Any]:
    kinds = {field.encode_name: field.type for field in msgspec.structs.fields(struct)}
    found = {}
    for key, value in body.items():
        if key not in kinds:
            unknown.append(f"{at}{key}")
            continue
        section = next(
            (kind for kind in (kinds[key], *get_args(kinds[key])) if _is_section(kind)),
            None,
        )
        if section is None:
            found[key] = value
        elif isinstance(value, list):
            found[key] = [
                _known_part(each, section, f"{at}{key}.", unknown) if isinstance(each, dict) else each
                for each in value
            ]
        else:
            found[key] = (
                _known_part(value, section, f"{at}{key}.", unknown) if isinstance(value, dict) else value
            )
    return found


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; name an existing file with --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None


def _settings_of(document: dict[str, Any], path: Path) -> Settings:
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
    if bool(settings.mqtt.key) == (settings.mqtt.key_credential is not None):
        raise SettingsError(f"{path}: [mqtt] names its private key by one of key and key_credential")
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
    _check_agents(path, settings)
    _check_inbound(path, settings)
    _check_trunks(path, settings)
    if settings.audit.device_key and settings.audit.device_key_credential:
        raise SettingsError(f"{path}: [audit] has device_key and device_key_credential: keep one")
    if bool(settings.recording_upload.certificate) != bool(settings.recording_upload.key):
        raise SettingsError(f"{path}: [recording_upload] certificate and key go together: name both or none")
    for what in ("id", "at_port", "pcm_port", "sound_card", "usb_path", "imei"):
        values = [value for line in settings.line if (value := getattr(line, what)) is not None]
        for value in values:
            if values.count(value) > 1:
                shown = "" if what == "imei" else f" {value!r}"
                raise SettingsError(
                    f"{path}: two [[line]] sections have the same {what}{shown}; one line is one modem with its own sound"
                )


def _check_agents(path: Path, settings: Settings) -> None:
    trunks = {trunk.id: set(trunk_line_ids(trunk)) for trunk in settings.trunk}
    lines = {line.id for line in settings.line}.union(*trunks.values())
    own = {line.number for line in settings.line if line.number is not None}
    own.update(*(trunk.numbers for trunk in settings.trunk))
    for agent in settings.agent:
        if sum(other.id == agent.id for other in settings.agent) > 1:
            raise SettingsError(f"{path}: two [[agent]] sections have the id {agent.id!r}: keep one")
        if agent.number in own:
            raise SettingsError(f"{path}: [[agent]] {agent.id!r} has the number of one of our own lines")
        if unknown := sorted(set(agent.lines) - lines):
            raise SettingsError(
                f"{path}: [[agent]] {agent.id!r} names the line {unknown[0]!r}, and no [[line]] or [[trunk]] has that line"
            )
        _check_agent_address(f"{path}: [[agent]] {agent.id!r}", agent, trunks)
        for span in agent.hours:
            if span.opens >= span.closes:
                raise SettingsError(
                    f"{path}: [[agent]] {agent.id!r}: hours open at {span.opens} and close at {span.closes}; "
                    "over midnight takes two spans"
                )


def _check_agent_address(where: str, agent: AgentSection, trunks: dict[str, set[str]]) -> None:
    if (agent.number is None) == (agent.sip is None):
        raise SettingsError(f"{where}: name either number or sip, for how they are to be called")
    if agent.trunk is not None and agent.trunk not in trunks:
        raise SettingsError(f"{where} names the trunk {agent.trunk!r}, and no [[trunk]] has that id")
    if agent.trunk is not None and (strange := sorted(set(agent.lines) - trunks[agent.trunk])):
        raise SettingsError(f"{where}: line {strange[0]!r} is not one of trunk {agent.trunk!r}")
    if agent.trunk is None and (agent.sip is not None or agent.transfer == "refer"):
        raise SettingsError(f'{where}: sip and transfer = "refer" need the trunk that they go by: trunk = ID')
    if agent.sip is not None and is_emergency_address(agent.sip):
        raise SettingsError(f"{where}: an emergency number is no agent: nobody is put through there")


def _check_inbound(path: Path, settings: Settings) -> None:
    inbound = settings.inbound
    if inbound.enabled and not inbound.flow:
        raise SettingsError(f'{path}: [inbound] is enabled and names no flow: add flow = "inbound.yaml"')
    lines = {line.id for line in settings.line}.union(*map(trunk_line_ids, settings.trunk))
    if unknown := sorted(set(inbound.lines) - lines):
        raise SettingsError(
            f"{path}: [inbound] names the line {unknown[0]!r}, and no [[line]] or [[trunk]] has that line"
        )
    for span in inbound.hours:
        if span.opens >= span.closes:
            raise SettingsError(
                f"{path}: [inbound]: hours open at {span.opens} and close at {span.closes}; "
                "over midnight takes two spans"
            )


def _check_trunks(path: Path, settings: Settings) -> None:
    line_ids = [line.id for line in settings.line]
    for trunk in settings.trunk:
        where = f"{path}: [[trunk]] {trunk.id!r}"
        if trunk.password_file is not None and trunk.password_credential is not None:
            raise SettingsError(f"{where} has password_file and password_credential: keep one")
        if trunk.register and trunk.password_file is None and trunk.password_credential is None:
            raise SettingsError(
                f"{where} registers and has no password: name its file with password_file, or set register = false"
            )
        if trunk.srtp and trunk.transport != "tls":
            raise SettingsError(f'{where}: srtp = true sends its keys in SIP: set transport = "tls"')
        if (trunk.transport == "tls") != (trunk.ca is not None):
            raise SettingsError(f'{where}: transport = "tls" and ca go together: ca proves the server')
        for peer in trunk.peers:
            try:
                ip_address(peer)
            except ValueError:
                raise SettingsError(
                    f"{where}: peers: {peer!r} is no IP address: name no hosts there"
                ) from None
        line_ids += trunk_line_ids(trunk)
    for line_id in line_ids:
        if line_ids.count(line_id) > 1 and any(
            line_id.startswith(f"{trunk.id}-") for trunk in settings.trunk
        ):
            raise SettingsError(f"{path}: two lines are called {line_id!r}: give the [[trunk]] another id")


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
            key=at(settings.mqtt.key) if settings.mqtt.key else "",
        ),
        compliance=msgspec.structs.replace(
            settings.compliance,
            overlay=at(settings.compliance.overlay) if settings.compliance.overlay else "",
            approver_keys=[at(key) for key in settings.compliance.approver_keys],
        ),
        recording_upload=msgspec.structs.replace(
            settings.recording_upload,
            **{
                name: at(path)
                for name in ("ca", "certificate", "key")
                if (path := getattr(settings.recording_upload, name))
            },
        ),
        audit=msgspec.structs.replace(
            settings.audit, device_key=at(settings.audit.device_key) if settings.audit.device_key else ""
        ),
        local=msgspec.structs.replace(
            settings.local, socket=at(settings.local.socket) if settings.local.socket else ""
        ),
        inbound=msgspec.structs.replace(
            settings.inbound, flow=at(settings.inbound.flow) if settings.inbound.flow else ""
        ),
        console=msgspec.structs.replace(settings.console, keys=[at(key) for key in settings.console.keys]),
        line=[
            line if line.pin_file is None else msgspec.structs.replace(line, pin_file=at(line.pin_file))
            for line in settings.line
        ],
        trunk=[
            msgspec.structs.replace(
                trunk,
                password_file=at(trunk.password_file) if trunk.password_file else None,
                ca=at(trunk.ca) if trunk.ca else None,
            )
            for trunk in settings.trunk
        ],
        speech=msgspec.structs.replace(
            settings.speech,
            models_dir=at(settings.speech.models_dir) if settings.speech.models_dir else None,
            recordings_dir=at(settings.speech.recordings_dir) if settings.speech.recordings_dir else None,
        ),
    )
