"""After a call: one e-mail or one signed request, never two, only with consent, and an unsubscribe stops everything."""

import json
import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from rich.console import Console

from console.command_followups import run_followups
from console.elsewhere import tell_contact, untold
from console.followup_outbox import WAITING, end_interrupted, listed, plan, take_next, unsubscribe
from console.followup_rules import FollowupRulesError, read_rules
from console.followup_senders import signature
from console.ledger import Arrival, Ledger
from console.ledger_tables import CONTACT
from console.office import Office
from console.office_tables import FOLLOWUP, REACHABLE
from console.suppressions import all_suppressions
from firmware.clock import SimulatedClock, from_ms
from firmware.sync.messages import OutcomeMessage, PromiseWire
from firmware.sync.messages_policy import ContactElsewhere
from firmware.values import Disposition
from tests.console.command_line import said

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
Outcome = Callable[..., OutcomeMessage]


class Mailbox:
    """What a mail server takes; `answer` is what it says instead of taking it."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.answer = "250 kept"

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:
        if self.answer.startswith("250"):
            self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        return self.answer


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box, port
    server.stop()


class Hook(BaseHTTPRequestHandler):
    """A system of the office, as another program would write it."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((dict(self.headers), body))  # type: ignore[attr-defined]
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)  # type: ignore[attr-defined]
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Hook)
    server.asked, server.answers = [], []  # type: ignore[attr-defined]
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    yield server
    server.shutdown()
    serving.join(5)
    server.server_close()


def rules_text(port: int, extra: str = "") -> str:
    return f"""
[email]
host = "127.0.0.1"
port = {port}
security = "none"
sender = "office@bank.example"
unsubscribe = "https://bank.example/stop/{{token}}"
[[rule]]
name = "promised"
after = ["promise_full", "promise_partial"]
channel = "email"
text = "promise"
consent = "email_reminders"
{extra}
"""


@pytest.fixture
def ready(office: Office, mailbox: tuple[Mailbox, int]) -> tuple[Office, Mailbox, Ledger]:
    """Two people on a list, both promised; one agreed to e-mail."""
    (office.folder / "followups.toml").write_text(rules_text(mailbox[1]))
    ledger = Ledger(office.ledger)
    with ledger.transaction() as rows:
        for n in (1, 2):
            consents = '["email_reminders"]' if n == 1 else "[]"
            rows.execute(
                REACHABLE.insert(),
                {"person": f"p0{n}", "email": f"p{n}@mail.example", "language": "zh-CN", "consents": consents, "at": 0},
            )  # fmt: skip
            rows.execute(
                CONTACT.insert(),
                {"box": "b2", "campaign": "nov", "contact": f"c0{n}", "place": n, "row": n, "person": f"p0{n}",
                 "number": f"+861312345670{n}", "debt": None, "status": "open"},
            )  # fmt: skip
    return office, mailbox[0], ledger


def promised(ledger: Ledger, outcome: Outcome, *numbers: int, at: datetime = NOW) -> None:
    promise = PromiseWire(due=date(2026, 11, 27), amount=None, confirmed=True)
    messages = [
        outcome(n, disposition=Disposition.PROMISE_FULL, promise=promise, answered_at=at, ended_at=at)
        for n in numbers
    ]
    ledger.record([Arrival(box="b1", message=each) for each in messages], seen_at=at)


def go(office: Office, at: datetime = NOW) -> dict[str, int]:
    return run_followups(office, clock=SimulatedClock(at), console=Console(quiet=True))


def states(ledger: Ledger) -> dict[str, tuple[str, str]]:
    with ledger.reading() as rows:
        return {row.person: (row.state, row.reason) for row in listed(rows)}


