"""What a command does to the database: kept to be done once, or refused by name; doing it is others' work."""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from firmware.store import commands
from firmware.store.commands import StoredCommand
from firmware.store.connection import Connection
from firmware.sync.answers import Answer, refused
from firmware.sync.messages_command import Command
from firmware.sync.responding import Responder
from firmware.sync.topics import BoxTopics, InvalidNameError, topic_level

CommandCheck = Callable[[str, bytes], tuple[str, str] | None]
"""(name, arguments) to (reason, what to do) of a command that this box does not do, None for one that it does."""

MAX_WAITING = 16
LONGEST_LIFE = timedelta(days=7)
MAX_CORRELATION_BYTES = 256
_MAX_LEVELS = 4


def no_commands(name: str, arguments: bytes) -> tuple[str, str] | None:
    """Refuse every command: a box that does none."""
    del arguments
    return "unknown_command", f"$.name: this box does no commands, so not {name[:64]!r}"


def apply_command(
    con: Connection,
    message: Command,
    *,
    leaf: str,
    correlation: bytes,
    check: CommandCheck,
    responder: Responder,
    now: datetime,
) -> Answer:
    """Keep a command for its turn, or refuse it; either way its response has somewhere to go."""
    command = StoredCommand(
        id=message.id,
        name=message.name,
        arguments=msgspec.json.encode(message.arguments),
        expires_at=message.expires_at,
        leaf=leaf,
        correlation=correlation,
        started_at=None,
        boot="",
    )
    problem = check(message.name, command.arguments)
    if problem is None and message.expires_at > message.at + LONGEST_LIFE:
        problem = ("expires_too_late", f"$.expires_at: at most {LONGEST_LIFE.days} days after $.at")
    if problem is None and commands.n_waiting(con) >= MAX_WAITING:
        problem = ("too_many", f"{MAX_WAITING} commands wait already: ask again when they are done")
    commands.add(con, command, received_at=now)
    if message.expires_at <= now:
        responder.finish(
            con, command, "expired", reason="expired", detail="$.expires_at: had passed when it came"
        )
        return refused("expired", "$.expires_at: had passed when it came")
    if problem is not None:
        responder.finish(con, command, "refused", reason=problem[0], detail=problem[1])
        return refused(*problem)
    return Answer(accepted=True)


def response_leaf(topics: BoxTopics, wanted: str) -> str | None:
    """Return where a response goes below ``up/``, None for a Response Topic that is not this box's own (pure).

    The Response Topic is not signed: whoever sits at the broker could write another there.
    """
    leaf, root = "response", topics.up("response")
    if not wanted or wanted == root:
        return leaf
    if not wanted.startswith(f"{root}/"):
        return None
    rest = wanted[len(root) + 1 :].split("/")
    try:
        levels = [topic_level(level) for level in rest]
    except InvalidNameError:
        return None
    return "/".join([leaf, *levels]) if len(levels) <= _MAX_LEVELS else None
