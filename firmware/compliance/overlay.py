"""What the console lays over the packs: a pack of layer ``overlay`` that can only tighten. Refused whole otherwise.

Without a jurisdiction it lies over every call and is held against the floor; with one it lies over calls that
touch those places and is held against what governs each of them.
"""

from collections.abc import Iterator, Sequence

from firmware.compliance.errors import PackError, PolicyConflictError
from firmware.compliance.library import PackLibrary
from firmware.compliance.merge import merge, tighten
from firmware.compliance.pack import Pack, read_pack
from firmware.compliance.policy import Policy


def read_overlay(text: str, *, source: str) -> Pack:
    """Return the overlay written in `text`. Raises PackError."""
    overlay = read_pack(text, source=source)
    if overlay.pack.layer != "overlay":
        raise PackError(source, f"layer is {overlay.pack.layer!r}; an overlay says layer = 'overlay'")
    return overlay


def with_overlays(library: PackLibrary, overlays: Sequence[Pack]) -> PackLibrary:
    """Return the library under all of these overlays: each is held against the packs alone.

    Raises WideningError, PolicyConflictError and PackError as `with_overlay`, and PackError where two have one id.
    """
    packs = [pack for pack in library.packs if pack.pack.layer != "overlay"]
    for place, overlay in enumerate(overlays):
        if any(overlay.pack.id == other.pack.id for other in overlays[:place]):
            raise PackError(overlay.pack.name, "another overlay has this id, and one of them would be lost")
        with_overlay(PackLibrary(packs), overlay)
    return PackLibrary([*packs, *overlays])


def with_overlay(library: PackLibrary, overlay: Pack) -> PackLibrary:
    """Return the library under this overlay and no other.

    Raises:
        WideningError: it would allow what the packs forbid.
        PolicyConflictError: it and the packs cannot both be met.
        PackError: it names a place, zone or calendar that is not known, or is older than the one in force.

    """
    for known in library.packs:
        if known.pack.layer == "overlay" and overlay.pack.version < known.pack.version:
            raise PackError(
                overlay.pack.name, f"{known.pack.name} is in force: an overlay's version only rises"
            )
    packs = [pack for pack in library.packs if pack.pack.layer != "overlay"]
    if any(pack.pack.id == overlay.pack.id for pack in packs):
        raise PackError(
            overlay.pack.name, "a rule pack has this id: an overlay stands besides, never in its place"
        )
    bare = PackLibrary(packs)
    for base in _bases(bare, overlay):
        tighten(base, overlay)
    return PackLibrary([*packs, overlay])


def _bases(library: PackLibrary, overlay: Pack) -> Iterator[Policy]:
    if not overlay.pack.jurisdiction:
        yield merge(pack for pack in library.packs if pack.pack.layer in ("floor", "tenant"))
    for place in sorted(overlay.pack.jurisdiction):
        packs, unknown = library.governing([place])
        if unknown:
            raise PackError(overlay.pack.name, f"there is no rule pack for {place}")
        try:
            yield merge(packs)
        except PolicyConflictError:
            continue  # the robot is off there: nothing to widen
