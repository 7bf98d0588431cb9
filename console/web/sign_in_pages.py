"""Signing in and out, and the language of the pages."""

from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user, logout_user
from werkzeug.wrappers import Response

from console.web.accounts import SignInRefused, sign_in
from console.web.catalogue import LANGUAGES
from console.web.desk import asked, desk, log_access
from console.web.roles import May, needs, public

sign_in_pages = Blueprint("sign_in", __name__)


@sign_in_pages.get("/sign-in")
@public
def show() -> str | Response:
    """Show the form."""
    if current_user.is_authenticated:
        return redirect(url_for("fleet.show"))
    return render_template("sign_in.html", next=_inside(asked("next", limit=2000)), refused=None, name="")


@sign_in_pages.post("/sign-in")
@public
def enter() -> tuple[str, int] | Response:
    """Take name and password."""
    from console.web.application import SignedIn  # noqa: PLC0415 - the application is made of these pages

    name, password = asked("name", limit=64), str(request.form.get("password", ""))
    then = _inside(asked("next", limit=2000))
    here = desk()
    found = sign_in(here.ledger, name, password, request.remote_addr or "", here.clock.now())
    if isinstance(found, SignInRefused):
        code = 429 if found.wait_s else 401
        return render_template("sign_in.html", next=then, refused=found, name=name), code
    language = session.get("language")
    session.clear()
    session.permanent = True
    if language:
        session["language"] = language
    login_user(SignedIn(found))
    with here.ledger.transaction() as rows:
        log_access(rows, "sign_in", request.remote_addr or "")
    return redirect(then or url_for("fleet.show"))


@sign_in_pages.post("/sign-out")
@needs(May.SEE_FLEET)
def leave() -> Response:
    """End the session."""
    with desk().ledger.transaction() as rows:
        log_access(rows, "sign_out", "")
    logout_user()
    session.clear()
    return redirect(url_for("sign_in.show"))


@sign_in_pages.post("/language")
@public
def choose_language() -> Response:
    """Remember the reader's language for the session."""
    chosen = asked("language")
    if chosen in LANGUAGES:
        session["language"] = chosen
        session.permanent = True
    return redirect(_inside(asked("next", limit=2000)) or url_for("fleet.show"))


def _inside(address: str) -> str:
    """Return an address of these pages, nothing for any other: nobody is sent elsewhere after signing in."""
    parts = urlsplit(address.replace("\\", "/"))
    is_ours = address.startswith("/") and not address.startswith(("//", "/\\")) and not parts.netloc
    return address if is_ours and address.isprintable() else ""