def test_one_mail_to_who_agreed_and_never_a_second(
    ready: tuple[Office, Mailbox, Ledger], outcome: Outcome
) -> None:
    office, box, ledger = ready
    promised(ledger, outcome, 1, 2, 3)
    assert go(office)["sent"] == 1
    assert go(office, NOW + timedelta(hours=1)) == {"planned": 0, "sent": 0, "failed": 0, "unsure": 0}
    [mail] = box.taken
    assert (mail["To"], mail["From"], mail["Subject"]) == (
        "p1@mail.example",
        "office@bank.example",
        "demo：通话确认",
    )
    text = mail.get_content()
    assert "2026-11-27" in text
    assert mail["List-Unsubscribe"].strip("<>") in text
    assert states(ledger) == {
        "p01": ("sent", ""),
        "p02": ("dropped", "no_consent"),
        "p03": ("dropped", "no_address"),
    }


def test_boxes_count_what_was_written(ready: tuple[Office, Mailbox, Ledger], outcome: Outcome) -> None:
    office, _, ledger = ready
    promised(ledger, outcome, 1)
    go(office)
    with ledger.reading() as rows:
        contacts, _ = untold(rows, "b2", NOW)
    assert ("p01", "email") in {(each.person, each.channel) for each in contacts.values()}


def test_an_unsubscribe_is_an_opt_out_of_everything(
    ready: tuple[Office, Mailbox, Ledger], outcome: Outcome
) -> None:
    office, box, ledger = ready
    promised(ledger, outcome, 1)
    go(office)
    token = box.taken[0]["List-Unsubscribe"].strip("<>").rpartition("/")[2]
    with ledger.transaction() as rows:
        assert not unsubscribe(rows, "guess", NOW)
        assert unsubscribe(rows, token, NOW)
        assert [(each.person, each.reason) for each in all_suppressions(rows)] == [("p01", "opt_out")]
    later = outcome(11, person="p01", disposition=Disposition.PROMISE_FULL)
    ledger.record([Arrival(box="b1", message=later)], seen_at=NOW)
    go(office)
    assert len(box.taken) == 1
    with ledger.reading() as rows:
        assert [row.reason for row in listed(rows, state="dropped")] == ["opted_out"]


def test_contacts_over_all_channels_count_together(
    ready: tuple[Office, Mailbox, Ledger], outcome: Outcome
) -> None:
    """Two calls and a letter are three contacts: the mail waits until one of them is a week old."""
    office, box, ledger = ready
    letter = ContactElsewhere(
        contact="letter-1", person="p01", number="+8613123456701", channel="letter", at=NOW
    )
    with ledger.transaction() as rows:
        tell_contact(rows, letter)
    early = NOW - timedelta(days=6, hours=23)
    call = outcome(12, person="p01", answered_at=early, ended_at=early)
    ledger.record([Arrival(box="b1", message=call)], seen_at=NOW)
    promised(ledger, outcome, 1)
    assert go(office)["sent"] == 0
    assert states(ledger)["p01"] == ("waiting", "too_often")
    assert go(office, NOW + timedelta(hours=2))["sent"] == 1
    assert len(box.taken) == 1


@pytest.mark.parametrize(("answer", "state"), [("451 later", "waiting"), ("550 never", "failed")])
def test_a_refusal_that_may_pass_is_tried_again(
    ready: tuple[Office, Mailbox, Ledger], outcome: Outcome, answer: str, state: str
) -> None:
    office, box, ledger = ready
    box.answer = answer
    promised(ledger, outcome, 1)
    assert go(office)["failed"] == 1
    assert states(ledger)["p01"][0] == state
    box.answer = "250 kept"
    assert go(office)["sent"] == 0, "not before its time"
    assert go(office, NOW + timedelta(minutes=2))["sent"] == (1 if state == "waiting" else 0)


