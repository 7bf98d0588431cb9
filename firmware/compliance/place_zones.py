"""Which time zones a place or a number's prefix may lie in, where the numbering library knows only one. Data."""

from functools import lru_cache
from importlib import resources

EASTERN, CENTRAL, MOUNTAIN, PACIFIC = (
    f"America/{city}" for city in ("New_York", "Chicago", "Denver", "Los_Angeles")
)
_US = {
    EASTERN: "CT DC DE GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV",
    CENTRAL: "AL AR IA IL LA MN MO MS OK WI",
    MOUNTAIN: "CO MT NM UT WY",
    PACIFIC: "CA WA",
}
_MX = {
    "America/Mexico_City": "AGU CAM CHP CMX COA COL DUR GRO GUA HID JAL MEX MIC MOR NLE OAX PUE QUE SLP TAB TAM TLA VER YUC ZAC",
    "America/Tijuana": "BCN",
    "America/Mazatlan": "BCS SIN",
    "America/Hermosillo": "SON",
    "America/Cancun": "ROO",
}
_BR = {
    "America/Sao_Paulo": "DF ES GO MG PR RJ RS SC SP",
    "America/Fortaleza": "CE MA PB PI RN",
    "America/Bahia": "BA",
    "America/Maceio": "AL SE",
    "America/Recife": "PE",
    "America/Belem": "AP PA TO",
    "America/Manaus": "RR",
    "America/Porto_Velho": "RO",
    "America/Cuiaba": "MT",
    "America/Campo_Grande": "MS",
    "America/Rio_Branco": "AC",
}


def _spread(country: str, by_zone: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return {f"{country}-{code}": (zone,) for zone, codes in by_zone.items() for code in codes.split()}


OF_REGION: dict[str, tuple[str, ...]] = {
    **_spread("US", _US),
    **_spread("MX", _MX),
    **_spread("BR", _BR),
    "US-AK": ("America/Anchorage", "America/Adak"),
    "US-AZ": ("America/Phoenix", MOUNTAIN),
    "US-FL": (EASTERN, CENTRAL),
    "US-HI": ("Pacific/Honolulu",),
    "US-ID": ("America/Boise", PACIFIC),
    "US-IN": (EASTERN, CENTRAL),
    "US-KS": (CENTRAL, MOUNTAIN),
    "US-KY": (EASTERN, CENTRAL),
    "US-MI": (EASTERN, CENTRAL),
    "US-ND": (CENTRAL, MOUNTAIN),
    "US-NE": (CENTRAL, MOUNTAIN),
    "US-NV": (PACIFIC, MOUNTAIN),
    "US-OR": (PACIFIC, MOUNTAIN),
    "US-SD": (CENTRAL, MOUNTAIN),
    "US-TN": (EASTERN, CENTRAL),
    "US-TX": (CENTRAL, MOUNTAIN),
    "MX-CHH": ("America/Chihuahua", "America/Ciudad_Juarez"),
    "MX-NAY": ("America/Mazatlan", "America/Mexico_City"),
    "BR-AM": ("America/Manaus", "America/Eirunepe"),
    "BR-FN": ("America/Noronha",),
    "CA-ON": ("America/Toronto",),
    "ES-CN": ("Atlantic/Canary",),
    "ES-GC": ("Atlantic/Canary",),
    "ES-TF": ("Atlantic/Canary",),
}
OF_COUNTRY: dict[str, tuple[str, ...]] = {
    # Where the zone table names places that keep no legal time of their own.
    "CN": ("Asia/Shanghai",),
    "DE": ("Europe/Berlin",),
}
MAINLAND: dict[str, tuple[str, ...]] = {"ES": ("Europe/Madrid",)}
"""For every subdivision that is not listed above."""
OF_PREFIX: dict[str, tuple[str, ...]] = {
    # Area codes that a zone boundary crosses; the numbering library gives most of them one zone.
    **dict.fromkeys(("+1270", "+1364", "+1423", "+1931", "+1812", "+1930", "+1219", "+1574"), (EASTERN, CENTRAL)),
    **dict.fromkeys(("+1906", "+1850", "+1448"), (EASTERN, CENTRAL)),
    **dict.fromkeys(("+1701", "+1605", "+1308", "+1785", "+1620"), (CENTRAL, MOUNTAIN)),
    **dict.fromkeys(("+1915", "+1432"), (CENTRAL, MOUNTAIN)),
    **dict.fromkeys(("+1208", "+1986"), ("America/Boise", PACIFIC)),
    **dict.fromkeys(("+1541", "+1458", "+1775"), (PACIFIC, "America/Boise")),
    "+1928": ("America/Phoenix", MOUNTAIN),
    "+1907": ("America/Anchorage", "America/Adak"),
    "+1807": ("America/Toronto", "America/Winnipeg"),
    "+5597": ("America/Manaus", "America/Eirunepe"),
    "+52311": ("America/Mazatlan", "America/Mexico_City"),
    "+52322": ("America/Mazatlan", "America/Mexico_City"),
    "+52656": ("America/Ciudad_Juarez",),
}  # fmt: skip


def zones_of_region(region: str) -> frozenset[str]:
    """Return every zone plausible at an ISO 3166 place; empty when the country is not known at all."""
    country, _, part = region.partition("-")
    for known in (region, "-".join(region.split("-")[:2])):
        if known in OF_REGION:
            return frozenset(OF_REGION[known])
    if part and country in MAINLAND:
        return frozenset(MAINLAND[country])
    return frozenset(OF_COUNTRY.get(country, ())) or _zone_table().get(country, frozenset())


def zones_of_prefix(number: str) -> frozenset[str]:
    """Return the zones that the number's area code spans, empty where nothing is known besides the library."""
    return frozenset(
        zone for prefix, zones in OF_PREFIX.items() if number.startswith(prefix) for zone in zones
    )


@lru_cache(maxsize=1)
def _zone_table() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    text = (resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found.setdefault(country, set()).add(zone)
    return {country: frozenset(zones) for country, zones in found.items()}
