"""Send one follow-up: an e-mail over SMTP, or a signed request to a system of the office. Blocking, with deadlines."""

import hashlib
import hmac
import http.client
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from http import HTTPStatus
from pathlib import Path
from typing import IO

import msgspec

from console.followup_outbox import Due
from console.followup_rules import FollowupRules, FollowupRulesError, Mail, Webhook, texts_of
from console.followup_texts import fill, text_for

TIMEOUT_S = 20.0
MIN_SECRET_BYTES = 32


class SendError(Exception):
    """It did not go out; `may_try_again` says whether that may pass."""

    def __init__(self, reason: str, *, may_try_again: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.may_try_again = may_try_again


class UnsureError(Exception):
    """The connection ended while the server decided: it may have gone out."""


Send = Callable[[Due, datetime], None]


def senders(rules: FollowupRules, *, office: str, folder: Path) -> Mapping[str, Send]:
    """Return how to send, by channel. Raises FollowupRulesError when a secret cannot be read."""
    made: dict[str, Send] = {}
    if (mail := rules.email) is not None:
        password = _secret(folder, mail.password_file).decode() if mail.password_file else ""
        texts = texts_of(rules)
        text_of = {rule.name: rule.text for rule in rules.rule}

        def send_mail(due: Due, now: datetime) -> None:
            text = text_for(texts[text_of[due.rule]], due.language)
            _mail(mail, password, _message(mail, due, *_filled(mail, due, text, office), now=now))

        made["email"] = send_mail
    if (hook := rules.webhook) is not None:
        secret = _secret(folder, hook.secret_file)
        if len(secret) < MIN_SECRET_BYTES:
            raise FollowupRulesError(
                f"{hook.secret_file}: the secret has fewer than {MIN_SECRET_BYTES} bytes; make a longer one"
            )

        def send_hook(due: Due, now: datetime) -> None:
            _post(hook, secret, due, now)

        made["webhook"] = send_hook
    return made


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return the signature of a request: HMAC-SHA-256 over ``timestamp.body``."""
    return "v1=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _filled(mail: Mail, due: Due, text: object, office: str) -> tuple[str, str]:
    fields = {
        "office": office,
        "due": due.due,
        "callback": due.callback,
        "unsubscribe": _how_to_stop(mail, due),
    }
    return fill(text, fields)  # type: ignore[arg-type]


def _how_to_stop(mail: Mail, due: Due) -> str:
    if mail.unsubscribe.startswith("https://"):
        return mail.unsubscribe.replace("{token}", due.token)
    return f"mailto:{mail.unsubscribe}?subject=stop%20{due.token}"


def _message(mail: Mail, due: Due, subject: str, text: str, *, now: datetime) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = mail.sender, due.email, subject
    message["Date"] = format_datetime(now)
    # The same follow-up has the same id: a mailbox that got it twice can tell.
    message["Message-ID"] = f"<{due.id}@{mail.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message["List-Unsubscribe"] = f"<{_how_to_stop(mail, due)}>"
    if mail.unsubscribe.startswith("https://"):
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(text)
    return message


def _mail(mail: Mail, password: str, message: EmailMessage) -> None:
    context = ssl.create_default_context()
    try:
        server = (
            smtplib.SMTP_SSL(mail.host, mail.port, timeout=TIMEOUT_S, context=context)
            if mail.security == "tls"
            else smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT_S)
        )
    except (OSError, smtplib.SMTPException) as error:
        raise SendError(f"server_away: {type(error).__name__}", may_try_again=True) from None
    try:
        try:
            if mail.security == "starttls":
                server.starttls(context=context)
            if mail.user:
                server.login(mail.user, password)
        except (OSError, smtplib.SMTPException) as error:
            raise SendError(f"sign_in: {type(error).__name__}", may_try_again=True) from None
        try:
            server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            [(code, _)] = error.recipients.values()
            raise SendError(f"address_refused: {code}", may_try_again=400 <= code < 500) from None
        except smtplib.SMTPResponseException as error:
            is_passing = 400 <= error.smtp_code < 500
            raise SendError(f"refused: {error.smtp_code}", may_try_again=is_passing) from None
        except (OSError, smtplib.SMTPException) as error:
            raise UnsureError(type(error).__name__) from None
    finally:
        server.close()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A signed request goes where the office said and nowhere else."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        """Follow no redirection."""


def _post(hook: Webhook, secret: bytes, due: Due, now: datetime) -> None:
    body = msgspec.json.encode({"id": due.id, "rule": due.rule, "outcome": due.outcome})
    timestamp = str(int(now.timestamp()))
    request = urllib.request.Request(
        hook.url,
        data=body,
        method="POST",
        headers={
            "Content-Type": "application/json",
            "Idempotency-Key": due.id,
            "Branchline-Timestamp": timestamp,
            "Branchline-Signature": signature(secret, timestamp, body),
        },
    )
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S):
            return
    except urllib.error.HTTPError as error:
        with error:
            is_passing = error.code >= 500 or error.code in {
                HTTPStatus.REQUEST_TIMEOUT,
                HTTPStatus.CONFLICT,
                HTTPStatus.TOO_MANY_REQUESTS,
            }
            raise SendError(f"answered: {error.code}", may_try_again=is_passing) from None
    except (OSError, http.client.HTTPException) as error:
        # It may have arrived; the idempotency key makes a second one harmless.
        raise SendError(f"server_away: {type(error).__name__}", may_try_again=True) from None


def _secret(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        if path.stat().st_mode & 0o077:
            raise FollowupRulesError(f"{path}: others can read this secret; chmod 600 it")
        return path.read_bytes().strip()
    except OSError as error:
        raise FollowupRulesError(f"{path}: {error.strerror}; put the secret there, mode 0600") from None
