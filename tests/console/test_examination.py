"""A call list is examined as a whole: every bad and doubtful row by its reason, and nobody's data in it."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from console.cell_safety import plain_cell
from console.contacts_file import ContactsFile, read_contacts
from console.corrected_file import write_corrected
from console.errors import ContactsFileError
from console.examination import Examination, Severity, examine
from console.examination_page import examination_page
from console.known_people import KnownPeople, known_people
from console.ledger import Arrival, Ledger
from console.office import Office
from console.quality_history import examined_lists, source_of
from firmware.sync.messages import OutcomeMessage
from firmware.values import Disposition
from tests.console.command_line import said

EXAMPLES = Path(__file__).parents[2] / "examples"
HEADER = "contact,person,name,number,language,region,creditor,amount,currency,due_date,last4,consents"
TODAY = date(2026, 11, 2)


def row(n: int, **changes: str) -> str:
    cells = {
        "contact": f"c{n:02d}", "person": f"p{n:02d}", "name": f"Person {n}", "number": f"+86131234567{n:02d}",
        "language": "en", "region": "CN-GD", "creditor": "Bank", "amount": "100.00", "currency": "CNY",
        "due_date": "2026-11-05", "last4": f"{4100 + n}", "consents": "call_reminders",
    }  # fmt: skip
    return ",".join((cells | changes).values())


@pytest.fixture
def examined(tmp_path: Path) -> Callable[..., Examination]:
    def read(*rows: str, known: KnownPeople | None = None) -> Examination:
        path = tmp_path / "list.csv"
        path.write_text("\n".join([HEADER, *rows]), encoding="utf-8")
        contacts = read_contacts(path, vars_wanted=None)
        return examine(contacts, today=TODAY, known=known or KnownPeople())

    return read


def named(found: Examination, severity: Severity) -> list[tuple[int, str, str]]:
    return [(each.row, each.column, each.reason) for each in found.of(severity)]


def test_a_good_list_has_nothing_wrong(examined: Callable[..., Examination]) -> None:
    found = examined(*(row(n) for n in range(1, 9)))
    assert found.findings == ()
    assert len(found.rows) == found.n_read == 8


def test_every_fault_of_a_row_is_named_at_once(examined: Callable[..., Examination]) -> None:
    found = examined(row(1, number="+861312", amount="-5", due_date="2026-02-30"), row(2))
    assert named(found, Severity.BAD) == [
        (2, "amount", "invalid_amount"),
        (2, "due_date", "impossible_date"),
        (2, "number", "invalid_number"),
    ]
    assert found.bad_rows == {2}
    assert found.bad_share == 0.5
    assert [each.row for each in found.rows] == [3]


@pytest.mark.parametrize(
    ("second", "column", "reason"),
    [
        (row(2, number="+8613123456701"), "number", "number_of_several_persons"),
        (row(2, name="Person 1", last4="4101"), "person", "perhaps_one_person"),
        (row(2, due_date="1999-11-05"), "due_date", "date_far_away"),
        (row(2, due_date="2206-11-05"), "due_date", "date_far_away"),
        (row(2, consents=""), "consents", "no_consent"),
        (row(2, number="+13125550123", region=""), "", ""),
        (row(2, number="+18005550123", region=""), "number", "toll_free_number"),
        (row(2, amount="1000000.00"), "amount", "amount_far_from_others"),
    ],
)
def test_what_no_cell_shows_alone(
    examined: Callable[..., Examination], second: str, column: str, reason: str
) -> None:
    found = examined(row(1), second, *(row(n) for n in range(3, 9)))
    assert [(each.column, each.reason) for each in found.findings if each.row == 3] == (
        [(column, reason)] if reason else []
    )


def test_a_number_without_a_zone_is_doubted(examined: Callable[..., Examination]) -> None:
    """A US toll-free-looking or mobile number of several zones; with a region or a zone it is not."""
    found = examined(
        row(1, number="+61412345678", region="AU"), row(2, number="+61412345679", region="AU-NSW")
    )
    assert named(found, Severity.DOUBTFUL) == [(2, "time_zone", "no_time_zone")]


def test_one_person_under_two_ids_is_sent_once(examined: Callable[..., Examination]) -> None:
    found = examined(row(1), row(2, number="+8613123456701", name=" person  1 "))
    assert named(found, Severity.BAD) == [(3, "person", "one_person_two_ids")]
    assert [each.contact.person for each in found.rows] == ["p01"]


def test_no_finding_repeats_a_value(examined: Callable[..., Examination]) -> None:
    found = examined(
        row(1), row(2, number="+8613123456701", name="Person 1"), row(3, number="+8613123456701")
    )
    assert found.findings
    for private in ("1312345", "Person", "4101", "100.00"):
        assert private not in str(found.findings)
        assert private not in examination_page(found, name="list", language="en")


def test_the_ledger_knows_numbers_that_changed_hands(
    tmp_path: Path, examined: Callable[..., Examination], outcome: Callable[..., OutcomeMessage]
) -> None:
    known = KnownPeople(
        persons_of={"+8613123456701": frozenset({"p77"}), "+8613123456702": frozenset({"p02"})},
        numbers_of={"p03": frozenset({"+8613100000001", "+8613100000002"})},
        wrong=frozenset({"+8613123456704"}),
        suppressed=frozenset({("person", "p05")}),
    )
    found = examined(*(row(n) for n in range(1, 7)), known=known)
    assert named(found, Severity.DOUBTFUL) == [
        (2, "number", "number_was_somebody_elses"),
        (4, "number", "person_of_many_numbers"),
        (5, "number", "number_was_wrong"),
        (6, "person", "suppressed"),
    ]
    assert [each.row for each in found.without_doubt()] == [3, 7]


def test_what_the_ledger_knows_is_read_from_it(
    tmp_path: Path,
    examined: Callable[..., Examination],
    outcome: Callable[..., OutcomeMessage],
) -> None:
    from console.ledger_tables import CONTACT

    ledger = Ledger(tmp_path / "ledger.db")
    sent = {"box": "b1", "campaign": "nov", "debt": "d1", "status": "open", "place": 1, "row": 2}
    with ledger.transaction() as rows:
        rows.execute(
            CONTACT.insert(),
            [
                sent | {"contact": "c01", "person": "p01", "number": "+8613123456701"},
                sent | {"contact": "c02", "person": "p09", "number": "+8613123456702"},
            ],
        )
    wrong = outcome(1, disposition=Disposition.WRONG_NUMBER, suppressed="number", final=True)
    ledger.record([Arrival(box="b1", message=wrong)], seen_at=datetime(2026, 11, 2, tzinfo=UTC))
    contacts = examined(row(1), row(2), row(3)).contacts
    with ledger.reading() as rows:
        known = known_people(rows, contacts.rows)
    assert known.wrong == {"+8613123456701"}
    assert known.persons_of["+8613123456702"] == {"p09"}
    assert ("number", "+8613123456701") in known.suppressed


def sheet_of(path: Path, *tables: tuple[str, list[list[object]]]) -> Path:
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, table in tables:
        sheet = book.create_sheet(title)
        for cells in table:
            sheet.append(cells)
    book.save(path)
    return path


def good_sheet() -> list[list[object]]:
    header: list[object] = list(HEADER.split(","))
    second: list[object] = [
        "c1",
        "p1",
        "张伟",
        8613123456701,
        "zh-CN",
        "CN-GD",
        "晨光银行",
        1280.1 + 0.2,
        "CNY",
    ]
    return [header, [*second, datetime(2026, 11, 2), 41, "call_reminders"]]  # noqa: DTZ001 - a sheet has no zone


def test_an_xlsx_sheet_reads_as_a_person_sees_it(tmp_path: Path) -> None:
    path = sheet_of(tmp_path / "list.xlsx", ("names", good_sheet()), ("empty", []))
    book = load_workbook(path)
    book["names"]["K2"].number_format = "0000"
    book.save(path)
    [found] = read_contacts(path, vars_wanted=None).rows
    assert found.row == 2
    assert found.contact.numbers == ["+8613123456701"]
    assert found.contact.vars["amount_due"] == {"minor": 128030, "currency": "CNY"}
    assert (found.contact.vars["due_date"], found.contact.vars["last4"]) == ("2026-11-02", "0041")


def test_of_several_sheets_one_is_chosen(tmp_path: Path) -> None:
    path = sheet_of(tmp_path / "list.xlsx", ("a", good_sheet()), ("b", good_sheet()))
    with pytest.raises(ContactsFileError, match="--sheet"):
        read_contacts(path, vars_wanted=None)
    assert len(read_contacts(path, vars_wanted=None, sheet="b").rows) == 1
    with pytest.raises(ContactsFileError, match="no sheet"):
        read_contacts(path, vars_wanted=None, sheet="c")


@pytest.mark.parametrize("cut", [60, 700, 2000, -30])
def test_a_broken_xlsx_is_one_line(tmp_path: Path, cut: int) -> None:
    path = sheet_of(tmp_path / "list.xlsx", ("a", good_sheet()))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ContactsFileError, match="no readable XLSX"):
        read_contacts(path, vars_wanted=None)


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_the_corrected_file_is_a_good_list(
    tmp_path: Path, examined: Callable[..., Examination], suffix: str
) -> None:
    """Read again it has no bad row, the same contacts, and what was left out lies beside it with reasons."""
    found = examined(
        row(1, number="86 131-2345-6701", amount='"¥1,100.50"', due_date="2026年11月5日", name="=1+1"),
        row(2, number="+861312", name="=cmd|x"),
        row(3),
    )
    target = tmp_path / f"out{suffix}"
    written = write_corrected(target, found)
    assert all(path.stat().st_mode & 0o077 == 0 for path in written)
    again: ContactsFile = read_contacts(
        target, vars_wanted=None, sheet="contacts" if suffix == ".xlsx" else None
    )
    assert again.problems == ()
    assert [each.contact.numbers for each in again.rows] == [["+8613123456701"], ["+8613123456703"]]
    assert again.rows[0].contact.vars["amount_due"] == {"minor": 110050, "currency": "CNY"}
    assert again.rows[0].contact.vars["due_date"] == "2026-11-05"
    if suffix == ".xlsx":
        book = load_workbook(target)
        assert {cell.data_type for sheet in book for line in sheet for cell in line if cell.value} == {"s"}
        assert book["left out"]["C2"].value == "invalid_number"
    else:
        with written[1].open(encoding="utf-8-sig", newline="") as file:
            [left] = csv.DictReader(file)
        assert (left["row"], left["reason"]) == ("3", "invalid_number")
        assert left["name"].startswith("'="), "a spreadsheet shows it, and computes nothing"
    with pytest.raises(ContactsFileError, match="there already"):
        write_corrected(target, found)


@pytest.mark.parametrize(
    ("text", "cell"), [("+8613", "+8613"), ("-1.5", "-1.5"), ("@x", "'@x"), ("+cmd", "'+cmd")]
)
def test_a_cell_is_never_a_formula(text: str, cell: str) -> None:
    assert plain_cell(text) == cell


def test_examine_and_quality_on_the_command_line(
    office: Office, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page, plot = tmp_path / "page.html", tmp_path / "plot.svg"
    listed = EXAMPLES / "contacts.csv"
    where = ("--office", office.folder, "--now", "2026-11-02T10:00:00+08:00")
    code, out, _ = said(capsys, "examine", listed, "--json", "--html", page, "--language", "zh", *where)
    found = json.loads(out)
    assert code == 0
    assert (found["rows_read"], found["rows_bad"], found["rows_good"]) == (16, 4, 12)
    assert found["reasons"]["bad"] == {
        "duplicate_person": 1, "impossible_date": 1, "invalid_number": 1, "missing": 1,
    }  # fmt: skip
    assert "日历上没有这一天" in page.read_text(encoding="utf-8")
    said(capsys, "examine", listed, *where)
    with Ledger(office.ledger).reading() as rows:
        [kept] = examined_lists(rows)
    assert (kept.source, kept.rows, kept.bad) == ("contacts", 16, 4), "the same content counts once"
    code, out, _ = said(capsys, "quality", "--json", "--plot", plot, "--office", office.folder)
    assert json.loads(out)[0]["bad_share"] == 0.25
    assert "<svg" in plot.read_text()
    code, _, err = said(capsys, "examine", listed, "--strict", "--now", "2026-11-02T10:00:00+08:00")
    assert code == 1
    assert "4 row(s) cannot be sent" in err


@pytest.mark.parametrize(
    ("stem", "source"),
    [("contacts", "contacts"), ("branch-2026-11-02", "branch"), ("2026", "2026"), ("list (3)", "list")],
)
def test_a_source_is_the_name_before_a_digit(stem: str, source: str) -> None:
    assert source_of(stem) == source


def test_a_person_of_another_region_has_one_zone(examined: Callable[..., Examination]) -> None:
    assert examined(row(1, region="")).findings == (), "China has one zone"


def test_an_empty_list_is_no_fault(examined: Callable[..., Examination]) -> None:
    found = examined()
    assert (found.n_read, found.bad_share) == (0, 0.0)
