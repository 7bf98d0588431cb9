"""A rule pack: one TOML file of rules with citations, typed; an unknown key is refused by name."""

import hashlib
import tomllib
from datetime import date, time
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from firmware.compliance.canonical import canonical_json
from firmware.compliance.errors import PackError

SCHEMA = 1
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60

Id = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Jurisdiction = Annotated[str, Meta(pattern="^[A-Z]{2}(-[A-Z0-9]{1,3}){0,2}$")]
"""ISO 3166-1 alpha-2 or ISO 3166-2, a city with rules of its own behind it: ``US``, ``US-NY``, ``US-NY-NYC``."""
NumberPrefix = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{1,14}$")]
TimeOfDay = Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Words: TypeAlias = frozenset[Id]
Seconds = Annotated[int, Meta(ge=0, le=366 * 86400)]
DayCount = Annotated[int, Meta(ge=0, le=36525)]

# From the loosest word to the strictest: a merge takes the later.
Automation = Literal["robot_ok", "robot_after_live_transfer", "live_only", "forbidden"]
Count = Literal["attempt", "connected", "conversation", "any_channel_contact", "any_channel_attempt"]
Per = Literal["person", "person_debt", "number", "number_origin"]
CooldownAfter = Literal[
    "conversation", "refusal", "wrong_number", "promise_to_pay", "complaint", "abandoned", "notice"
]
Moment = Literal["any_content", "debt_mention", "recording", "hangup", "voicemail"]
Notice = Literal["none", "before_recording", "explicit_yes"]
IfRefused = Literal["continue_unrecorded", "live_transfer", "end_call"]
OptOutScope = Literal["debt", "person_all_debts", "person_all_tenants"]
Voicemail = Literal["limited_content", "hang_up"]
NumberClass = Literal["geographic", "mobile", "voip", "in_1600", "fr_polyvalent"]


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of a pack."""


class Head(Part, frozen=True, kw_only=True):
    """Which rules these are, where they govern, and until when they may be relied on."""

    id: Id
    version: Annotated[int, Meta(ge=1)]
    """Only ever rises; the highest version at hand is the only one that counts."""
    title: str
    layer: Literal["floor", "jurisdiction", "sub", "tenant", "overlay"]
    """An overlay is the console's: it may only tighten, and needs no approval here."""
    jurisdiction: frozenset[Jurisdiction] = frozenset()
    number_prefixes: frozenset[NumberPrefix] = frozenset()
    """Numbers that belong to the jurisdiction whatever address is on file, e.g. ``+1617``."""
    status: Literal["draft", "published", "withdrawn"]
    """Only a published pack dials, and only after an operator approved it by name."""
    effective_from: date
    effective_to: date | None = None
    review_by: date
    """After this date (callee-local) no new calls: somebody must look at the law again."""

    def __post_init__(self) -> None:
        governs_places = self.layer in ("jurisdiction", "sub")
        if self.layer != "overlay" and governs_places != bool(self.jurisdiction):
            raise ValueError(
                f"a pack of layer {self.layer!r} {'needs a' if governs_places else 'has no'} jurisdiction"
            )
        if self.number_prefixes and not self.jurisdiction:
            raise ValueError("number_prefixes without a jurisdiction belong nowhere")
        if self.review_by < self.effective_from:
            raise ValueError("review_by lies before effective_from")

    @property
    def name(self) -> str:
        """Return ``id@version``."""
        return f"{self.id}@{self.version}"


class GateRules(Part, frozen=True, kw_only=True):
    """What refuses a call whatever the hour."""

    automation: Automation = "robot_ok"
    consent_any_of: tuple[Words, ...] = ()
    """Alternatives; each is a set of consents that are all needed. Empty: none needed."""
    notices_required: Words = frozenset()
    """What must have been sent before a robot calls; named among the contact's consents once it has been."""
    licences_required: Words = frozenset()
    """Shown to whoever approves the pack: the approval says that they are held."""
    line_types_denied: Words = frozenset()
    """Names of `numbering.LineType`."""
    status_blocks: Words = frozenset()


class Window(Part, frozen=True, kw_only=True):
    """Hours of the callee's local time on some weekdays, half-open."""

    days: frozenset[Day]
    start: TimeOfDay
    end: TimeOfDay

    def __post_init__(self) -> None:
        if minute_of(self.start) >= minute_of(self.end):
            raise ValueError("a window ends after it starts; write hours that cross midnight as quiet_hours")


