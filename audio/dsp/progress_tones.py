"""The call-progress tones of the world, as data (ITU-T E.180 supplement 2, in the notation of Asterisk's indications.conf).

`450/350,0/350` is 350 ms of 450 Hz and 350 ms of silence, over and over; `a+b` are two tones together, `a*b` is tone
a with its loudness changed b times a second; an element without a duration goes on and on.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

TELEPHONE_BAND_HZ = 200.0
"""Below this a telephone carries nothing: Japan's 400+15 arrives as 400 Hz that may waver."""
RESOLVED_HZ = 120.0
"""Two tones closer than this are one wavering tone to a block of 20 ms."""


class ProgressTone(StrEnum):
    """What an exchange says with a tone. In order of preference where two of them sound the same."""

    BUSY = "busy"
    CONGESTION = "congestion"
    RINGBACK = "ringback"
    INFORMATION = "information"
    DIAL = "dial"


@dataclass(frozen=True, slots=True)
class Beat:
    """One tone of a cadence and the pause behind it."""

    low_hz: float
    """The middle of a wavering tone, the lower of two that are far apart."""
    high_hz: float
    """The upper of two that are far apart, else 0."""
    is_wavering: bool
    """Two tones close together, or one with its loudness changed."""
    on_ms: int
    off_ms: int


@dataclass(frozen=True, slots=True)
class Cadence:
    """What one country means by one sound."""

    country: str
    """ISO 3166-1 alpha-2."""
    tone: ProgressTone
    beats: tuple[Beat, ...]
    """One whole cycle."""


_RING, _BUSY, _CONGESTION = ProgressTone.RINGBACK, ProgressTone.BUSY, ProgressTone.CONGESTION
_INFORMATION, _DIAL = ProgressTone.INFORMATION, ProgressTone.DIAL

_AMERICAN = {_DIAL: "350+440", _BUSY: "480+620/500,0/500", _CONGESTION: "480+620/250,0/250"}
_INDICATIONS: dict[str, dict[ProgressTone, str]] = {
    "AU": {
        _DIAL: "413+438",
        _RING: "413+438/400,0/200,413+438/400,0/2000",
        _BUSY: "425/375,0/375",
        _CONGESTION: "425/375,0/375,420/375,0/375",
        _INFORMATION: "425/2500,0/500",
    },
    "BR": {
        _DIAL: "425",
        _RING: "425/1000,0/4000",
        _BUSY: "425/250,0/250",
        _CONGESTION: "425/250,0/250,425/750,0/250",
    },
    "CA": {_RING: "440+480/2000,0/4000", **_AMERICAN},
    "CN": {
        _DIAL: "450",
        _RING: "450/1000,0/4000",
        _BUSY: "450/350,0/350",
        _CONGESTION: "450/700,0/700",
        _INFORMATION: "450/100,0/100,450/100,0/100,450/100,0/100,450/400,0/400",
    },
    "DE": {
        _DIAL: "425",
        _RING: "425/1000,0/4000",
        _BUSY: "425/480,0/480",
        _CONGESTION: "425/240,0/240",
    },
    "ES": {
        _DIAL: "425",
        _RING: "425/1500,0/3000",
        _BUSY: "425/200,0/200",
        _CONGESTION: "425/200,0/200,425/200,0/200,425/200,0/600",
    },
    "FR": {
        _DIAL: "440",
        _RING: "440/1500,0/3500",
        _BUSY: "440/500,0/500",
        _CONGESTION: "440/250,0/250",
    },
    "GB": {
        _DIAL: "350+440",
        _RING: "400+450/400,0/200,400+450/400,0/2000",
        _BUSY: "400/375,0/375",
        _CONGESTION: "400/400,0/350,400/225,0/525",
    },
    "IN": {
        _DIAL: "400*25",
        _RING: "400*25/400,0/200,400*25/400,0/2000",
        _BUSY: "400/750,0/750",
        _CONGESTION: "400/250,0/250",
    },
    "IT": {
        _DIAL: "425/200,0/200,425/600,0/1000",
        _RING: "425/1000,0/4000",
        _BUSY: "425/500,0/500",
        _CONGESTION: "425/200,0/200",
    },
    "JP": {
        _DIAL: "400",
        _RING: "400+15/1000,0/2000",
        _BUSY: "400/500,0/500",
        _CONGESTION: "400/500,0/500",
    },
    "MX": {
        _DIAL: "425",
        _RING: "425/1000,0/4000",
        _BUSY: "425/250,0/250",
        _CONGESTION: "425/250,0/250",
    },
    "MY": {
        _DIAL: "425",
        _RING: "425/400,0/200,425/400,0/2000",
        _BUSY: "425/500,0/500",
        _CONGESTION: "425/500,0/500",
    },
    "PH": {_RING: "425+480/1000,0/4000", **_AMERICAN, _DIAL: "425"},
    "RU": {
        _DIAL: "425",
        _RING: "425/1000,0/4000",
        _BUSY: "425/350,0/350",
        _CONGESTION: "425/175,0/175",
    },
    "SG": {
        _DIAL: "425",
        _RING: "425*24/400,0/200,425*24/400,0/2000",
        _BUSY: "425/750,0/750",
        _CONGESTION: "425/250,0/250",
    },
    "TH": {
        _DIAL: "400*50",
        _RING: "420/1000,0/5000",
        _BUSY: "400/500,0/500",
        _CONGESTION: "400/300,0/300",
    },
    "TW": {_RING: "440+480/1000,0/2000", **_AMERICAN},
    "US": {_RING: "440+480/2000,0/4000", **_AMERICAN},
    "ZA": {
        _DIAL: "400*33",
        _RING: "400*33/400,0/200,400*33/400,0/2000",
        _BUSY: "400/500,0/500",
        _CONGESTION: "400/250,0/250",
    },
}
COUNTRIES = tuple(_INDICATIONS)


