"""What the pages show and do."""

import csv
import io
import re
import threading
import wave
from collections import Counter
from collections.abc import Callable

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from sqlalchemy import select

from console.cases import is_swept, sweep
from console.corrections import standing
from console.errors import BrokerError
from console.ledger import Arrival, Ledger
from console.ledger_tables import EVENT
from console.web import application
from console.web.catalogue import CATALOGUE, DISPOSITIONS, WORDS
from console.web.fleet_pages import LATEST_ALARMS
from console.web.remembered import Remembered
from console.web.roles import Role
from console.web.server import prepare
from console.web_tables import CASE, OF_UPDATES, WEB_ACCESS
from firmware.sync.messages import Ack, OutcomeMessage
from firmware.values import Disposition, mask
from tests.console.web.web_world import (
    COMPLAINT,
    HOSTILE,
    N_OUTCOMES,
    NOW,
    NUMBER,
    RECORDED,
    Visitor,
    World,
    outcome_of,
)

PAGES = (
    "/", "/campaigns", "/campaigns/one?box=b1&campaign=nov", "/outcomes", "/people", "/people/one?person=p05", "/cases",
    "/people/stop?person=p05&action=suppress", "/people/stop?person=p05&action=recall",
    f"/cases/one?box=b1&attempt={COMPLAINT}", f"/recordings/one?box=b1&attempt={RECORDED}", "/measures", "/audit",
    "/access", "/claims", "/updates",
)  # fmt: skip


def text_of(visitor: Visitor, path: str) -> str:
    answer = visitor.get(path)
    assert answer.status_code == 200, path
    return answer.get_data(as_text=True)


@pytest.fixture(scope="module")
def supervisor(world: World) -> Visitor:
    return world.visitor(Role.SUPERVISOR)


@pytest.mark.parametrize("path", PAGES)
def test_a_name_that_means_harm_is_only_text(supervisor: Visitor, path: str) -> None:
    assert HOSTILE not in text_of(supervisor, path)


def test_the_hostile_name_was_there_to_be_shown(supervisor: Visitor) -> None:
    escaped = "&lt;script&gt;"
    assert all(escaped in text_of(supervisor, path) for path in ("/", "/campaigns", "/people/one?person=p05"))


def test_every_word_on_the_pages_is_also_chinese() -> None:
    folder = CATALOGUE.parent
    found = extract_from_dir(
        folder,
        method_map=[("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")],
        options_map={"templates/**.html": {"newstyle_gettext": "true"}},
    )
    said = {
        each
        for _file, _line, text, _notes, _context in found
        for each in ([text] if isinstance(text, str) else text)
    }
    said |= {
        *DISPOSITIONS.values(),
        *WORDS.values(),
        *(title for _endpoint, title, _need in application.PAGES),
    }
    twice = Counter(re.findall(r'^msgid "(.+)"$', CATALOGUE.read_text(encoding="utf-8"), re.MULTILINE))
    assert [text for text, times in twice.items() if times > 1] == [], "one word, two meanings"
    with CATALOGUE.open("rb") as file:
        known = {message.id: message.string for message in read_po(file) if message.id}
    assert {text for text in said if not known.get(text)} == set()
    for text, chinese in known.items():
        assert set(re.findall(r"%\(\w+\)s", str(text))) == set(re.findall(r"%\(\w+\)s", str(chinese))), text
    assert set(DISPOSITIONS) == set(Disposition)


def test_the_reader_chooses_the_language(world: World) -> None:
    visitor = world.visitor(Role.OPERATOR)
    assert "<h1>Outcomes</h1>" in text_of(visitor, "/outcomes")
    assert (
        visitor.post("/language", {"language": "zh", "next": "/outcomes"}, form_at="/people").location
        == "/outcomes"
    )
    page = text_of(visitor, "/outcomes")
    assert '<html lang="zh-CN">' in page
    assert "承诺全额还款" in page
    assert "Outcome" not in re.sub(r"<[^>]*>", "", page).replace("Outcomes.csv", "")
    chinese = world.visitor().get("/sign-in", **{"Accept-Language": "zh-CN,zh;q=0.9"}).get_data(as_text=True)
    assert "登录" in chinese


def test_pages_of_outcomes_hold_each_outcome_once(supervisor: Visitor) -> None:
    path, seen = "/outcomes", []
    while path:
        page = text_of(supervisor, path)
        seen += re.findall(r"<tr>\s*<td class=\"nowrap\">([^<]+)</td>", page)
        more = re.search(r'rel="next" href="([^"]+)"', page)
        path = more[1].replace("&amp;", "&") if more else ""
    assert len(seen) == N_OUTCOMES
    assert seen == sorted(seen, reverse=True)


