"""One loaded understander for all of these tests."""

import pytest

from firmware.dialogue.understanding.understander import Understander


@pytest.fixture(scope="session")
def understander() -> Understander:
    return Understander.load()
