"""box.toml: what is wrong is said in one line that names the file and the place."""

from pathlib import Path

import pytest

from firmware.daemon.agents_in_settings import roster_of
from firmware.settings import SettingsError, load_settings

GOOD = """
[box]
id = "branch-7"
tenant = "bank"
time_zone = "Asia/Shanghai"
data_dir = "data"
[mqtt]
host = "mqtt.example.org"
ca = "ca.crt"
certificate = "box.crt"
key = "box.key"
[console]
keys = ["console-keys/a.pem"]
recording_recipients = ["age1qqq"]
[[line]]
id = "line-1"
at_port = "/dev/ttyUSB2"
pcm_port = "/dev/ttyUSB4"
"""


def load(folder: Path, text: str) -> None:
    file = folder / "box.toml"
    file.write_text(text, encoding="utf-8")
    load_settings(file)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "box.toml").write_text(GOOD, encoding="utf-8")
    settings = load_settings(tmp_path / "box.toml")
    assert settings.box.data_dir == str(tmp_path / "data")
    assert settings.mqtt.key == str(tmp_path / "box.key")
    assert settings.console.keys == [str(tmp_path / "console-keys/a.pem")]
    assert settings.line[0].at_port == "/dev/ttyUSB2"


def test_a_line_may_name_a_sound_card(tmp_path: Path) -> None:
    named = 'sound_card = "USB Audio"\nsound_rate_hz = 48000'
    (tmp_path / "box.toml").write_text(GOOD.replace('pcm_port = "/dev/ttyUSB4"', named), encoding="utf-8")
    (line,) = load_settings(tmp_path / "box.toml").line
    assert (line.sound_card, line.sound_rate_hz, line.pcm_port) == ("USB Audio", 48_000, None)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param(
            'host = "mqtt', 'hots = "x"\nhost = "mqtt', ["unknown key", "`hots`", "[mqtt]"], id="misspelt key"
        ),
        pytest.param("[box]", "[bxo]\n[box]", ["unknown key", "`bxo`", "top level"], id="misspelt section"),
        pytest.param('id = "branch-7"\n', "", ["missing key", "`id`", "[box]"], id="missing key"),
        pytest.param('host = "mqtt.example.org"', "host = 7", ["[mqtt.host]"], id="wrong type"),
        pytest.param(
            "Asia/Shanghai", "Mars/Olympus", ["unknown time zone", "Mars/Olympus"], id="no such zone"
        ),
        pytest.param("[box]", "[box", ["not TOML"], id="not TOML"),
        pytest.param(
            "[[line]]",
            '[[line]]\nid = "line-1"\nat_port = "/dev/a"\npcm_port = "/dev/b"\n[[line]]',
            ["line-1"],
            id="two lines alike",
        ),
        pytest.param(
            'at_port = "/dev/ttyUSB2"\npcm_port = "/dev/ttyUSB4"',
            "",
            ["line-1", "one of"],
            id="no modem named",
        ),
        pytest.param("[[line]]", '[[line]]\nimei = "861234567890123"', ["one of"], id="named twice over"),
        pytest.param("[[line]]", '[[line]]\nusb_path = "ttyUSB2"', ["usb_path"], id="no USB path"),
        pytest.param(
            "[[line]]",
            '[[line]]\npin_file = "a"\npin_credential = "b"',
            ["pin_file and pin_credential"],
            id="two PINs",
        ),
        pytest.param(
            "[[line]]", '[[line]]\nsound_card = "USB"', ["pcm_port and sound_card"], id="two ways of sound"
        ),
        pytest.param(
            "[[line]]", "[[line]]\nsound_rate_hz = 8000", ["goes with sound_card"], id="no card's rate"
        ),
        pytest.param(
            'pcm_port = "/dev/ttyUSB4"',
            'sound_card = "USB"\nsound_rate_hz = 44100',
            ["sound_rate_hz"],
            id="a rate that no card is used at",
        ),
        pytest.param(
            'pcm_port = "/dev/ttyUSB4"',
            'sound_card = "USB"\n[[line]]\nid = "line-2"\nat_port = "/dev/a"\nsound_card = "USB"',
            ["same sound_card"],
            id="one card for two lines",
        ),
        pytest.param(
            "[box]",
            "[compliance]\nsuppression_lease_h = 48\n[box]",
            ["compliance.suppression_lease_h"],
            id="a longer lease",
        ),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    assert old in GOOD
    with pytest.raises(SettingsError) as refusal:
        load(tmp_path, GOOD.replace(old, new, 1))
    text = str(refusal.value)
    assert text.startswith(str(tmp_path / "box.toml"))
    assert "\n" not in text
    for word in words:
        assert word in text


def test_a_missing_file_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--config"):
        load_settings(tmp_path / "nowhere.toml")


