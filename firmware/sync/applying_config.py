"""What a configuration of the console does to the database: taken for a trial whole, or refused whole."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime

import msgspec

from firmware.store import configurations
from firmware.store.configurations import ConfigState, StoredConfig
from firmware.store.connection import Connection
from firmware.sync.answers import Answer, refused
from firmware.sync.messages_config import BoxConfig, ConfigSettings

ON_TRIAL, IN_FORCE, ROLLED_BACK = "on_trial", "in_force", "rolled_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigBounds:
    """What the box's own settings say, which no console may loosen."""

    lines: Set[str]
    max_call_s: int


NOTHING_CONFIGURABLE = ConfigBounds(lines=frozenset(), max_call_s=30)


def config_problem(settings: ConfigSettings, bounds: ConfigBounds) -> tuple[str, str] | None:
    """Return (reason, JSON path and what to do) of settings that this box cannot have, None if it can. Pure."""
    seen: set[str] = set()
    for place, line in enumerate(settings.lines):
        path = f"$.settings.lines[{place}].line"
        if line.line not in bounds.lines:
            return "unknown_line", f"{path}: this box has no such line, but {_names(bounds.lines)}"
        if line.line in seen:
            return "duplicate_line", f"{path}: this line is named twice"
        seen.add(line.line)
    for place, span in enumerate(settings.hours or ()):
        if span.opens >= span.closes:
            return (
                "empty_hours",
                f"$.settings.hours[{place}].closes: must be later than opens; a night is two spans",
            )
    if settings.max_call_s is not None and settings.max_call_s > bounds.max_call_s:
        return (
            "looser",
            f"$.settings.max_call_s: this box's own settings allow {bounds.max_call_s} s: only less can be asked for",
        )
    day, month = settings.uplink.bytes_per_day, settings.uplink.bytes_per_month
    if day is not None and month is not None and day > month:
        return "looser", "$.settings.uplink.bytes_per_day: is more than bytes_per_month"
    return None


def apply_config(con: Connection, message: BoxConfig, bounds: ConfigBounds, *, now: datetime) -> Answer:
    """Begin the trial of a configuration; an equal one changes nothing, an older one is refused."""
    newest = configurations.newest(con)
    settings = msgspec.json.encode(message.settings)
    if newest is not None and message.version <= newest.version:
        return _not_newer(message, newest)
    if (problem := config_problem(message.settings, bounds)) is not None:
        return refused(*problem)
    in_force = configurations.in_force(con)
    is_tried = configurations.on_trial(con) is not None
    if not is_tried and message.settings == settings_of(in_force):
        configurations.renew(con, message.version, settings, message=message.id, at=now)
        return Answer(accepted=True, reason=IN_FORCE, detail="equal to the one in force: nothing changes")
    configurations.begin_trial(
        con,
        message.version,
        settings,
        message=message.id,
        confirm_within_s=message.confirm_within_s,
        at=now,
    )
    return Answer(
        accepted=True,
        reason=ON_TRIAL,
        detail=f"kept if a receipt comes within {message.confirm_within_s} s, else undone",
    )


def settings_of(stored: StoredConfig | None) -> ConfigSettings:
    """Return what a stored configuration says; None stands for a box that was never configured.

    Raises msgspec.ValidationError for what another version of this program wrote.
    """
    return ConfigSettings() if stored is None else msgspec.json.decode(stored.settings, type=ConfigSettings)


def _not_newer(message: BoxConfig, newest: StoredConfig) -> Answer:
    if message.version == newest.version and message.settings == settings_of(newest):
        match newest.state:
            case ConfigState.ON_TRIAL | ConfigState.IN_FORCE:
                return Answer(accepted=True, reason=newest.state.value, detail="this version is here already")
            case ConfigState.ROLLED_BACK | ConfigState.REPLACED:
                return refused(
                    newest.state.value,
                    f"$.version: this version was tried: {newest.reason}; send a newer one",
                )
    return refused("old_version", f"$.version: this box has had version {newest.version}: send a newer one")


def _names(lines: Set[str]) -> str:
    return ", ".join(sorted(lines)) or "none at all"
