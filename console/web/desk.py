"""What every page works with: the ledger, the clock, the office; who asks; and the log of what was looked at."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from flask import abort, current_app, request
from flask_login import current_user
from sqlalchemy import Connection, insert

from console.ledger import Ledger
from console.office import Office
from console.web.accounts import User
from console.web.remembered import Remembered
from console.web.roles import GRANTS, May
from console.web_tables import WEB_ACCESS
from firmware.clock import Clock, to_ms
from firmware.values import UuidV7

EXTENSION = "branchline"


class Orders(Protocol):
    """The way to the boxes."""

    def control(self, box: str, campaign: str, action: str, order: str) -> str:
        """Send an order about a campaign. Return what the box says: ``done``, ``waits`` or why not."""
        ...

    def recall(self, contacts: Sequence[tuple[str, str, str]]) -> list[str]:
        """Take (box, campaign, contact) off lists. Return what became of each: ``done``, ``nothing left``, ``waits`` or why not."""
        ...

    def tell_suppressed(self) -> None:
        """Tell every box whom it may not call. Raises ConsoleError; then it is told within the hour."""
        ...

    def fetch(self, box: str, recording: str) -> None:
        """Bring a sealed recording. Raises ConsoleError."""
        ...


@dataclass(kw_only=True)
class Desk:
    """One office's pages."""

    ledger: Ledger
    office: Office
    clock: Clock[object]
    orders: Orders
    ids: UuidV7 = field(default_factory=UuidV7)
    remembered: Remembered = field(default_factory=Remembered)
    streams: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(8))
    """Live pages at one time: each holds a thread of the server."""

    def now_ms(self) -> int:
        """Return the present as ms."""
        return to_ms(self.clock.now())

    def as_of_ms(self, *keys: Any) -> int:
        """Return when the remembered figures of a page were counted, the oldest of them."""
        return self.now_ms() - round(1000 * max(self.remembered.age_s(key) for key in keys))

    def new_id(self) -> str:
        """Return an id that sorts by time."""
        return self.ids.new(self.now_ms())


def desk() -> Desk:
    """Return the desk of the request's application."""
    return cast(Desk, current_app.extensions[EXTENSION])


def me() -> User:
    """Return who asks."""
    return cast(User, current_user.user)


def may(permission: May) -> bool:
    """Say whether who asks may do that."""
    return bool(current_user.is_authenticated) and permission in GRANTS[me().role]


def log_access(rows: Connection, action: str, subject: str) -> None:
    """Write down what is about to be shown or done, in the transaction that does it."""
    here, user = desk(), me()
    row = {"id": here.new_id(), "at": here.now_ms(), "name": user.name, "role": user.role.value}
    rows.execute(insert(WEB_ACCESS).values(row | {"action": action, "subject": subject[:300]}))


def asked(name: str, *, limit: int = 200) -> str:
    """Return a parameter of the address or the form, without surrounding blanks; a longer one is a bad request."""
    value = str(request.values.get(name, "")).strip()
    if len(value) > limit or "\0" in value:
        abort(400)
    return value
