"""`followups.toml` of an office: who writes to whom after which outcome, and how often at most."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from console.errors import ConsoleError
from console.followup_texts import FIELDS, TEXTS, MessageText, fields_of
from console.quiet_hours import QuietHours
from firmware.values import Disposition

RULES_FILE = "followups.toml"
NEVER_WRITTEN_TO = frozenset(
    {
        Disposition.OPT_OUT,
        Disposition.COMPLAINT,
        Disposition.WRONG_NUMBER,
        Disposition.VACANT_NUMBER,
        Disposition.THIRD_PARTY,
        Disposition.UNVERIFIED,
        Disposition.REFUSED_TO_IDENTIFY,
        Disposition.MINOR,
        Disposition.DECEASED,
        Disposition.LEGAL_REPRESENTATION,
        Disposition.VULNERABLE,
    }
)
"""After these a machine writes to nobody, whatever a rule says; a webhook to the office's own systems may tell."""
_LOCAL = ("localhost", "127.0.0.1", "::1")
Positive = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class FollowupRulesError(ConsoleError):
    """The file of rules is missing or says what cannot be."""


class Frequency(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """At most so many contacts with one person over all channels, calls that were answered included."""

    contacts: Positive = 3
    days: Positive = 7


class Mail(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The server that takes e-mail."""

    host: str
    sender: str
    """The address it comes from."""
    unsubscribe: str
    """``https://…/{token}``, or an address that a person here reads."""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password_file: str = ""


class Webhook(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A system of the office that wants to know."""

    url: str
    secret_file: str
    """At least 32 bytes that both sides know; the signature is made with it."""


class Rule(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """After these outcomes, this."""

    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]
    after: Annotated[list[Disposition], msgspec.Meta(min_length=1)]
    channel: Literal["email", "sms", "webhook"]
    text: str = ""
    """Which text an e-mail has; of an SMS, which of the campaign's texts."""
    consent: str = ""
    """What the person must have agreed to; an e-mail always needs some. An SMS needs `sms` on the call list."""
    within_hours: Positive = 48
    """After that it is too late and is dropped."""


class FollowupRules(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    rule: list[Rule]
    frequency: Frequency = Frequency()
    quiet: QuietHours | None = None
    email: Mail | None = None
    webhook: Webhook | None = None
    text: dict[str, dict[str, MessageText]] = {}
    """Texts of the office's own: name, then language; they replace ours of the same name."""


def read_rules(path: Path) -> FollowupRules:
    """Return the rules. Raises FollowupRulesError."""
    try:
        rules = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), FollowupRules)
    except OSError as error:
        raise FollowupRulesError(
            f"{path}: {error.strerror}; write the rules there, see docs/console.md"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise FollowupRulesError(f"{path}: {error}; mend that") from None
    if problem := _problem(rules):
        raise FollowupRulesError(f"{path}: {problem}")
    return rules


def texts_of(rules: FollowupRules) -> dict[str, dict[str, MessageText]]:
    """Return every text by name and language."""
    return {**TEXTS, **rules.text}


def _problem(rules: FollowupRules) -> str | None:
    names = [rule.name for rule in rules.rule]
    if len(set(names)) < len(names):
        return "two rules have one name; rename one, since a name says what was sent before"
    texts = texts_of(rules)
    for name, languages in rules.text.items():
        for text in languages.values():
            if unknown := fields_of(text) - FIELDS:
                return f"text {name}: no field {sorted(unknown)[0]!r}; there are {', '.join(sorted(FIELDS))}"
            if "unsubscribe" not in fields_of(text):
                return f"text {name}: say how to stop: write {{unsubscribe}} somewhere"
    for rule in rules.rule:
        if rule.channel == "webhook":
            if rules.webhook is None:
                return f"rule {rule.name}: no [webhook] says where to; add it"
            continue
        if never := NEVER_WRITTEN_TO & set(rule.after):
            return f"rule {rule.name}: nobody is written to after {sorted(never)[0]}; take it out"
        if rule.channel == "sms":
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,47}", rule.text):
                return f"rule {rule.name}: name one of the campaign's texts"
            if rule.consent not in {"", "sms"}:
                return (
                    f"rule {rule.name}: an SMS goes by the consent `sms` of the call list; leave consent out"
                )
            continue
        if rules.email is None:
            return f"rule {rule.name}: no [email] says how to send; add it"
        if rule.text not in texts:
            return f"rule {rule.name}: no text {rule.text!r}; there are {', '.join(sorted(texts))}"
        if not rule.consent:
            return f"rule {rule.name}: name the consent it needs, such as email_reminders"
    return (rules.quiet and rules.quiet.problem()) or _insecure(rules)


def _insecure(rules: FollowupRules) -> str | None:
    mail, hook = rules.email, rules.webhook
    if mail is not None and mail.security == "none" and mail.host not in _LOCAL:
        return "[email] security = none is for this machine only; use starttls or tls"
    if mail is not None and not re.fullmatch(
        r"https://\S+\{token\}\S*|[^@\s<>]+@[A-Za-z0-9.-]+", mail.unsubscribe
    ):
        return "[email] unsubscribe: write https://…/{token}, or an address that a person here reads"
    local = tuple(f"http://{name}" for name in ("localhost", "127.0.0.1"))
    if hook is not None and not hook.url.startswith(
        ("https://", *(f"{each}{end}" for each in local for end in "/:"))
    ):
        return "[webhook] url: write https://…"
    return None