def test_filters_leave_what_fits(supervisor: Visitor) -> None:
    page = text_of(
        supervisor, "/outcomes?disposition=complaint&campaign=nov&box=b1&since=2026-10-30&until=2026-11-02"
    )
    assert page.count("tag bad") == 15
    assert "No outcome fits." in text_of(supervisor, "/outcomes?campaign=other")
    assert supervisor.get("/outcomes?since=yesterday").status_code == 400
    assert supervisor.get("/outcomes?after=nonsense").status_code == 400


def test_the_export_holds_all_and_runs_no_formula(supervisor: Visitor, world: World) -> None:
    content = supervisor.get("/outcomes.csv").get_data(as_text=True)
    rows = list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff"))))
    assert len(rows) == N_OUTCOMES
    promised = next(row for row in rows if row["attempt"] == "attempt-0003")
    assert (promised["promise_amount"], promised["promise_currency"]) == ("1280.50", "CNY")
    from console.web.outcome_pages import _csv

    assert _csv(("=1+1", "-2", "@x", 7)) == "'=1+1,'-2,'@x,7\r\n"
    assert "outcomes_exported" in actions(world)


def actions(world: World) -> list[str]:
    with world.desk.ledger.reading() as rows:
        return list(rows.execute(select(WEB_ACCESS.c.action)).scalars())


@pytest.mark.parametrize(
    ("role", "sees"), [(Role.OPERATOR, False), (Role.SUPERVISOR, True), (Role.AUDITOR, False)]
)
def test_numbers_are_masked_unless_the_role_may_see_them(world: World, role: Role, sees: bool) -> None:
    page = text_of(world.visitor(role), "/people/one?person=p05")
    assert "payment_link" in page
    assert "What they wrote" in page
    assert (NUMBER in page) == sees
    assert (mask(NUMBER) in page) != sees
    with world.desk.ledger.reading() as rows:
        newest = rows.execute(select(WEB_ACCESS).order_by(WEB_ACCESS.c.id.desc()).limit(1)).one()
    assert (newest.role, newest.action, newest.subject) == (
        role,
        "number_seen" if sees else "person_seen",
        "p05",
    )


@pytest.mark.parametrize("wanted", ["p05", "c05", NUMBER, "138 0013 8000"])
def test_a_person_is_found_by_id_and_number(supervisor: Visitor, world: World, wanted: str) -> None:
    answer = supervisor.post("/people/find", {"wanted": wanted}, form_at="/people")
    assert answer.location == "/people/one?person=p05"
    with world.desk.ledger.reading() as rows:
        subjects = list(rows.execute(select(WEB_ACCESS.c.subject)).scalars())
    assert not any("0013800" in each.replace(" ", "") for each in subjects), "no whole number in the log"


def test_a_person_page_tells_what_stops_calls(supervisor: Visitor) -> None:
    page = text_of(supervisor, "/people/one?person=p05")
    assert "No more calls" in page
    assert "complaint" in page


def test_cases_come_from_outcomes_with_their_deadlines(world: World, supervisor: Visitor) -> None:
    text_of(supervisor, "/cases")
    with world.desk.ledger.reading() as rows:
        kinds = {row.attempt: row for row in rows.execute(select(CASE))}
    assert len(kinds) == N_OUTCOMES // 8 * 3
    assert kinds[COMPLAINT].kind == "complaint"
    assert kinds["attempt-0006"].due_at == int((NOW.timestamp() + 3 * 86400) * 1000), (
        "when the person asked for"
    )


def test_a_case_is_worked_on_and_its_worker_alone_sees_the_number(world: World) -> None:
    operator, path = world.visitor(Role.OPERATOR), f"/cases/one?box=b1&attempt={COMPLAINT}"
    case = {"box": "b1", "attempt": COMPLAINT}
    assert NUMBER not in text_of(operator, path)
    operator.post("/cases/assign", case | {"assignee": "ope"}, form_at=path)
    assert NUMBER in text_of(operator, path)
    answer = operator.post("/cases/assign", case | {"assignee": "sup"}, form_at=path)
    assert answer.status_code == 403, "to others only a supervisor gives it"
    operator.post("/cases/note", case | {"state": "done", "note": ""}, form_at=path)
    assert "write a note" in text_of(operator, path)
    operator.post("/cases/note", case | {"state": "waiting", "note": f"rang, {HOSTILE}"}, form_at=path)
    page = text_of(operator, path)
    assert "rang, &lt;script&gt;" in page
    assert "waiting" in page
    operator.post("/cases/note", case | {"state": "done", "note": "settled"}, form_at=path)
    assert f"attempt={COMPLAINT}" not in text_of(operator, "/cases")
    assert f"attempt={COMPLAINT}" in text_of(operator, "/cases?view=done")


