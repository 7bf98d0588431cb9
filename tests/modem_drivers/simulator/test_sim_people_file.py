"""People files: what they say, and where they are wrong."""

from datetime import date
from pathlib import Path

import pytest

from modem_drivers.simulator import (
    Beep,
    HangUp,
    Pause,
    PeopleFileError,
    Person,
    Press,
    Reaction,
    Say,
    WaitForSilence,
    load_people,
)

MONDAY = date(2026, 3, 2)
FILE = """
people:
  - number: "+8613800000001"
    name: whoever reads this file
    language: zh
    reaction: answer
    ring_s: 4
    noise_dbfs: -60
    patience_s: 20
    steps:
      - say: 喂，你好
      - wait_for_silence: 1.0
        timeout_s: 20
      - press: "1{next_friday:%m%d}#"
        tone_ms: 80
      - pause: 0.5
      - say: 我{tomorrow:%d}号付
      - beep: {frequency_hz: 1000, ms: 400}
      - hang_up: true
  - number: 10086
    reaction: busy
    later_reactions: [no_answer, answer]
    cause: 31
"""


def test_a_whole_file() -> None:
    assert load_people(FILE, today=MONDAY) == [
        Person(
            number="+8613800000001",
            ring_s=4.0,
            noise_dbfs=-60.0,
            patience_s=20.0,
            steps=(
                Say(text="喂，你好"),
                WaitForSilence(silence_s=1.0, timeout_s=20.0),
                Press(keys="10306#", tone_s=0.08),
                Pause(duration_s=0.5),
                Say(text="我03号付"),
                Beep(frequency_hz=1000.0, duration_s=0.4),
                HangUp(),
            ),
        ),
        Person(
            number="10086",
            reaction=Reaction.BUSY,
            later_reactions=(Reaction.NO_ANSWER, Reaction.ANSWER),
            cause=31,
        ),
    ]


def test_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "people.yaml"
    path.write_text(FILE, encoding="utf-8")
    assert load_people(path, today=MONDAY) == load_people(FILE, today=MONDAY)
    with pytest.raises(PeopleFileError, match=r"^absent\.yaml: cannot be read"):
        load_people(tmp_path / "absent.yaml", today=MONDAY)


@pytest.mark.parametrize(
    ("today", "friday"),
    [
        (date(2026, 3, 2), "0306"),
        (date(2026, 3, 5), "0306"),
        (date(2026, 3, 6), "0313"),
        (date(2026, 12, 26), "0101"),
    ],
    ids=["monday", "thursday", "friday itself is over", "over new year"],
)
def test_the_next_friday(today: date, friday: str) -> None:
    text = 'people: [{number: "1", steps: [{press: "{next_friday:%m%d}"}]}]'
    assert load_people(text, today=today)[0].steps == (Press(keys=friday),)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "people:1: empty", id="empty"),
        pytest.param("persons: []", "people:1: `persons` is unknown", id="wrong top"),
        pytest.param("people:\n  - number: [", "people:2: not YAML", id="not YAML"),
        pytest.param("people:\n  - reaction: busy", "people:2: a person needs a number", id="no number"),
        pytest.param("people:\n  - number: abc", "people:2: a number is digits", id="letters"),
        pytest.param(
            "people:\n  - number: '1'\n    reacts: busy", "people:3: `reacts` is unknown", id="unknown key"
        ),
        pytest.param(
            "people:\n  - number: '1'\n    reaction: dead",
            "people:3: `dead` is no reaction",
            id="unknown reaction",
        ),
        pytest.param(
            "people:\n  - number: '1'\n    number: '2'", "people:3: `number` stands here twice", id="twice"
        ),
        pytest.param(
            "people:\n  - number: '1'\n  - number: '1'", "people:3: this number is another", id="two people"
        ),
        pytest.param(
            "people:\n  - number: '1'\n    ring_s: soon",
            "people:3: could not convert",
            id="no number of seconds",
        ),
        pytest.param(
            "people:\n  - number: '1'\n    ring_s: -1", "people:3: give seconds", id="before it rings"
        ),
        pytest.param("people:\n  - number: '1'\n    ring_s: .nan", "people:3: ", id="not a number"),
        pytest.param(
            "people:\n  - number: '1'\n    steps:\n      - shout: hey",
            "people:4: `shout` is unknown",
            id="unknown step",
        ),
        pytest.param(
            "people:\n  - number: '1'\n    steps:\n      - press: 1x",
            "people:4: x is no telephone key",
            id="no key",
        ),
        pytest.param(
            "people:\n  - number: '1'\n    steps:\n      - say: '{today.year}'",
            "people:4: {today.year} is unknown",
            id="attributes",
        ),
        pytest.param(
            "people:\n  - number: '1'\n    steps:\n      - say: 'a{'", "people:4: ", id="open brace"
        ),
        pytest.param(
            "people:\n  - number: '1'\n    steps:\n      - beep: {ms: 1}",
            "people:4: a beep needs",
            id="half a beep",
        ),
        pytest.param(
            "people:\n  - number: '1'\n    steps:\n      - say: a\n        pause: 1",
            "people:4: `pause` does not",
            id="two steps in one",
        ),
        pytest.param(
            "people:\n  - number: '1'\n    steps: say", "people:3: a list belongs here", id="no list"
        ),
    ],
)
def test_complaints_name_their_line(text: str, complaint: str) -> None:
    with pytest.raises(PeopleFileError) as raised:
        load_people(text, today=MONDAY)
    assert str(raised.value).startswith(complaint)