class QuietHours(Part, frozen=True, kw_only=True):
    """Hours closed every day, half-open; may cross midnight."""

    start: TimeOfDay
    end: TimeOfDay


class TimeRules(Part, frozen=True, kw_only=True):
    """When a call may ring and until when it may last."""

    zones: frozenset[str] = frozenset()
    """Zones plausible for anybody in the jurisdiction: all must be open."""
    windows: tuple[Window, ...] | None = None
    """None: this pack does not restrict the hours. Empty: always closed."""
    quiet_hours: tuple[QuietHours, ...] = ()
    end_guard_s: Seconds = 0
    """The last dial is this long, plus the longest call, before the window ends."""
    holiday_calendars: Words = frozenset()
    """Closed on the public holidays of ``CN``, ``GB-SCT``, …"""
    extra_closed_dates: frozenset[date] = frozenset()


class Limit(Part, frozen=True, kw_only=True):
    """At most `max` of what is counted within the window; every limit of every pack must pass."""

    id: Id
    count: Count
    per: Per
    window: Annotated[str, Meta(pattern="^(calendar_days|rolling_s):[1-9][0-9]{0,8}$|^week:mon$")]
    max: Annotated[int, Meta(ge=0)]
    waived_by: Literal["callback_asked"] | None = None
    """The person's last conversation ended in their asking to be called back."""

    @property
    def unit(self) -> str:
        """Return ``calendar_days``, ``rolling_s`` or ``week``."""
        return _window(self.window)[0]

    @property
    def length(self) -> int:
        """Return days for ``calendar_days``, seconds for ``rolling_s``, 7 for ``week``."""
        return _window(self.window)[1]


class Cooldown(Part, frozen=True, kw_only=True):
    """No call for `days` callee-local days; the day of the event is the first of them."""

    id: Id
    after: CooldownAfter
    per: Per
    days: Annotated[int, Meta(ge=1, le=3660)]


class Disclosure(Part, frozen=True, kw_only=True):
    """What must be said before what; `must_say` names prompt roles of the flow language."""

    id: Id
    before: Moment
    must_say: Words
    after_verification: bool = False
    """May only be said to the right party."""
    max_delay_ms: Annotated[int, Meta(ge=0)] | None = None


class ForbiddenClaim(Part, frozen=True, kw_only=True):
    """What no prompt may claim to a callee there, whether true or not, by the words that claim it.

    Case, width and gaps do not count. ``*`` stands for the rest of an English word, and for a few characters of Chinese.
    """

    id: Id
    claim: Annotated[str, Meta(min_length=8, max_length=160)]
    """What a prompt with such words does, as a refusal tells it: ``threatens with a criminal charge``."""
    zh: frozenset[Annotated[str, Meta(min_length=2, max_length=60)]] = frozenset()
    en: frozenset[Annotated[str, Meta(min_length=3, max_length=60)]] = frozenset()

    def __post_init__(self) -> None:
        if not (self.zh or self.en):
            raise ValueError("a forbidden claim without words forbids nothing: add zh or en")


class Recording(Part, frozen=True, kw_only=True):
    """Whether calls are recorded, and how the callee learns of it."""

    mode: Literal["forbidden", "optional", "required"] = "optional"
    notice: Notice = "none"
    if_refused: IfRefused = "continue_unrecorded"


class OptOut(Part, frozen=True, kw_only=True):
    """How a person stops the calls, how far that reaches, and how old a suppression list may be."""

    channels: Words = frozenset()
    dtmf: frozenset[Annotated[str, Meta(pattern="^[0-9*#]$")]] = frozenset()
    scope: OptOutScope = "debt"
    lease_s: Seconds | None = None
    """Longest age of the console's confirmation that the suppression list is complete."""


class ThirdParty(Part, frozen=True, kw_only=True):
    """What may be left with an answering machine; other people are never contacted."""

    voicemail: Voicemail = "limited_content"


class CallerId(Part, frozen=True, kw_only=True):
    """From which own numbers the callee may be called; withholding it is not a choice."""

    number_class: frozenset[NumberClass] | None = None
    numbers_per_callee_30d: Annotated[int, Meta(ge=0)] | None = None


class Abandon(Part, frozen=True, kw_only=True):
    """How long it must ring, and how soon a voice must be heard."""

    min_ring_s: Seconds = 0
    silent_after_ms: Annotated[int, Meta(ge=0)] | None = None


class Retention(Part, frozen=True, kw_only=True):
    """How long records must and may be kept."""

    audit_min_days: DayCount = 0
    audit_max_days: DayCount | None = None
    recording_min_days: DayCount = 0
    recording_max_days: DayCount | None = None