def test_cases_are_made_once_whatever_the_order(
    tmp_path: object, outcome: Callable[..., OutcomeMessage]
) -> None:
    """A late message behind a gap still makes its case, and a second sweep makes none."""
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    ledger = Ledger(tmp_path / "ledger.db")
    first, second, third = (outcome(seq, disposition=Disposition.COMPLAINT) for seq in (1, 2, 3))
    for arrival, known, new in ((third, 1, 1), (first, 2, 1), (second, 3, 1), (first, 3, 0)):
        ledger.record([Arrival(box="b1", message=arrival)], seen_at=NOW)
        with ledger.transaction() as rows:
            assert [sweep(rows), sweep(rows)] == [new, 0]
            assert len(rows.execute(select(CASE)).all()) == known
    with ledger.reading() as rows:
        assert is_swept(rows)
    ledger.close()


def test_an_order_is_asked_back_given_and_shown_until_answered(world: World, supervisor: Visitor) -> None:
    path = "/campaigns/order?box=b1&campaign=nov&action=pause"
    assert "places no more calls" in text_of(supervisor, path)
    world.orders.answer = "waits"
    order = {"box": "b1", "campaign": "nov", "action": "pause"}
    answer = supervisor.post("/campaigns/order", order, form_at=path)
    assert world.orders.given[-1] == ("b1", "nov", "pause")
    assert "The box is away" in text_of(supervisor, answer.location)
    assert "waits for the box" in text_of(supervisor, "/campaigns/part")
    with world.desk.ledger.reading() as rows:
        from console.web_tables import WEB_ORDER

        orders = list(rows.execute(select(WEB_ORDER.c.id)).scalars())
    acks = [
        Ack(
            id=f"ack-{n}",
            at=NOW,
            stream="s1",
            seq=N_OUTCOMES + 3 + n,
            about=each,
            kind="control",
            accepted=True,
        )
        for n, each in enumerate(orders)
    ]
    world.desk.ledger.record([Arrival(box="b1", message=ack) for ack in acks], seen_at=NOW)
    page = text_of(supervisor, "/campaigns/one?box=b1&campaign=nov")
    assert "paused" in page
    assert "action=resume" in page
    assert "action=pause" not in page


