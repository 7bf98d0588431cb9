"""The box listens as its settings say: with real recogniser processes, or by keys alone."""

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from audio.errors import RecogniserError
from audio.listening.silero import SileroActivity
from console.authority import init_office, issue_box
from firmware.calls.listening import Understands
from firmware.clock import SystemClock
from firmware.daemon.checkup import check_box
from firmware.daemon.starting import open_hearing
from firmware.dialogue.slots import Asked
from firmware.settings import Settings, SettingsError, load_settings
from firmware.settings_sections import ListeningSection


class Nobody:
    """Understands nothing."""

    def understand(self, text: str, *, language: str, asked: Asked, today: date, after_node: str = "") -> Any:
        raise AssertionError("nothing was said")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    now = SystemClock().now()
    return load_settings(
        issue_box(init_office(tmp_path, "bank", "127.0.0.1", now=now), "box-1", now=now) / "box.toml"
    )


def hears(settings: Settings, understands: Understands | None, **listening: Any) -> tuple[bool, bool] | None:
    """Return whether the box hears English and Mandarin, None if it goes by keys alone."""
    changed = msgspec.structs.replace(settings, listening=ListeningSection(**listening))

    async def open_it() -> tuple[bool, bool] | None:
        async with asyncio.timeout(60), open_hearing(changed, understands) as hearing:
            if hearing is None:
                return None
            ears: Any = hearing.ears
            assert not hearing.ears.hears("en")
            await ears.ready()
            assert isinstance(hearing.make_speech(), SileroActivity)
            return hearing.ears.hears("en-GB"), hearing.ears.hears("zh-CN")

    return asyncio.run(open_it())


def test_a_box_hears_what_is_installed(settings: Settings) -> None:
    assert hears(settings, Nobody(), workers=1) == (True, False)


def test_by_keys_alone_if_the_settings_say_so_or_nobody_understands(settings: Settings) -> None:
    assert hears(settings, Nobody(), recognition=False) is None
    assert hears(settings, None) is None


def test_a_judge_that_is_asked_for_and_missing_is_a_mistake_in_the_settings(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(choice: str) -> Any:
        raise RecogniserError(f"{choice} is not installed: pip install 'branchline[silero]'")

    monkeypatch.setattr("firmware.daemon.starting.speech_maker", missing)
    with pytest.raises(SettingsError, match=r"\[listening\] speech.*pip install"):
        hears(settings, Nobody(), speech="silero")


@pytest.mark.parametrize(
    ("recognition", "says"),
    [(True, "recognisers for en; zh by keys alone: branchline models fetch"), (False, "by keys alone")],
)
def test_the_check_says_what_would_be_heard(settings: Settings, recognition: bool, says: str) -> None:
    changed = msgspec.structs.replace(settings, listening=ListeningSection(recognition=recognition))
    findings = {one.what: one for one in asyncio.run(check_box(changed))}
    assert findings["listening"].passed
    assert findings["listening"].detail.startswith(says)
