"""A spreadsheet to contacts: every bad row named by the row the spreadsheet shows."""

from functools import partial
from pathlib import Path

import pytest

from console.campaigns import check_vars_of, read_flow, var_kinds
from console.contacts_file import ContactsFile, read_contacts
from console.errors import ContactsFileError

EXAMPLES = Path(__file__).parents[2] / "examples"
HEADER = "contact,person,name,number,language,creditor,amount,currency,due_date,last4"
GOOD = "c1,p1,张伟,+8613123456701,zh-CN,晨光银行,12.50,CNY,2026-11-02,4101"


def read(path: Path, flow_file: Path, **mapping: str) -> ContactsFile:
    _, flow = read_flow(flow_file)
    return read_contacts(
        path,
        vars_wanted=var_kinds(flow),
        may_lack=flow.optional,
        mapping=mapping,
        check_vars=partial(check_vars_of, flow),
    )


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


def test_the_example_list_is_twelve_people_and_four_named_mistakes(flow_file: Path) -> None:
    found = read(EXAMPLES / "contacts.csv", flow_file)
    contacts = [row.contact for row in found.rows]
    assert [contact.contact for contact in contacts] == [f"c{n:02d}" for n in range(1, 13)]
    assert [contact.numbers for contact in contacts] == [[f"+86131234567{n:02d}"] for n in range(1, 13)]
    assert [contact.vars["last4"] for contact in contacts] == [str(4100 + n) for n in range(1, 13)]
    assert [contact.status for contact in contacts] == ["open"] * 11 + ["disputed"]
    assert {contact.language for contact in contacts} == {"zh-CN", "en"}
    assert {contact.vars["due_date"][:8] for contact in contacts} == {"2026-11-"}
    assert [(each.row, each.column, each.reason) for each in found.problems] == [
        (4, "number", "invalid_number"),
        (8, "amount", "missing"),
        (12, "person", "duplicate_person"),
        (16, "due_date", "impossible_date"),
    ]
    assert found.n_read == 16
    assert found.ignored_columns == ()


def test_the_example_list_fits_the_example_flow() -> None:
    found = read(EXAMPLES / "contacts.csv", EXAMPLES / "overdue-reminder.yaml")
    assert len(found.rows) == 12
    assert len(found.problems) == 4


def test_the_second_list_is_the_ninth_person_again(flow_file: Path) -> None:
    first = read(EXAMPLES / "contacts.csv", flow_file).rows[8].contact
    [second] = [row.contact for row in read(EXAMPLES / "contacts-second.csv", flow_file).rows]
    assert (second.person, second.numbers) == (first.person, first.numbers)
    assert (second.contact, second.debt) != (first.contact, first.debt)


def test_a_row_becomes_a_contact(sheet: Path, flow_file: Path) -> None:
    sheet.write_text(
        f"{HEADER},region,time_zone,status,debt,priority,consents\n"
        f"{GOOD},CN-GD,Asia/Shanghai,Open,d1,5,call_reminders;recording\n"
    )
    [row] = read(sheet, flow_file).rows
    assert row.row == 2
    contact = row.contact
    assert contact.vars == {
        "callee_name": "张伟",
        "creditor": "晨光银行",
        "amount_due": {"minor": 1250, "currency": "CNY"},
        "due_date": "2026-11-02",
        "last4": "4101",
    }
    assert (contact.region, contact.time_zone, contact.status, contact.debt, contact.priority) == (
        "CN-GD", "Asia/Shanghai", "open", "d1", 5,
    )  # fmt: skip
    assert [consent.kind for consent in contact.consents] == ["call_reminders", "recording"]


