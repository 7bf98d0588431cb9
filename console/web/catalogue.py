"""The pages' words in English and Chinese, and sums and shares as they are written there: no request, no session."""

import io
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent
from babel.support import NullTranslations, Translations

from console.contact_fields import DECIMALS
from firmware.values import Disposition

LANGUAGES = {"en": "English", "zh": "中文"}
LOCALES = {"en": "en_GB", "zh": "zh_Hans_CN"}
TAGS = {"en": "en", "zh": "zh-CN"}
CATALOGUE = Path(__file__).with_name("zh.po")

DISPOSITIONS: dict[Disposition, str] = {
    Disposition.NO_ANSWER: "no answer",
    Disposition.BUSY: "busy",
    Disposition.REJECTED: "call rejected",
    Disposition.POWERED_OFF: "phone switched off",
    Disposition.UNREACHABLE: "not reachable",
    Disposition.SUSPENDED_NUMBER: "number suspended",
    Disposition.VACANT_NUMBER: "number not in use",
    Disposition.CONGESTION: "network congested",
    Disposition.CALL_RESTRICTED: "call barred",
    Disposition.FORWARDED: "forwarded",
    Disposition.MACHINE_NO_MESSAGE: "machine, no message left",
    Disposition.MACHINE_LEFT_MESSAGE: "machine, message left",
    Disposition.FAX: "fax",
    Disposition.SCREENING_ASSISTANT: "screening assistant",
    Disposition.SILENCE: "silence",
    Disposition.THIRD_PARTY: "somebody else answered",
    Disposition.WRONG_NUMBER: "wrong number",
    Disposition.UNVERIFIED: "identity not verified",
    Disposition.REFUSED_TO_IDENTIFY: "refused to identify",
    Disposition.MINOR: "a minor",
    Disposition.LANGUAGE_BARRIER: "another language",
    Disposition.PROMISE_FULL: "promised all",
    Disposition.PROMISE_PARTIAL: "promised a part",
    Disposition.PROMISE_PLAN: "promised instalments",
    Disposition.PAYING_NOW: "paying now",
    Disposition.ALREADY_PAID: "says it is paid",
    Disposition.DISPUTE: "dispute",
    Disposition.HARDSHIP: "hardship",
    Disposition.REFUSES: "refuses to pay",
    Disposition.CALLBACK_SET: "callback agreed",
    Disposition.NO_DECISION: "no decision",
    Disposition.HUNG_UP_EARLY: "hung up early",
    Disposition.DECEASED: "deceased",
    Disposition.LEGAL_REPRESENTATION: "has a lawyer",
    Disposition.VULNERABLE: "vulnerable",
    Disposition.COMPLETED: "completed",
    Disposition.HUMAN_BRIDGED: "joined to a person",
    Disposition.HUMAN_UNAVAILABLE: "no person was free",
    Disposition.OPT_OUT: "wants no calls",
    Disposition.COMPLAINT: "complaint",
    Disposition.TECHNICAL_FAILURE: "technical failure",
    Disposition.CANCELLED: "cancelled",
    Disposition.RECALLED: "recalled",
    Disposition.BLOCKED: "held back by a rule",
}
WORDS = {
    # What the ledger and the program call it, and what people read.
    "operator": "operator", "supervisor": "supervisor", "auditor": "auditor",
    "open": "not begun", "in_progress": "in progress", "waiting": "waiting", "done": "done",
    "complaint": "complaint", "dispute": "dispute", "hardship": "hardship", "vulnerable": "vulnerable",
    "callback": "callback", "human": "person wanted",
    "online": "online", "offline": "offline", "info": "information", "warning": "warning", "alarm": "alarm",
    "absent": "absent", "starting": "starting", "searching": "searching", "ready": "ready",
    "in_call": "in a call", "faulted": "faulted", "trusted": "trusted", "yes": "yes",
    "pause": "pause", "resume": "resume", "cancel": "cancel",
    "running": "running", "paused": "paused", "cancelled": "cancelled", "expired": "expired",
    "waits": "waits for the box", "refused": "refused",
    "person": "person", "number": "number", "debt": "debt",
    "answer": "who answered", "intent": "what was meant", "slot": "what was named", "disposition": "outcome",
    "speech": "speech", "key": "key", "beep": "beep", "tone": "tone", "fault": "fault",
    "week": "week", "fortnight": "fortnight", "month": "month",
    "sign_in": "signed in", "sign_out": "signed out", "person_seen": "person looked at",
    "number_seen": "number looked at", "people_searched": "people searched", "case_seen": "case looked at",
    "case_worked": "case worked on", "outcomes_exported": "outcomes exported",
    "campaign_ordered": "campaign order", "recording_heard": "recording opened",
    "person_suppressed": "calls stopped for good", "person_recalled": "taken off the lists",
    "claim_granting": "is being made a box", "claim_granted": "approved, has not said that it heard",
    "claim_taken": "is a box", "claim_refused": "was sent away",
    "recording_fetched": "recording fetched", "corrected": "correction made",
}  # fmt: skip


@cache
def _catalogue(name: str) -> NullTranslations:
    if name != "zh":
        return NullTranslations()
    compiled = io.BytesIO()
    with CATALOGUE.open("rb") as file:
        write_mo(compiled, read_po(file, locale=name))
    compiled.seek(0)
    return Translations(compiled)


def translated(text: str, language: str) -> str:
    """Return a text of ours in a language; in English where the catalogue lacks it."""
    return str(_catalogue(language).ugettext(text))


def word_for(name: object, language: str) -> str:
    """Return what people call something that the program has a name for; an unknown name stays as it is."""
    text = str(name)
    known = DISPOSITIONS.get(text) or WORDS.get(text)  # type: ignore[call-overload]
    return translated(known, language) if known else text


def money_text(minor: int | None, currency: str | None, language: str) -> str:
    """Return a sum as it is written in a language; nothing for none."""
    if minor is None or not currency:
        return ""
    amount = minor / 10 ** DECIMALS.get(currency, 2)
    return format_currency(amount, currency, locale=LOCALES[language])


def count_text(number: float, language: str) -> str:
    """Return a number with its thousands apart."""
    return format_decimal(number, locale=LOCALES[language])


def share_text(number: float | None, language: str) -> str:
    """Return a share as per cent, with one decimal; a dash for none."""
    return "–" if number is None else format_percent(number, "0.0%", locale=LOCALES[language])
