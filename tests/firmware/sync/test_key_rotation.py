"""Keys rotate: the old one names the new one, then retires; a stolen retired key commands nobody, whatever the clock."""

import asyncio
import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware.sync.messages import encode
from firmware.sync.messages_keys import KeySet, SigningKey
from tests.firmware.sync.sync_world import NOW, TOPICS, BoxSide, Console

DAY = timedelta(days=1)


def run(story: Callable[[], Any]) -> Any:
    return asyncio.run(story())


def listed(key: Ed25519PrivateKey, *, retires_at: datetime | None = None) -> SigningKey:
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return SigningKey(public_key=base64.b64encode(raw).decode(), valid_from=NOW, retires_at=retires_at)


class Shifting:
    """A box whose clock the test sets, and a console with an old, a new and a next key."""

    def __init__(self, folder: Path) -> None:
        self.old, self.new = Console(), Console()
        self.s = 0.0
        self.folder = folder
        self.n = 0
        self.box = BoxSide(folder, self.old, monotonic_s=lambda: self.s)

    def restart(self) -> None:
        self.box.database.close_now()
        self.box = BoxSide(self.folder, self.old, monotonic_s=lambda: self.s)

    def id(self) -> str:
        self.n += 1
        return f"x{self.n}"

    async def say(self, by: Console, message: Any, leaf: str) -> tuple[bool, str]:
        await self.box.downlink.handle(by.received(TOPICS.down(leaf), encode(message)))
        ack = (await self.box.acks())[-1]
        return ack.accepted, ack.reason

    async def keys(self, by: Console, version: int, *keys: SigningKey) -> tuple[bool, str]:
        return await self.say(by, KeySet(id=self.id(), at=NOW, version=version, keys=list(keys)), "keys")

    async def command(self, by: Console) -> tuple[bool, str]:
        from firmware.sync.messages import Control

        return await self.say(by, Control(id=self.id(), at=NOW, action="stop_all"), "control")


@pytest.fixture
def site(tmp_path: Path) -> Any:
    made = Shifting(tmp_path)
    yield made
    made.box.database.close_now()


def test_the_old_key_names_the_new_one_and_retires(site: Shifting) -> None:
    async def story() -> None:
        assert await site.command(site.new) == (False, "unknown_key")
        overlap = (listed(site.old.key, retires_at=NOW + 7 * DAY), listed(site.new.key))
        assert await site.keys(site.old, 2, *overlap) == (True, "")
        assert await site.command(site.new) == (True, "")
        assert await site.command(site.old) == (True, ""), "both count while they overlap"
        site.s = 7 * 24 * 3600
        assert await site.command(site.old) == (False, "retired_key")
        assert await site.keys(site.old, 3, listed(site.old.key)) == (False, "retired_key")
        assert await site.command(site.new) == (True, "")

    run(story)


def test_a_restart_and_a_clock_set_back_change_nothing(site: Shifting) -> None:
    async def story() -> None:
        await site.keys(site.old, 2, listed(site.old.key, retires_at=NOW + DAY), listed(site.new.key))
        site.s = 2 * 24 * 3600
        assert await site.command(site.new) == (True, "")
        site.s = 0
        assert await site.command(site.old) == (False, "retired_key"), "within one run"
        site.restart()
        assert await site.command(site.old) == (False, "retired_key"), "and after the next start"

    run(story)


def test_the_console_s_own_time_retires_a_key_on_a_box_whose_clock_stands_still(site: Shifting) -> None:
    async def story() -> None:
        await site.keys(site.old, 2, listed(site.old.key, retires_at=NOW + DAY), listed(site.new.key))
        from firmware.sync.messages import Control

        later = Control(id="later", at=NOW + 3 * DAY, action="resume_all")
        assert await site.say(site.new, later, "control") == (True, "")
        assert await site.command(site.old) == (False, "retired_key")

    run(story)


def test_a_retiring_key_cannot_push_the_time(site: Shifting) -> None:
    """Whoever stole the old key cannot make the new one look older than it is, nor end the overlap early."""

    async def story() -> None:
        from firmware.sync.messages import Control

        await site.keys(site.old, 2, listed(site.old.key, retires_at=NOW + DAY), listed(site.new.key))
        ahead = Control(id="ahead", at=NOW + 300 * DAY, action="stop_all")
        assert await site.say(site.old, ahead, "control") == (True, "")
        assert await site.command(site.old) == (True, "")

    run(story)


def test_versions_only_rise(site: Shifting) -> None:
    async def story() -> None:
        assert await site.keys(site.old, 5, listed(site.old.key), listed(site.new.key)) == (True, "")
        assert await site.keys(site.old, 4, listed(site.old.key)) == (False, "old_version")
        assert await site.keys(site.old, 5, listed(site.old.key)) == (False, "old_version")
        assert await site.keys(site.new, 5, listed(site.old.key), listed(site.new.key)) == (True, "")
        assert await site.keys(site.new, 6, listed(site.new.key)) == (True, "")
        assert await site.command(site.old) == (False, "unknown_key"), "a set without it ends it at once"

    run(story)


def test_a_set_that_would_leave_nobody_is_refused(site: Shifting) -> None:
    async def story() -> None:
        site.s = 3600
        gone = listed(site.old.key, retires_at=NOW)
        assert await site.keys(site.old, 2, gone) == (False, "no_valid_key")
        assert await site.keys(site.old, 2, listed(site.new.key), listed(site.new.key)) == (
            False,
            "malformed",
        )
        assert await site.command(site.old) == (True, "")

    run(story)


def test_a_retired_key_does_not_come_back(site: Shifting) -> None:
    async def story() -> None:
        await site.keys(site.old, 2, listed(site.old.key, retires_at=NOW + DAY), listed(site.new.key))
        site.s = 2 * 24 * 3600
        again = (listed(site.old.key), listed(site.new.key))
        assert await site.keys(site.new, 3, *again) == (False, "key_retired")

    run(story)


def test_a_stranger_renews_nothing(site: Shifting) -> None:
    async def story() -> None:
        stranger = Console()
        assert await site.keys(stranger, 9, listed(stranger.key)) == (False, "unknown_key")
        assert await site.command(site.old) == (True, "")

    run(story)