def test_an_order_that_went_nowhere_is_not_waited_for(
    world: World, supervisor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise BrokerError("the broker is away; start it")

    monkeypatch.setattr(world.orders, "control", fail)
    order = {"box": "b1", "campaign": "nov", "action": "cancel"}
    path = "/campaigns/order?box=b1&campaign=nov&action=cancel"
    answer = supervisor.post("/campaigns/order", order, form_at=path)
    assert answer.status_code == 503
    assert "the broker is away" in answer.get_data(as_text=True)
    assert "waits for the box" not in text_of(supervisor, "/campaigns/part")


def test_a_recording_opens_in_memory_and_corrections_leave_the_record(
    world: World, supervisor: Visitor
) -> None:
    here = f"box=b1&attempt={RECORDED}"
    page = text_of(supervisor, f"/recordings/one?{here}")
    assert "<svg" in page
    assert "2.0 s" in page
    said = re.findall(r'<td class="n">(-?[0-9.]+)</td><td>([a-z ]+)</td><td>(.*?)</td>', page)
    assert [(at, who) for at, who, _ in said[:3]] == [
        ("-0.6", "box"),
        ("0.9", "person called"),
        ("1.5", "person called"),
    ]
    assert "下周三我还 &lt;script&gt;" in said[1][2]
    assert "87.0%" in said[1][2]
    assert said[2][2] == "key: 1"
    answer = supervisor.get(f"/recordings/sound?{here}")
    with wave.open(io.BytesIO(answer.get_data())) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (2, 8000, 16_000)
    part = supervisor.get(f"/recordings/sound?{here}", Range="bytes=0-99")
    assert part.status_code == 206
    assert list(world.desk.office.folder.rglob("*.wav")) == [], "opened in memory alone"
    fields = {"box": "b1", "attempt": RECORDED, "kind": "disposition", "right": "hardship"}
    supervisor.post("/recordings/correct", fields, form_at=f"/recordings/one?{here}")
    fields = {
        "box": "b1",
        "attempt": RECORDED,
        "kind": "slot",
        "said": "周五",
        "language": "zh",
        "right": "not a slot",
    }
    supervisor.post("/recordings/correct", fields, form_at=f"/recordings/one?{here}")
    with world.desk.ledger.reading() as rows:
        kept = [(each.kind.value, each.was, each.right) for each in standing(rows)]
    assert ("disposition", "promise_full", "hardship") in kept
    assert not any(kind == "slot" for kind, _was, _right in kept)
    assert outcome_of(3, NOW).disposition is Disposition.PROMISE_FULL
    page = text_of(supervisor, "/outcomes.csv")
    assert re.search(rf"promise_full.*{RECORDED}", page), "the record is as the box told it"


def test_a_file_that_is_not_the_boxes_is_not_opened(world: World, supervisor: Visitor) -> None:
    path = world.desk.office.folder / "recordings" / "rec-3.blrec"
    before = path.read_bytes()
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    try:
        answer = supervisor.get(f"/recordings/one?box=b1&attempt={RECORDED}")
        assert answer.status_code == 503
        assert "another digest" in answer.get_data(as_text=True)
    finally:
        path.write_bytes(before)


def test_measures_count_what_the_ledger_holds(supervisor: Visitor) -> None:
    page = text_of(supervisor, "/measures?days=7")
    assert "75.0%" in page, "connected: six of eight"
    assert "90 / 120" in page
    assert page.count('class="plot"') == 3
    assert "Of it came in" in page
    assert "From answer to first word" in page
    for by, cells in (("campaign", ["nov"]), ("flow", ["reminder v3"]), ("box", ["b1"]), ("weekday", ["Sun", "Mon"]),
                      ("hour", ["09", "10"])):  # fmt: skip
        table = text_of(supervisor, f"/measures?days=7&by={by}").partition("<h2>Side by side")[2]
        names = re.findall(r'<th scope="row">([^<]+)</th><td class="n">\d+</td>', table)
        assert set(cells) <= set(names), by
        assert 'class="n">75.0%' in table or by in {"weekday", "hour"}
    assert supervisor.get("/measures?days=8").status_code == 400
    assert supervisor.get("/measures?by=person").status_code == 400


def test_lists_are_followed_by_the_week_in_which_they_were_pushed(supervisor: Visitor) -> None:
    """One list of 40, pushed in the week of the last day: 5 of its people were spoken to and promised, three times each."""
    page = text_of(supervisor, "/measures?days=30")
    [row] = re.findall(r"<tr><th scope=\"row\" class=\"nowrap\">(2026-\d\d-\d\d)</th>(.*?)</tr>", page)
    assert row[0] == "2026-11-02"
    assert re.findall(r">([^<]+)</td>", row[1]) == ["40", *["12.5%"] * 8, "5"]
    assert "pushed" not in text_of(supervisor, "/measures?days=30&campaign=none")


def test_who_comes_after_the_start_waits_for_no_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server counts when it starts is what the pages ask for."""
    remembered = Remembered()
    monkeypatch.setattr(world.desk, "remembered", remembered)
    with world.desk.ledger.transaction() as rows:
        sweep(rows)
    prepare(world.desk)
    done = threading.Event()
    remembered.prepare("the last", done.set)
    assert done.wait(30)
    for name in ("campaign_pages.campaign_counts", "case_pages.open_cases", "measure_pages.count_figures"):
        monkeypatch.setattr(f"console.web.{name}", None)
    monkeypatch.setattr("console.web.measure_pages.beside", None)
    visitor = world.visitor(Role.OPERATOR)
    for path in ("/campaigns", "/cases", "/measures", "/measures?days=7", "/measures?days=90"):
        assert "Counted at" in visitor.text(path)
    remembered.close()


def test_alarms_and_ends_of_updates_are_found_without_reading_every_event(world: World) -> None:
    """A ledger has a million events; few of them are wanted."""
    with world.desk.ledger.reading() as rows:
        for query, index in (
            (LATEST_ALARMS, "event_alarming"),
            (select(EVENT).where(OF_UPDATES & (EVENT.c.at >= 5)), "event_of_updates"),
        ):
            said = query.compile(rows.engine, compile_kwargs={"literal_binds": True})
            plan = rows.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}").all()
            assert [each for each in plan if f"USING INDEX {index}" in each.detail], plan
            assert not [each for each in plan if "B-TREE" in each.detail], (
                "and in the order in which they lie"
            )


def test_a_live_page_ends_and_gives_back_its_place(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.web.live.LIFE_S", 0.02)
    monkeypatch.setattr("console.web.live.LOOK_EVERY_S", 0.01)
    visitor = world.visitor(Role.OPERATOR)
    for _ in range(12):  # more than there are places
        answer = visitor.get("/fleet/live")
        assert answer.status_code == 200
        assert answer.get_data(as_text=True).count("data: ") > 3
        answer.close()
