"""What a console may ask a box to do, and what the box answers (request and response of MQTT 5)."""

from typing import Annotated, Any, Literal

import msgspec

from firmware.sync.envelope import Durable, Id, Instant, Message, Text

CommandStatus = Literal["done", "failed", "refused", "expired", "interrupted"]


class Command(Message, frozen=True, kw_only=True, tag_field="type", tag="command"):
    """Do one thing once. Response Topic and Correlation Data say where and under which name to answer."""

    name: Id
    """self-check, diagnostics, ussd, test-call, reboot, log-level, update; any other is refused by name."""
    expires_at: Instant
    """A box that reads it later does not do it; at most seven days after `at`."""
    arguments: dict[str, Any] = {}
    """By the command's name; an unknown or ill-typed one is refused with its path."""


class Response(Durable, frozen=True, kw_only=True, tag_field="type", tag="response"):
    """What came of one command, stored at the box: a command that is repeated gets the same again."""

    about: Id
    """The command's id."""
    name: Annotated[str, msgspec.Meta(max_length=64)]
    status: CommandStatus
    """interrupted: the box went down in the middle, and it is not known how far it came."""
    reason: str = ""
    """Of a refusal or failure, a name: unknown_command, bad_arguments, call_up, line_busy, timeout, …"""
    detail: Text = ""
    started_at: Instant | None = None
    finished_at: Instant
    result: dict[str, Any] = {}