class Citation(Part, frozen=True, kw_only=True):
    """Where a rule comes from and how sure we are of it."""

    rule: str
    force: Literal["law", "guidance", "industry_code", "product", "draft"]
    source: str
    url: str = ""
    checked: date
    confidence: Literal["official_text", "secondary", "from_knowledge", "product"]
    covers: frozenset[str] = frozenset()
    """Settings of this file that it stands for, e.g. ``time.windows``; limits and the like are found by their id."""
    how: str = ""
    """How the product honours a rule that is not written as a setting."""


class Pack(Part, frozen=True, kw_only=True):
    """All rules of one file."""

    ADDED_LATER: ClassVar[frozenset[str]] = frozenset({"forbidden_claim"})
    """Left out of the canonical text while empty."""
    schema: Literal[1]
    pack: Head
    gate: GateRules = GateRules()
    time: TimeRules = TimeRules()
    limit: tuple[Limit, ...] = ()
    cooldown: tuple[Cooldown, ...] = ()
    disclosure: tuple[Disclosure, ...] = ()
    forbidden_claim: tuple[ForbiddenClaim, ...] = ()
    recording: Recording = Recording()
    optout: OptOut = OptOut()
    third_party: ThirdParty = ThirdParty()
    caller_id: CallerId = CallerId()
    abandon: Abandon = Abandon()
    retention: Retention = Retention()
    citation: tuple[Citation, ...] = ()

    def __post_init__(self) -> None:
        for what, ids in (
            ("limit", [limit.id for limit in self.limit]),
            ("cooldown", [cooldown.id for cooldown in self.cooldown]),
            ("disclosure", [disclosure.id for disclosure in self.disclosure]),
            ("forbidden_claim", [claim.id for claim in self.forbidden_claim]),
        ):
            if len(set(ids)) != len(ids):
                raise ValueError(f"two {what}s have the same id")
        if not self.citation and self.pack.layer != "overlay":
            raise ValueError("a pack cites where its rules come from: add [[citation]]")

    def digest(self) -> str:
        """Return the SHA-256 of what this pack says, however its file is laid out."""
        return hashlib.sha256(canonical_json(self).encode()).hexdigest()

    @property
    def uncited(self) -> tuple[str, ...]:
        """Return what this file sets without a citation that stands for it, sorted."""
        covered = frozenset(name for citation in self.citation for name in citation.covers)
        named = tuple(citation.rule for citation in self.citation)
        ids = (
            *(limit.id for limit in self.limit),
            *(cooldown.id for cooldown in self.cooldown),
            *(disclosure.id for disclosure in self.disclosure),
            *(claim.id for claim in self.forbidden_claim),
        )
        missing = {rule for rule in ids if not rule.startswith(named)}
        for section in (
            "gate",
            "time",
            "recording",
            "optout",
            "third_party",
            "caller_id",
            "abandon",
            "retention",
        ):
            ours = getattr(self, section)
            changed = {
                f"{section}.{name}"
                for name in ours.__struct_fields__
                if getattr(ours, name) != getattr(type(ours)(), name)
            }
            missing |= changed - covered
        return tuple(sorted(missing))

    def citation_of(self, rule: str) -> Citation | None:
        """Return what stands behind a limit, cool-down or disclosure of this pack."""
        fitting = [citation for citation in self.citation if rule.startswith(citation.rule)]
        return max(fitting, key=lambda citation: len(citation.rule), default=None)

    def citations_for(self, setting: str) -> tuple[Citation, ...]:
        """Return what stands behind a setting such as ``time.windows``."""
        return tuple(citation for citation in self.citation if setting in citation.covers)


@lru_cache(maxsize=256)
def _window(text: str) -> tuple[str, int]:
    unit, _, length = text.partition(":")
    return unit, 7 if unit == "week" else int(length)


def read_pack(text: str, *, source: str) -> Pack:
    """Return the pack written in `text`. Raises PackError naming the key and what is wrong with it."""
    try:
        return msgspec.convert(tomllib.loads(text), Pack, builtin_types=(date, time))
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise PackError(source, str(error)) from None


def pack_schema() -> dict[str, Any]:
    """Return the JSON Schema of a pack file, its dates written as text."""
    return msgspec.json.schema(Pack)


def minute_of(text: str) -> int:
    """Return ``HH:MM`` as minutes since midnight."""
    return int(text[:2]) * 60 + int(text[3:])