TRUNK = '[[trunk]]\nid = "office"\nserver = "sip.example.com"\nuser = "box7"\n'


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "password_file"),
        ('password_file = "p"\npassword_credential = "c"\n', "keep one"),
        ("register = false\nsrtp = true\n", 'transport = "tls"'),
        ('register = false\ntransport = "tls"\n', "ca"),
        ('register = false\nserver_name = "x"\n', "unknown key"),
    ],
)
def test_a_trunk_that_cannot_work_is_refused(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(tmp_path, GOOD + TRUNK + more)


def test_a_trunk_is_read_with_its_files_beside_the_settings(tmp_path: Path) -> None:
    load(tmp_path, GOOD + TRUNK + 'password_file = "p"\nlines = 4\n')
    [trunk] = load_settings(tmp_path / "box.toml").trunk
    assert (trunk.lines, trunk.codecs) == (4, ("pcma", "pcmu"))
    assert trunk.password_file == str(tmp_path / "p")


AGENTS = """
[handover]
accept_s = 20
[[agent]]
id = "desk-2"
number = "+8613900000002"
languages = ["en"]
order = 2
[[agent]]
id = "desk-1"
number = "+8613900000001"
languages = ["zh-CN", "en"]
hours = [{days = ["mon", "tue"], opens = "09:00", closes = "18:00"}]
lines = ["line-1"]
"""


def test_agents_are_called_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "box.toml").write_text(GOOD + AGENTS, encoding="utf-8")
    roster = roster_of(load_settings(tmp_path / "box.toml"))
    assert roster is not None
    assert [agent.agent for agent in roster.agents] == ["desk-1", "desk-2"]
    assert (roster.terms.accept_s, roster.terms.records, roster.terms.accepts_speech) == (20, True, False)


BY_SIP = (
    TRUNK
    + """register = false
lines = 2
numbers = ["+862155501234"]
[[agent]]
id = "desk-3"
sip = "2001"
trunk = "office"
languages = ["zh-CN"]
transfer = "refer"
"""
)


def test_an_agent_may_be_an_extension_of_a_trunk(tmp_path: Path) -> None:
    (tmp_path / "box.toml").write_text(GOOD + BY_SIP, encoding="utf-8")
    roster = roster_of(load_settings(tmp_path / "box.toml"))
    assert roster is not None
    [agent] = roster.agents
    assert (agent.address, agent.number, agent.is_referred) == ("2001", None, True)
    assert agent.lines == {"office-1", "office-2"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param('sip = "2001"\n', "", "either number or sip", id="neither"),
        pytest.param(
            'sip = "2001"', 'sip = "2001"\nnumber = "+8613900000001"', "either number or sip", id="both"
        ),
        pytest.param('trunk = "office"\n', "", "trunk = ID", id="no trunk"),
        pytest.param('trunk = "office"', 'trunk = "home"', "'home'", id="no such trunk"),
        pytest.param('"2001"', '"9911"', "emergency", id="an emergency number behind the 9"),
        pytest.param('"2001"', '"sip:112@sip.example.com"', "emergency", id="an emergency address"),
        pytest.param('"2001"', '"sip:a@b?Replaces=x"', "sip", id="no plain address"),
        pytest.param('sip = "2001"', 'sip = "2001"\nlines = ["line-1"]', "line-1", id="not the trunk's line"),
        pytest.param(
            'sip = "2001"', 'number = "+862155501234"', "our own lines", id="the trunk's own number"
        ),
    ],
)
def test_an_extension_that_cannot_be_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in BY_SIP
    with pytest.raises(SettingsError, match=said):
        load(tmp_path, GOOD + BY_SIP.replace(old, new, 1))


def test_without_agents_nobody_is_put_through(tmp_path: Path) -> None:
    (tmp_path / "box.toml").write_text(GOOD, encoding="utf-8")
    assert roster_of(load_settings(tmp_path / "box.toml")) is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param('"desk-2"', '"desk-1"', ["two [[agent]]", "desk-1"], id="one id twice"),
        pytest.param('"line-1"]', '"line-9"]', ["desk-1", "'line-9'"], id="no such line"),
        pytest.param(
            'opens = "09:00"', 'opens = "19:00"', ["desk-1", "19:00", "two spans"], id="over midnight"
        ),
        pytest.param('"+8613900000002"', '"110"', ["[agent", "number"], id="no international number"),
        pytest.param(
            'pcm_port = "/dev/ttyUSB4"',
            'pcm_port = "/dev/ttyUSB4"\nnumber = "+8613900000002"',
            ["desk-2", "our own lines"],
            id="our own number",
        ),
    ],
)
def test_agents_that_cannot_be_are_refused(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    assert old in GOOD + AGENTS
    with pytest.raises(SettingsError) as refusal:
        load(tmp_path, (GOOD + AGENTS).replace(old, new, 1))
    assert all(word in str(refusal.value) for word in words), refusal.value
