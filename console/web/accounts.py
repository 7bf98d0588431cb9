"""Who may sign in: users in the ledger, Argon2id hashes, and waits that grow with failed attempts."""

import functools
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, delete, insert, select, update

from console.errors import ConsoleError
from console.ledger import Ledger
from console.web.roles import Role
from console.web_tables import WEB_FAILURE, WEB_USER
from firmware.clock import to_ms
from firmware.sync.topics import InvalidNameError, topic_level

MIN_PASSWORD, MAX_PASSWORD = 12, 200
FREE_FAILURES_HERE, FREE_FAILURES_ANYWHERE = 5, 50
"""By one user from one address, and by one user from anywhere: an attacker elsewhere cannot easily lock a user out."""
FIRST_WAIT_S, LONGEST_WAIT_S = 2, 900
FORGET_AFTER_S = 24 * 3600
UNKNOWN = "?"
"""Names that are no user's count as one, so that inventing names fills no table."""

_HASHER = PasswordHasher()
_HASHING = threading.BoundedSemaphore(2)
"""A hash takes 64 MiB and a core: many sign-ins at once must not take all of both."""


class AccountError(ConsoleError):
    """A user cannot be made, found or changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who may sign in."""

    name: str
    role: Role
    stamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRefused:
    """Name or password are wrong, or it is too soon to try again."""

    wait_s: int


def add_user(rows: Connection, name: str, role: Role, password: str, at: datetime) -> None:
    """Add a user. Raises AccountError."""
    try:
        topic_level(name)
    except InvalidNameError as error:
        raise AccountError(f"that name will not do: {error}") from None
    if find_user(rows, name) is not None:
        raise AccountError(f"user {name} is there already; change the password with `user password {name}`")
    row = {"name": name, "role": role.value, "stamp": _stamp(), "at": to_ms(at)}
    rows.execute(insert(WEB_USER).values(row | {"password": _hash(password)}))


def set_password(rows: Connection, name: str, password: str) -> None:
    """Change a password and end the user's sessions. Raises AccountError."""
    _require(rows, name)
    changed = update(WEB_USER).where(WEB_USER.c.name == name)
    rows.execute(changed.values(password=_hash(password), stamp=_stamp()))
    _forgive(rows, name)


def remove_user(rows: Connection, name: str) -> None:
    """Remove a user and so end its sessions. Raises AccountError."""
    _require(rows, name)
    rows.execute(delete(WEB_USER).where(WEB_USER.c.name == name))
    _forgive(rows, name)


def find_user(rows: Connection, name: str) -> User | None:
    """Return a user by name."""
    row = rows.execute(select(WEB_USER).where(WEB_USER.c.name == name)).first()
    return None if row is None else User(name=row.name, role=Role(row.role), stamp=row.stamp)


def all_users(rows: Connection) -> list[User]:
    """Return every user by name."""
    found = rows.execute(select(WEB_USER).order_by(WEB_USER.c.name))
    return [User(name=row.name, role=Role(row.role), stamp=row.stamp) for row in found]


def sign_in(ledger: Ledger, name: str, password: str, address: str, now: datetime) -> User | SignInRefused:
    """Return the user whose password this is, or for how long nothing will be tried."""
    now_ms = to_ms(now)
    with ledger.transaction() as rows:
        row = rows.execute(select(WEB_USER).where(WEB_USER.c.name == name)).first()
        known = UNKNOWN if row is None else name
        subjects = {f"{known}\n{address}": FREE_FAILURES_HERE}
        if row is not None:
            subjects[known] = FREE_FAILURES_ANYWHERE
        wait_s = max(_wait_s(rows, subject, free, now_ms) for subject, free in subjects.items())
        if wait_s == 0:
            # Counted before the password is looked at: attempts at the same time count too.
            for subject in subjects:
                _count(rows, subject, now_ms)
    if wait_s:
        return SignInRefused(wait_s=wait_s)
    if not _is_password(row.password if row is not None else _nobodys_hash(), password) or row is None:
        return SignInRefused(wait_s=0)
    with ledger.transaction() as rows:
        rows.execute(delete(WEB_FAILURE).where(WEB_FAILURE.c.subject.in_(list(subjects))))
        if _HASHER.check_needs_rehash(row.password):
            rows.execute(update(WEB_USER).where(WEB_USER.c.name == name).values(password=_hash(password)))
    return User(name=row.name, role=Role(row.role), stamp=row.stamp)


@functools.cache
def _nobodys_hash() -> str:
    """Return what a password for an unknown name is compared with, so that the answer takes as long."""
    return _HASHER.hash(secrets.token_urlsafe())


def _is_password(hashed: str, password: str) -> bool:
    if len(password) > MAX_PASSWORD:
        return False
    with _HASHING:
        try:
            return _HASHER.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False


def _hash(password: str) -> str:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccountError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters; choose another")
    return _HASHER.hash(password)


def _wait_s(rows: Connection, subject: str, free: int, now_ms: int) -> int:
    row = rows.execute(select(WEB_FAILURE).where(WEB_FAILURE.c.subject == subject)).first()
    if row is None or row.failures < free:
        return 0
    wait_s = min(FIRST_WAIT_S * 2 ** min(row.failures - free, 20), LONGEST_WAIT_S)
    left_ms: int = row.at + wait_s * 1000 - now_ms
    return max(0, -(-left_ms // 1000))


def _count(rows: Connection, subject: str, now_ms: int) -> None:
    rows.execute(delete(WEB_FAILURE).where(WEB_FAILURE.c.at < now_ms - FORGET_AFTER_S * 1000))
    here = WEB_FAILURE.c.subject == subject
    counted = rows.execute(
        update(WEB_FAILURE).where(here).values(failures=WEB_FAILURE.c.failures + 1, at=now_ms)
    )
    if counted.rowcount == 0:
        rows.execute(insert(WEB_FAILURE).values(subject=subject, failures=1, at=now_ms))


def _forgive(rows: Connection, name: str) -> None:
    mine = (WEB_FAILURE.c.subject == name) | WEB_FAILURE.c.subject.startswith(f"{name}\n", autoescape=True)
    rows.execute(delete(WEB_FAILURE).where(mine))


def _require(rows: Connection, name: str) -> None:
    if find_user(rows, name) is None:
        known = ", ".join(user.name for user in all_users(rows)) or "none yet"
        raise AccountError(f"no user {name!r} (users: {known}); make it with `user add {name}`")


def _stamp() -> str:
    return secrets.token_urlsafe(12)