def indications_of(country: str) -> dict[ProgressTone, str]:
    """Return what a country's tones sound like, by what they mean."""
    return dict(_INDICATIONS[country])


@lru_cache(maxsize=8)
def cadences_of(countries: tuple[str, ...] = COUNTRIES) -> tuple[Cadence, ...]:
    """Return every tone of `countries`, one tuple for all who ask. Raises ValueError for one that is not in the table."""
    unknown = set(countries) - set(COUNTRIES)
    if unknown:
        raise ValueError(f"no tones are known for {', '.join(sorted(unknown))}")
    return tuple(
        Cadence(country, tone, beats_of(text))
        for country in countries
        for tone, text in _INDICATIONS[country].items()
    )


def beats_of(indication: str) -> tuple[Beat, ...]:
    """Return the beats of a tone list such as ``450/350,0/350``; a tone without an end has durations of 0."""
    parts = [part.split("/") for part in indication.split(",")]
    if len(parts) == 1 and len(parts[0]) == 1:
        return (_beat(parts[0][0], 0, 0),)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return tuple(_beat(sound, int(on_ms), int(off_ms)) for (sound, on_ms), (_, off_ms) in pairs)


def _beat(sound: str, on_ms: int, off_ms: int) -> Beat:
    if "*" in sound:
        return Beat(float(sound.partition("*")[0]), 0.0, True, on_ms, off_ms)
    tones_hz = sorted(float(hz) for hz in sound.split("+"))
    carried_hz = [hz for hz in tones_hz if hz >= TELEPHONE_BAND_HZ]
    low_hz, high_hz = carried_hz[0], carried_hz[-1]
    if high_hz - low_hz >= RESOLVED_HZ:
        return Beat(low_hz, high_hz, False, on_ms, off_ms)
    return Beat((low_hz + high_hz) / 2, 0.0, len(tones_hz) > 1, on_ms, off_ms)
