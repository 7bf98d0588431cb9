"""The web application of one office: every view closed unless it names what it needs, every answer under one policy."""

import secrets
from contextlib import suppress
from datetime import timedelta
from typing import Any

from flask import Flask, Response, abort, current_app, redirect, render_template, request, session, url_for
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_login import LoginManager, UserMixin, current_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from console.cases import sweep
from console.errors import ConsoleError
from console.private_files import write_private
from console.web import wording
from console.web.accounts import User, find_user
from console.web.audit_pages import audit_pages
from console.web.campaign_pages import campaign_pages
from console.web.case_pages import case_pages
from console.web.desk import EXTENSION, Desk, desk, may
from console.web.fleet_pages import fleet_pages
from console.web.measure_pages import measure_pages
from console.web.outcome_pages import outcome_pages
from console.web.people_pages import people_pages
from console.web.recording_pages import recording_pages
from console.web.roles import PUBLIC, May, need_of, public
from console.web.setup_pages import setup_pages
from console.web.sign_in_pages import sign_in_pages
from console.web.stopping_pages import stopping_pages
from console.web_tables import add_indices

IDLE = timedelta(minutes=30)
MAX_BODY_BYTES = 64 * 1024
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGES = (
    # Endpoint, what it is called, what it needs: the navigation, in this order.
    ("fleet.show", "Fleet", May.SEE_FLEET),
    ("campaigns.show", "Campaigns", May.SEE_CAMPAIGNS),
    ("outcomes.show", "Outcomes", May.SEE_OUTCOMES),
    ("people.show", "People", May.SEE_PEOPLE),
    ("cases.show", "Cases", May.SEE_CASES),
    ("measures.show", "Measures", May.SEE_MEASURES),
    ("setup.updates", "Updates", May.SEE_SETUP),
    ("setup.claims", "Machines", May.SEE_SETUP),
    ("audit.show", "Audit", May.SEE_AUDIT),
    ("audit.access", "Access log", May.SEE_ACCESS),
)


class Sessions(SecureCookieSessionInterface):
    """Cookies whose idle time starts anew when a person does something, not when a page keeps itself up to date."""

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Say whether the answer carries the cookie again."""
        is_automatic = (request.endpoint or "").endswith((".stream", ".part"))
        return bool(session.modified) or (not is_automatic and super().should_set_cookie(app, session))


class SignedIn(UserMixin):  # type: ignore[misc]
    """A user of a session; the stamp in its id ends with a new password."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.id = f"{user.name}\n{user.stamp}"


def make_app(with_desk: Desk) -> Flask:
    """Return the application; it makes the ledger's indices and the session's key where they are not there yet."""
    with with_desk.ledger.transaction() as rows:
        add_indices(rows)
        sweep(rows)
    app = Flask("console.web", static_folder="static", template_folder="templates")
    app.config.update(
        SECRET_KEY=_session_key(with_desk),
        SESSION_COOKIE_NAME="__Host-branchline",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        PERMANENT_SESSION_LIFETIME=IDLE,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=True,
    )
    app.session_interface = Sessions()
    app.extensions[EXTENSION] = with_desk
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    wording.install(app)
    CSRFProtect(app)
    _sessions(app)
    for pages in (
        sign_in_pages, fleet_pages, campaign_pages, outcome_pages, people_pages, case_pages, recording_pages,
        measure_pages, audit_pages, stopping_pages, setup_pages,
    ):  # fmt: skip
        app.register_blueprint(pages)
    public(app.view_functions["static"])
    app.before_request(_guard)
    app.after_request(_seal)
    app.register_error_handler(HTTPException, _refuse)
    app.register_error_handler(ConsoleError, _fault)
    app.context_processor(_furniture)
    return app


def _session_key(with_desk: Desk) -> bytes:
    path = with_desk.office.folder / "console" / "web-session.key"
    if not path.exists():
        with suppress(FileExistsError):  # another process was first
            write_private(path, secrets.token_bytes(32))
    return path.read_bytes()


def _sessions(app: Flask) -> None:
    manager = LoginManager(app)
    manager.session_protection = (
        None  # by address and browser: it throws people out who walk between networks
    )

    @manager.user_loader  # type: ignore[untyped-decorator]
    def load(identity: str) -> SignedIn | None:
        name, _line, stamp = identity.partition("\n")
        with desk().ledger.reading() as rows:
            user = find_user(rows, name)
        if user is None or not secrets.compare_digest(user.stamp, stamp):
            return None
        return SignedIn(user)


def _guard() -> AnyResponse | None:
    if request.endpoint is None:
        return None  # no such page: said as such
    view = desk_view()
    need = need_of(view)
    if need == PUBLIC:
        return None
    if not current_user.is_authenticated:
        if request.method != "GET":
            abort(401)
        return redirect(url_for("sign_in.show", next=request.full_path.rstrip("?")))
    if not isinstance(need, May) or not may(need):
        abort(403)
    return None


def desk_view() -> Any:
    """Return the view that the request goes to."""
    return current_app.view_functions.get(request.endpoint or "")


def _seal(response: Response) -> Response:
    headers = response.headers
    headers["Content-Security-Policy"] = POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if request.endpoint != "static":
        headers["Cache-Control"] = "no-store"
    if request.is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def _refuse(error: HTTPException) -> tuple[str, int] | AnyResponse:
    code = error.code or 500
    if code < 400:
        return error.get_response()
    reasons = {
        400: "The request was not understood; go back and try again.",
        401: "You are signed out; sign in again.",
        403: "Your role may not do this; ask a supervisor.",
        404: "There is no such page.",
        413: "That is too much at once; send less.",
    }
    reason = reasons.get(code, "That did not work; try again.")
    if isinstance(error, CSRFError):
        reason = "The page was too old to act on; go back, load it again and repeat."
    return render_template("refused.html", code=code, reason=reason, detail=""), code


def _fault(error: ConsoleError) -> tuple[str, int]:
    reason = "That did not work; what stands in the way:"
    return render_template("refused.html", code=503, reason=reason, detail=str(error)), 503


def _furniture() -> dict[str, Any]:
    signed_in = bool(current_user.is_authenticated)
    return {
        "navigation": [(endpoint, title) for endpoint, title, need in PAGES if may(need)],
        "user": current_user.user if signed_in else None,
        "may": lambda name: may(May(name)),
        "tenant": desk().office.tenant,
        "is_permanent": session.permanent,
    }
