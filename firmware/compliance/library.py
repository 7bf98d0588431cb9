"""The rule packs at hand, which of them govern a call, and which an operator has approved."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources

from firmware.compliance.errors import PackError
from firmware.compliance.holiday_calendar import HolidayCalendars, UnknownCalendarError
from firmware.compliance.opening_hours import UnknownZoneError, zone_named
from firmware.compliance.pack import Pack, read_pack


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One operator's word that one version of one pack may be relied on here."""

    pack: str
    version: int
    by: str
    """The operator's name; an approval by nobody counts for nothing."""


class PackLibrary:
    """Packs by id, the highest version of each; an older version is never fallen back to."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        newest: dict[str, Pack] = {}
        for pack in packs:
            known = newest.setdefault(pack.pack.id, pack)
            if known.pack.version == pack.pack.version and known != pack:
                raise PackError(pack.pack.name, "two different packs carry this id and version")
            if pack.pack.version > known.pack.version:
                newest[pack.pack.id] = pack
        self.packs = tuple(newest[name] for name in sorted(newest))
        for pack in self.packs:
            _check_names(pack)
        self._everywhere = tuple(pack for pack in self.packs if pack.pack.layer in ("floor", "tenant"))
        if not any(pack.pack.layer == "floor" for pack in self._everywhere):
            raise PackError("library", "there is no floor pack: reinstall the firmware")

    def governing(self, places: Iterable[str]) -> tuple[tuple[Pack, ...], tuple[str, ...]]:
        """Return the packs for a call that touches `places` (ISO 3166-1 or -2), and places without any rules.

        A subdivision is governed by its country's packs and, where there are any, by its own.
        """
        found = {pack.pack.id: pack for pack in self._everywhere}
        unknown = []
        for place in sorted(set(places)):
            country = place.partition("-")[0]
            of_country = [pack for pack in self.packs if country in pack.pack.jurisdiction]
            if not of_country:
                unknown.append(place)
            of_place = [pack for pack in self.packs if place in pack.pack.jurisdiction]
            found |= {pack.pack.id: pack for pack in (*of_country, *of_place)}
        return tuple(found[name] for name in sorted(found)), tuple(unknown)


def _check_names(pack: Pack) -> None:
    calendars = HolidayCalendars()
    try:
        for zone in pack.time.zones:
            zone_named(zone)
        for calendar in pack.time.holiday_calendars:
            calendars.why_closed(calendar, pack.pack.effective_from)
    except (UnknownZoneError, UnknownCalendarError) as error:
        raise PackError(pack.pack.name, f"there is no time zone or holiday calendar {error}") from None


def load_packs() -> PackLibrary:
    """Return the packs that ship with this firmware. Raises PackError."""
    folder = resources.files("firmware.compliance.packs")
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name
    )
    return PackLibrary(read_pack(file.read_text(encoding="utf-8"), source=file.name) for file in files)
