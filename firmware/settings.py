"""What `box.toml` says, typed. Unknown keys are errors: a misspelt limit must never be a missing limit."""

import re
import tomllib
from pathlib import Path
from typing import Annotated
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
    """One modem: its AT port, and its PCM port where call audio is a tty."""

    id: Name
    at_port: str
    pcm_port: str
    number: str | None = None
    """The line's own number in E.164, where the SIM does not tell it."""


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
    overlay: str = ""
    """A file of tighter rules, TOML of layer ``overlay``; one that would widen anything is refused whole."""


class DiallingSection(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Bounds of one call."""

    max_call_s: Annotated[int, msgspec.Meta(ge=30, le=900)] = 240


class Settings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The whole of `box.toml`."""

    box: BoxSection
    mqtt: MqttSection
    console: ConsoleSection
    line: list[LineSection] = []
    compliance: ComplianceSection = ComplianceSection()
    dialling: DiallingSection = DiallingSection()


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
    for what in ("id", "at_port", "pcm_port"):
        values = [getattr(line, what) for line in settings.line]
        for value in values:
            if values.count(value) > 1:
                raise SettingsError(
                    f"{path}: two [[line]] sections have the same {what} {value!r}; one line is one modem"
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
        ),
        console=msgspec.structs.replace(settings.console, keys=[at(key) for key in settings.console.keys]),
    )
