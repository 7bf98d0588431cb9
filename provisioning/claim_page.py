"""The status page of a machine that is no box yet: the claim code, its QR code, and what to do (zh and en)."""

from html import escape
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from firmware.local.style import STYLE
from firmware.local.web import Answer, Request, headers_of, refusal, wanted_language
from firmware.local.words import PAGE, Language, say
from provisioning.claim_screen import LABELS, STATES, ClaimBoard, ClaimStanding, qr_svg

REFRESH_S = 20


class ClaimDoor:
    """Answers requests for the page; nothing that is asked changes anything."""

    def __init__(self, board: ClaimBoard, *, language: Language) -> None:
        self._board = board
        self._language: Language = language

    async def answer(self, request: Request) -> Answer:
        """Return what to say."""
        headers = headers_of(request)
        if (refused := refusal(request.method, headers)) is not None:
            return refused
        target = urlsplit(request.target.decode("latin-1"))
        if target.path == "/healthz":
            return Answer(HTTPStatus.OK, b"ok\n")
        if target.path != "/":
            return Answer(HTTPStatus.NOT_FOUND, b"there is / and /healthz\n")
        chosen = parse_qs(target.query, max_num_fields=8).get("lang", [""])[0]
        language = wanted_language(chosen, headers.get("accept-language", ""), self._language)
        standing = self._board.read() or ClaimStanding(state="no_file")
        more = [
            ("Content-Language", "zh-CN" if language == "zh" else "en"),
            ("Vary", "Accept-Language"),
            ("Refresh", str(REFRESH_S)),
        ]
        return Answer(HTTPStatus.OK, page(standing, language).encode(), "text/html; charset=utf-8", more=more)


def page(standing: ClaimStanding, language: Language) -> str:
    """Return the page (pure; every text escaped)."""
    other, tag = ("zh", "zh-CN") if language == "en" else ("en", "en")
    title = say(LABELS["title"], language)
    rows = [("code", standing.code), ("serial", standing.serial), ("detail", standing.detail)]
    facts = "".join(
        f"<dt>{say(LABELS[name], language)}</dt><dd>{'<strong class=big>' if name == 'code' else ''}"
        f"{escape(value)}{'</strong>' if name == 'code' else ''}</dd>"
        for name, value in rows
        if value
    )
    picture = (
        f"<section><h2>{say(LABELS['qr'], language)}</h2>{qr_svg(standing)}</section>"
        if standing.code
        else ""
    )
    kind = "attention" if standing.state in {"bad_file", "refused"} else "waiting"
    return (
        f'<!DOCTYPE html><html lang="{"en" if language == "en" else "zh-CN"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body>"
        f'<a class="skip" href="#main">{say(PAGE["skip"], language)}</a>'
        f'<header><span>Branchline</span><nav><a href="/?lang={other}" lang="{tag}" hreflang="{tag}">'
        f"{say(PAGE['other_language'], language)}</a></nav></header>"
        f'<main id="main"><section class="verdict {kind}"><h1>{title}</h1></section>'
        f"<section><h2>{say(LABELS['what'], language)}</h2><p>{say(STATES[standing.state], language)}</p>"
        f"<dl>{facts}</dl></section>{picture}</main></body></html>"
    )
