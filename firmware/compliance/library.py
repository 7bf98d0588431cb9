"""The rule packs at hand, which of them govern a call, and which an operator has approved."""

from collections.abc import Iterable
from dataclasses import dataclass

from firmware.compliance.errors import PackError
from firmware.compliance.holiday_calendar import UnknownCalendarError, check_calendar
from firmware.compliance.opening_hours import UnknownZoneError, zone_named
from firmware.compliance.pack import Pack, read_pack
from firmware.compliance.packs import pack_texts, seal_of, seals


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One operator's word that one version of one pack may be relied on here."""

    pack: str
    version: int
    by: str
    """The operator's name; an approval by nobody counts for nothing."""
    digest: str = ""
    """`Pack.digest()` of what was read; empty: whatever content that version has."""


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
        self._everywhere = tuple(
            pack
            for pack in self.packs
            if pack.pack.layer in ("floor", "tenant")
            or (pack.pack.layer == "overlay" and not pack.pack.jurisdiction)
        )
        self._prefixes = [
            (pack, tuple(pack.pack.number_prefixes)) for pack in self.packs if pack.pack.number_prefixes
        ]
        if not any(pack.pack.layer == "floor" for pack in self._everywhere):
            raise PackError("library", "there is no floor pack: reinstall the firmware")

    def governing(self, places: Iterable[str], number: str = "") -> tuple[tuple[Pack, ...], tuple[str, ...]]:
        """Return the packs for a call that touches `places` (ISO 3166-1 or -2), and places without any rules.

        A subdivision is governed by its country's packs, its own and its city's, where there are such; a pack of
        layer ``sub`` alone does not make a place known. `number` adds the packs that its first digits belong to.
        """
        of_number = [pack for pack, prefixes in self._prefixes if number.startswith(prefixes)]
        found = {pack.pack.id: pack for pack in (*self._everywhere, *of_number)}
        unknown = []
        for place in sorted(set(places)):
            parts = place.split("-")
            within = {"-".join(parts[:n]) for n in range(1, len(parts) + 1)}
            of_place = [pack for pack in self.packs if within & pack.pack.jurisdiction]
            # A country none of whose packs governs all of it is known where a number is of a part that has one.
            by_number = [
                pack
                for pack in of_number
                if any(known.startswith(f"{place}-") for known in pack.pack.jurisdiction)
            ]
            if not any(pack.pack.layer == "jurisdiction" for pack in (*of_place, *by_number)):
                unknown.append(place)
            found |= {pack.pack.id: pack for pack in of_place}
        return tuple(found[name] for name in sorted(found)), tuple(unknown)


def _check_names(pack: Pack) -> None:
    try:
        for zone in pack.time.zones:
            zone_named(zone)
        for calendar in pack.time.holiday_calendars:
            check_calendar(calendar)
    except (UnknownZoneError, UnknownCalendarError) as error:
        raise PackError(pack.pack.name, f"there is no time zone or holiday calendar {error}") from None


def load_packs() -> PackLibrary:
    """Return the packs that ship with this firmware. Raises PackError, also when a file is not as it was released."""
    released = seals()
    texts = pack_texts()
    for name in sorted(released.keys() | texts.keys()):
        if name not in texts:
            raise PackError(name, "the file is missing: reinstall the firmware")
        if released.get(name) != seal_of(texts[name]):
            raise PackError(name, "the file is not the one that was released: reinstall the firmware")
    return PackLibrary(read_pack(text, source=name) for name, text in texts.items())
