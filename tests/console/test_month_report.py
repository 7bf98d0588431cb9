"""A month's report: the month by its own clock, the figures of the ledger, English and Chinese, nothing from outside."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from pypdf import PdfReader

from console.errors import ConsoleError
from console.ledger import Arrival, Ledger
from console.month_report import month_ends, month_report
from console.office import Office
from console.pdf_page import write_pdf
from firmware.sync.messages import MoneyWire, OutcomeMessage, PromiseWire, Refusals
from firmware.values import Disposition
from tests.console.command_line import said

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST = datetime(2026, 10, 31, 16, 0, tzinfo=UTC)
"""The first instant of November in Shanghai."""
HARM = "<script>alert(1)</script>"
Outcome = Callable[..., OutcomeMessage]


@pytest.fixture
def filled(office: Office, outcome: Outcome) -> Office:
    """One call in October, the same people again in November: two promises, one of them paid later."""
    right = {
        "answered_at": FIRST,
        "reached": True,
        "right_party": True,
        "talk_ms": 30_000,
        "first_word_ms": 700,
    }
    promised = PromiseWire(due=date(2026, 11, 9), amount=MoneyWire(123450, "CNY"), confirmed=True)
    messages: list[OutcomeMessage | Refusals] = [
        outcome(1, reserved_at=FIRST - timedelta(milliseconds=1)),
        outcome(2, reserved_at=FIRST, disposition=Disposition.PROMISE_FULL, promise=promised, campaign=HARM, **right),
        *(outcome(seq, person="p02", reserved_at=FIRST + timedelta(hours=10 + seq)) for seq in range(3, 15)),
        outcome(15, reserved_at=FIRST + timedelta(days=30) - timedelta(milliseconds=1), **right),
        outcome(16, reserved_at=FIRST + timedelta(days=30)),
        Refusals(id="r", at=FIRST, stream="s1", seq=17, campaign="nov", contact="c1", verdict="defer", rule="CN-WIN-1"),
    ]  # fmt: skip
    ledger = Ledger(office.ledger)
    ledger.record([Arrival(box="b1", message=each) for each in messages], seen_at=FIRST)
    ledger.close()
    return office


def test_a_month_is_one_of_its_own_clock(filled: Office) -> None:
    ledger = Ledger(filled.ledger)
    with ledger.reading() as rows:
        here = month_report(rows, "2026-11", zone=SHANGHAI, today=date(2026, 12, 24))
        in_utc = month_report(rows, "2026-11", zone=UTC, today=date(2026, 12, 24), box="b1")
    ledger.close()
    total = here.calendar.total
    assert (total.attempts, here.before.attempts, here.people) == (14, 1, 2)
    assert (total.promised, total.broken, here.first_word.median_ms) == ({"CNY": 123450}, 1, 750)
    assert [each.key for each in here.campaigns] == [HARM, "nov"]
    assert [(each.rule, each.refusals) for each in here.refusals] == [("CN-WIN-1", 1)]
    assert len(here.calendar.days) == 30
    assert in_utc.calendar.total.promises == 0, "the first of November there, and still October here"


def test_a_year_ends(filled: Office) -> None:
    assert month_ends("2026-12") == (date(2026, 12, 1), date(2027, 1, 1))
    for wrong in ("2026-13", "2026-1", "November", "2026-11-01"):
        with pytest.raises(ConsoleError, match="such as 2026-11"):
            month_ends(wrong)


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ["Calls in 2026-11", "demo, 2026-11-01 to 2026-11-30", "CN¥1,234.50", "14.3%", "0.75", "CN-WIN-1", "Sun"]),
        ("zh", ["2026-11 外呼月报", "¥1,234.50", "接通率（占拨打）", "14.3%", "从名单到回款", "规则拦下的拨打", "周日"]),
    ],
)  # fmt: skip
def test_the_page_stands_alone(
    filled: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str], language: str, texts: list[str]
) -> None:
    out = tmp_path / "november.html"
    code, told, err = said(
        capsys, "report", "--month", "2026-11", "--out", out, "--language", language, "--zone", "Asia/Shanghai",
        "--now", "2026-12-01T08:00:00+08:00", "--office", filled.folder,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "14 call(s) of 2026-11" in told
    page = out.read_text(encoding="utf-8")
    assert [text for text in texts if text not in page] == []
    assert HARM not in page, "a campaign's name is text"
    assert "src=" not in page
    assert "href=" not in page
    drawings = page.split("<svg ")[1:]
    assert len(drawings) == 3
    for drawing in drawings:
        ElementTree.fromstring("<svg " + drawing.split("</svg>")[0] + "</svg>")
    assert drawings[2].count('fill-opacity="1.00"') > 0, (
        "the hour of the twelve calls is drawn, and the blank ones"
    )


def test_the_month_is_a_pdf_with_its_letters_in_it(
    filled: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "november.pdf"
    code, told, err = said(
        capsys, "report", "--month", "2026-11", "--pdf", out, "--language", "zh", "--zone", "Asia/Shanghai",
        "--now", "2026-12-01T08:00:00+08:00", "--office", filled.folder,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert str(out) in told.replace("\n", "")
    assert out.stat().st_mode & 0o077 == 0, "names of campaigns and sums of money"
    pages = PdfReader(out).pages
    text = "".join("".join(page.extract_text() for page in pages).split())
    for wanted in (
        "2026-11外呼月报",
        "¥1,234.50",
        "接通率（占拨打）",
        "从名单到回款：联系人数",
        "周日",
        "2/",
    ):
        assert wanted in text, wanted
    assert HARM in text, "a campaign's name is text"
    fonts = [font["/DescendantFonts"][0] for page in pages for font in page["/Resources"]["/Font"].values()]  # type: ignore[index]
    embedded = [{"/FontFile2", "/FontFile3"} & font["/FontDescriptor"].keys() for font in fonts]
    assert embedded, "letters of an alphabet that not every reader has"
    assert all(embedded)


def test_a_pdf_needs_what_draws_it_and_fetches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page = '<html><body><img src="http://192.0.2.1/x.png" alt="gone">here</body></html>'
    write_pdf(tmp_path / "a.pdf", page, language="en")
    assert "192.0.2.1" in caplog.text, "refused, not fetched"
    assert "here" in PdfReader(tmp_path / "a.pdf").pages[0].extract_text()
    with pytest.raises(ConsoleError, match="name a file that can be written"):
        write_pdf(tmp_path / "no" / "a.pdf", page, language="en")
    monkeypatch.setattr("console.pdf_page.LETTERS", {"zh": "xx"})
    with pytest.raises(ConsoleError, match="fonts-noto-cjk"):
        write_pdf(tmp_path / "b.pdf", page, language="zh")
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(ConsoleError, match=r"pip install 'branchline\[pdf\]'"):
        write_pdf(tmp_path / "b.pdf", page, language="zh")
    assert not (tmp_path / "b.pdf").exists()


def test_the_month_as_json_and_what_is_asked_wrongly(
    filled: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--office", filled.folder, "--zone", "Asia/Shanghai")
    found = json.loads(said(capsys, "report", "--month", "2026-11", "--json", *where)[1])
    assert found["calendar"]["total"]["attempts"] == 14
    assert [stage["name"] for stage in found["funnel"]][:2] == ["attempted", "answered"]
    for arguments, text in (
        (("--month", "2026-11"), "--out FILE.html, --pdf FILE.pdf"),
        (("--out", "x.html"), "go with --month"),
        (("--month", "2026-14", "--json"), "such as 2026-11"),
        (("--month", "2026-11", "--json", "--zone", "Mars/Base"), "IANA"),
    ):
        code, _, err = said(capsys, "report", *arguments, "--office", filled.folder)
        assert code != 0
        assert text in " ".join(err.replace("│", " ").split()), err