def test_what_may_have_gone_out_is_not_sent_again(
    ready: tuple[Office, Mailbox, Ledger], outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, box, ledger = ready
    promised(ledger, outcome, 1)

    def cut(*_: object, **__: object) -> None:
        raise smtplib.SMTPServerDisconnected("cut")

    monkeypatch.setattr(smtplib.SMTP, "send_message", cut)
    assert go(office)["unsure"] == 1
    monkeypatch.undo()
    assert go(office, NOW + timedelta(hours=1))["sent"] == 0
    assert states(ledger)["p01"] == ("unsure", "SMTPServerDisconnected")
    assert not box.taken


def test_a_program_that_was_stopped_while_sending(
    ready: tuple[Office, Mailbox, Ledger], outcome: Outcome
) -> None:
    office, _, ledger = ready
    promised(ledger, outcome, 1)
    rules = read_rules(office.folder / "followups.toml")
    with ledger.transaction() as rows:
        plan(rows, rules, NOW)
        assert take_next(rows, rules, NOW) is not None
        assert take_next(rows, rules, NOW) is None, "nobody else takes it"
    with ledger.transaction() as rows:
        assert end_interrupted(rows, NOW) == 1
    assert states(ledger)["p01"] == ("unsure", "interrupted")


def test_what_is_too_late_is_dropped(ready: tuple[Office, Mailbox, Ledger], outcome: Outcome) -> None:
    office, box, ledger = ready
    box.answer = "451 later"
    promised(ledger, outcome, 1)
    go(office)
    box.answer = "250 kept"
    assert go(office, NOW + timedelta(hours=49))["sent"] == 0
    assert states(ledger)["p01"] == ("dropped", "too_late")


def test_nobody_is_written_to_in_quiet_hours(ready: tuple[Office, Mailbox, Ledger], outcome: Outcome) -> None:
    office, box, ledger = ready
    rules = office.folder / "followups.toml"
    rules.write_text(
        '[quiet]\nbegins = "09:00"\nends = "11:00"\nzone = "Asia/Shanghai"\n' + rules.read_text()
    )
    promised(ledger, outcome, 1)
    assert go(office)["sent"] == 0
    assert states(ledger)["p01"] == ("waiting", "quiet_hours")
    assert [go(office, NOW + timedelta(minutes=n))["sent"] for n in (59, 60)] == [0, 1]
    assert len(box.taken) == 1


@pytest.fixture
def hooked(office: Office, hook: HTTPServer) -> Office:
    url = f"http://127.0.0.1:{hook.server_port}/outcomes"
    (office.folder / "followups.toml").write_text(
        f'[webhook]\nurl = "{url}"\nsecret_file = "hook.secret"\n'
        '[[rule]]\nname = "tell"\nafter = ["complaint"]\nchannel = "webhook"\n'
    )
    secret = office.folder / "hook.secret"
    secret.touch(mode=0o600)
    secret.write_bytes(b"k" * 40)
    return office


def test_a_webhook_is_signed_and_repeated_under_one_key(
    hooked: Office, hook: HTTPServer, outcome: Outcome
) -> None:
    ledger = Ledger(hooked.ledger)
    hook.answers[:] = [503, 429, 200]  # type: ignore[attr-defined]
    complaint = outcome(1, disposition=Disposition.COMPLAINT)
    ledger.record([Arrival(box="b1", message=complaint)], seen_at=NOW)
    for minutes in (0, 2, 8, 30):
        go(hooked, NOW + timedelta(minutes=minutes))
    asked = hook.asked  # type: ignore[attr-defined]
    assert len(asked) == 3
    assert len({headers["Idempotency-Key"] for headers, _ in asked}) == 1
    for headers, body in asked:
        assert headers["Branchline-Signature"] == signature(b"k" * 40, headers["Branchline-Timestamp"], body)
    assert json.loads(asked[0][1])["outcome"]["disposition"] == "complaint"


@pytest.mark.parametrize(("code", "state"), [(400, "failed"), (302, "failed"), (502, "waiting")])
def test_what_a_webhook_answers(
    hooked: Office, hook: HTTPServer, outcome: Outcome, code: int, state: str
) -> None:
    ledger = Ledger(hooked.ledger)
    hook.answers[:] = [code]  # type: ignore[attr-defined]
    ledger.record([Arrival(box="b1", message=outcome(1, disposition=Disposition.COMPLAINT))], seen_at=NOW)
    go(hooked)
    assert states(ledger)["p01"][0] == state
    assert len(hook.asked) == 1, "no redirection is followed"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no file"),
        (rules_text(25).replace('security = "none"', 'security = "maybe"'), "security"),
        (rules_text(25).replace("127.0.0.1", "mail.example"), "this machine only"),
        (rules_text(25).replace('"promise_full"', '"opt_out"'), "nobody is written to after opt_out"),
        (rules_text(25).replace('text = "promise"', 'text = "poem"'), "no text 'poem'"),
        (rules_text(25).replace("email_reminders", ""), "name the consent"),
        (rules_text(25).replace("/{token}", ""), "unsubscribe"),
        (
            rules_text(25, '[text.promise.en]\nsubject = "x"\ntext = "{amount} {unsubscribe}"'),
            "no field 'amount'",
        ),
        (rules_text(25, '[text.promise.en]\nsubject = "x"\ntext = "hello"'), "say how to stop"),
        ('[quiet]\nzone = "Mars"\n' + rules_text(25), "IANA name"),
        ('[[rule]]\nname = "x"\nafter = ["busy"]\nchannel = "webhook"', "no [webhook]"),
    ],
)
def test_rules_that_cannot_be(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "followups.toml"
    if text:
        path.write_text(text)
    with pytest.raises(FollowupRulesError) as caught:
        read_rules(path)
    assert said.replace("no file", "No such file") in str(caught.value)


def test_a_secret_that_others_can_read_is_refused(hooked: Office) -> None:
    (hooked.folder / "hook.secret").chmod(0o644)
    with pytest.raises(FollowupRulesError, match="chmod 600"):
        go(hooked)


def test_followups_on_the_command_line(
    office: Office,
    mailbox: tuple[Mailbox, int],
    outcome: Outcome,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    (office.folder / "followups.toml").write_text(rules_text(mailbox[1]))
    people = tmp_path / "people.csv"
    people.write_text(
        "person,email,language,consents\np01,a@mail.example,en,email_reminders\np02,no address,en,\n"
        'p03,"a@b.example\nBcc: x@y.example",en,\n'
    )
    where = ("--office", office.folder)
    found = json.loads(said(capsys, "followups", "people", people, "--json", *where)[1])
    assert (found["taken"], [each["row"] for each in found["bad_rows"]]) == (1, [3, 4])
    promised(Ledger(office.ledger), outcome, 1)
    counts = json.loads(said(capsys, "followups", "run", "--json", "--now", NOW.isoformat(), *where)[1])
    assert counts["sent"] == 1
    [mail] = mailbox[0].taken
    assert mail["Subject"] == "demo: what we agreed on the telephone"
    [row] = json.loads(said(capsys, "followups", "list", "--json", *where)[1])
    assert (row["state"], row["person"]) == ("sent", "p01")
    assert "a@mail.example" not in json.dumps(row)
    token = mail["List-Unsubscribe"].strip("<>").rpartition("/")[2]
    assert said(capsys, "followups", "unsubscribe", token, *where)[0] == 0
    assert said(capsys, "followups", "unsubscribe", "none", *where)[0] == 1


def test_tables_hold_what_they_say(ready: tuple[Office, Mailbox, Ledger], outcome: Outcome) -> None:
    office, _, ledger = ready
    promised(ledger, outcome, 1)
    rules = read_rules(office.folder / "followups.toml")
    with ledger.transaction() as rows:
        assert (plan(rows, rules, NOW), plan(rows, rules, NOW)) == (1, 0)
        [row] = rows.execute(FOLLOWUP.select()).all()
    assert (row.state, from_ms(row.next_at)) == (WAITING, NOW)
    assert len(row.token) >= 24
