"""A daemon is ready before it has read what calls are understood by, and understands the first text all the same."""

import subprocess
import sys
from datetime import date

from firmware.daemon.understanding_soon import UnderstanderSoon
from firmware.dialogue.slots import Asked
from firmware.dialogue.understanding.understander import Understander

WHAT = {"language": "en", "asked": Asked.CONFIRM, "today": date(2026, 11, 24)}


def test_nothing_of_it_is_read_before_it_is_asked_for() -> None:
    program = (
        "import sys, firmware.daemon.starting as s; s.UnderstanderSoon()\n"
        "print('firmware.dialogue.understanding.understander' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_it_understands_as_the_other_does_and_is_read_once() -> None:
    soon = UnderstanderSoon()
    for text in ("yes that is right", "no, I never agreed to this"):
        assert soon.understand(text, **WHAT) == Understander.load().understand(text, **WHAT)  # type: ignore[arg-type]
    assert soon.load() is soon.load()
