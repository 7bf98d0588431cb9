"""Pages in English and Chinese: the reader's choice, and what templates write with."""

from datetime import datetime

from flask import Flask, g, request, session

from console.reports import plan_payments
from console.web import box_words, sms_words
from console.web.box_details import detail_words, update_failure
from console.web.catalogue import (
    LANGUAGES,
    TAGS,
    count_text,
    money_text,
    share_text,
    translated,
    word_for,
)


def language() -> str:
    """Return the reader's language: chosen, or the browser's."""
    known = g.get("language")  # asked for each word of a page
    if known is None:
        chosen = session.get("language")
        known = chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES) or "en"
        g.language = known
    return str(known)


def gettext(text: str, **values: object) -> str:
    """Return a text of ours in the reader's language."""
    said = translated(text, language())
    return said % values if values else said


def word(name: object) -> str:
    """Return what people call something that the program has a name for; an unknown name stays as it is."""
    return word_for(name, language())


def local(at_ms: int | None, *, with_seconds: bool = False) -> str:
    """Return an instant by this computer's clock; nothing for none."""
    if at_ms is None:
        return ""
    at = datetime.fromtimestamp(at_ms / 1000).astimezone()
    return f"{at:%Y-%m-%d %H:%M:%S}" if with_seconds else f"{at:%Y-%m-%d %H:%M}"


def money(minor: int | None, currency: str | None) -> str:
    """Return a sum as the reader writes it."""
    return money_text(minor, currency, language())


def count(number: float) -> str:
    """Return a number with its thousands apart."""
    return count_text(number, language())


def share(number: float | None) -> str:
    """Return a share as per cent, with one decimal; a dash for none."""
    return share_text(number, language())


def duration(ms: int) -> str:
    """Return minutes and seconds."""
    return f"{ms // 60000}:{ms // 1000 % 60:02d}"


def install(app: Flask) -> None:
    """Give templates their words."""

    def translate_many(one: str, many: str, n: int, **values: object) -> str:
        return gettext(one if n == 1 else many, n=n, **values)

    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, translate_many, newstyle=True
    )
    app.jinja_env.filters |= {
        "word": word, "local": local, "count": count, "share": share, "duration": duration,
        "plan": plan_payments,
        "event": lambda name: box_words.event_word(name, language()),
        "local_seconds": lambda at_ms: local(at_ms, with_seconds=True),
        "clock": lambda at: local(round(at.timestamp() * 1000)),
        "claim_reason": lambda name: box_words.claim_word(name, language()),
        "update_reason": lambda name: update_failure(name, language()),
        "update_detail": lambda each: detail_words(each.end, None, each.end_facts, each.end_detail, language()),
        "event_detail": lambda row: detail_words(row.event, row.line, row.facts, row.detail, language()),
        "reason": lambda name: box_words.reason_word(name, language()),
        "cause": lambda name: box_words.cause_word(name, language()),
        "dialling": lambda said: box_words.dialling_word(said, language()),
        "rule": lambda rule, said="": box_words.rule_word(rule, said, language()),
        "sms_word": lambda state: sms_words.state_word(state, language()),
        "sms_why": lambda reason: sms_words.why_word(reason, language()),
    }  # fmt: skip
    app.jinja_env.globals |= {
        "money": money, "languages": LANGUAGES, "language": language, "tags": TAGS,
    }  # fmt: skip