def test_a_column_says_a_name_in_the_other_language(sheet: Path) -> None:
    flow = EXAMPLES / "before-due-reminder.yaml"
    head = f"{HEADER},complaint_line,Name@en,creditor@zh-CN,amount@en"
    sheet.write_text(
        f"{head}\n{GOOD},95588,Wei Zhang,,12\n{GOOD.replace('c1,p1', 'c2,p2')},95588,张伟,晨光银行,\n"
    )
    found = read(sheet, flow)
    [row] = found.rows
    assert row.contact.vars["callee_name@en"] == "Wei Zhang"
    assert "creditor@zh-CN" not in row.contact.vars
    assert found.ignored_columns == ("amount@en",)
    [problem] = found.problems
    assert (problem.row, problem.column, problem.reason) == (3, "name@en", "unspeakable")


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        (("+8613123456701", ""), "number", "missing"),
        (("zh-CN", "fr"), "language", "language_not_offered"),
        (("4101", "101"), "last4", "ill_typed"),
        (("4101", "41O1"), "last4", "ill_typed"),
        (("c1,p1", "c1,"), "person", "missing"),
        (("c1,p1", "c 1,p1"), "contact", "invalid_id"),
        (("4101", "4101,x"), "", "too_many_cells"),
        (("CNY", "Yuan"), "currency", "invalid_currency"),
        (("张伟", "张\x07伟"), "name", "unprintable_text"),
        (("张伟", "张" * 201), "name", "text_too_long"),
    ],
)
def test_a_bad_cell_is_named(
    sheet: Path, flow_file: Path, change: tuple[str, str], column: str, reason: str
) -> None:
    second = GOOD.replace("c1,p1", "c2,p2")
    sheet.write_text(f"{HEADER}\n{GOOD.replace(*change)}\n{second}\n")
    found = read(sheet, flow_file)
    assert [(each.row, each.column, each.reason) for each in found.problems] == [(2, column, reason)]
    assert [row.row for row in found.rows] == [3], "the rest of the list goes on"


def test_no_reason_repeats_what_the_cell_said(sheet: Path, flow_file: Path) -> None:
    lines = [GOOD.replace("+8613123456701", "+861312345").replace("c1,p1", "c2,p2"), GOOD, GOOD]
    sheet.write_text("\n".join([HEADER, *lines]))
    found = read(sheet, flow_file)
    assert len(found.problems) == 2
    for private in ("1312345", "张伟", "4101", "12.50"):
        assert private not in str(found.problems)


def test_rows_are_counted_as_the_spreadsheet_counts_them(sheet: Path, flow_file: Path) -> None:
    """An empty row and a cell with a line break inside do not shift what follows."""
    two_lines = GOOD.replace("晨光银行", '"晨光\n银行"').replace("c1,p1", "c2,p2")
    sheet.write_text(f"{HEADER}\n\n{two_lines}\n,,,\n{GOOD}\n{GOOD}\n")
    found = read(sheet, flow_file)
    assert [row.row for row in found.rows] == [5]
    assert [(each.row, each.reason) for each in found.problems] == [
        (3, "unprintable_text"),
        (6, "duplicate_contact"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_way_a_spreadsheet_saves_it(
    sheet: Path, flow_file: Path, encoding: str, delimiter: str, newline: str
) -> None:
    text = f"{HEADER}{newline}{GOOD}{newline}".replace(",", delimiter)
    sheet.write_bytes(text.encode(encoding))
    [row] = read(sheet, flow_file).rows
    assert row.contact.vars["callee_name"] == "张伟"


def test_columns_by_other_names(sheet: Path, flow_file: Path) -> None:
    sheet.write_text(f"{HEADER.replace('number', '手机号').replace('due_date', 'Due Date')},memo\n{GOOD},x\n")
    found = read(sheet, flow_file, 手机号="number")
    assert found.rows[0].contact.numbers == ["+8613123456701"]
    assert found.ignored_columns == ("memo",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"PK\x03\x04rest", "save it as CSV"),
        (b"\xff\xfe\x00\x81", "save it as CSV"),
        (b"contact,person\n", "no column number, language"),
        (f"{HEADER},number\n".encode(), "two columns"),
        (f'{HEADER}\n"unclosed'.encode(), "no readable CSV"),
    ],
)
def test_what_is_no_call_list(sheet: Path, flow_file: Path, content: bytes, said: str) -> None:
    sheet.write_bytes(content)
    with pytest.raises(ContactsFileError, match=said) as caught:
        read(sheet, flow_file)
    assert "\n" not in str(caught.value)


def test_a_mapping_that_names_nothing(sheet: Path, flow_file: Path) -> None:
    sheet.write_text(f"{HEADER}\n{GOOD}\n")
    with pytest.raises(ContactsFileError, match="--mapping"):
        read(sheet, flow_file, nobody="region")


def test_a_list_that_is_not_there(tmp_path: Path, flow_file: Path) -> None:
    with pytest.raises(ContactsFileError, match="name an existing CSV file"):
        read(tmp_path / "missing.csv", flow_file)
    with pytest.raises(ContactsFileError):
        read(tmp_path, flow_file)
