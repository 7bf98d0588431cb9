"""`branchline report`: refusals by rule, calls not made and why, how fast opt-outs took effect."""

import csv
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from firmware.compliance.audit import keyed_ref
from firmware.data_dir import database_path
from firmware.evidence.figures import Asked, RefOf, middle_and_most, not_made, opt_outs, refusals
from firmware.settings import Settings, SettingsError, load_settings
from firmware.store.connection import Connection
from firmware.store.errors import StoreError
from firmware.store.reading import read_only

report_app = typer.Typer(help="Reports for whoever answers for the calls.", no_args_is_help=True)
out = Console()
err = Console(stderr=True)
EXIT_USAGE = 2
DEFAULT_CONFIG = Path("/etc/branchline/box.toml")
T = TypeVar("T")

Config = Annotated[Path, typer.Option("--config", help="The box's settings.", metavar="FILE")]
PersonOption = Annotated[
    str | None, typer.Option("--person", help="Only this person, by the console's id.", metavar="ID")
]
CampaignOption = Annotated[str | None, typer.Option("--campaign", help="Only this campaign.", metavar="ID")]
Since = Annotated[
    str | None, typer.Option(help="From this day or instant on, ISO 8601 (UTC).", metavar="DATE")
]
Until = Annotated[str | None, typer.Option(help="Up to this day, included, or instant.", metavar="DATE")]
LanguageOption = Annotated[str | None, typer.Option("--language", help="en or zh; none: the box's.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print a table for a spreadsheet.")]

Found = tuple[Sequence[Any], Mapping[str, Mapping[str, int]] | None]
"""The lines of a report, each a dataclass, and what they come to, where that is said."""

HEADS: dict[str, tuple[str, str]] = {
    "rule": ("rule", "规则"),
    "outcome": ("answer", "结论"),
    "n_decisions": ("times", "次数"),
    "n_people": ("people", "人数"),
    "campaigns": ("campaigns", "任务"),
    "campaign": ("campaign", "任务"),
    "why": ("why", "原因"),
    "person": ("person", "人员"),
    "number": ("number", "号码"),
    "first_at": ("first", "首次"),
    "last_at": ("last", "最近"),
    "until": ("not before", "不早于"),
    "attempt": ("call", "通话"),
    "scope": ("scope", "范围"),
    "heard_at": ("heard", "听到"),
    "stopped_ms": ("content stopped, ms", "停止播放（毫秒）"),
    "written_ms": ("on the list, ms", "列入名单（毫秒）"),
    "received_ms": ("console's receipt, ms", "总控台回执（毫秒）"),
}
TITLES = {
    "refusals": ("Calls refused, by rule", "被拒绝的外呼（按规则）"),
    "not-made": ("Calls not made, and why", "未拨打的外呼及原因"),
    "opt-out-latency": ("How fast opt-outs took effect", "拒呼生效时延"),
}


def show_refusals(settings: Settings, asked: Asked, language: str) -> Found:
    """Count what kept calls from being made, rule by rule."""
    ref_of = _ref_of(settings)
    return _read(settings, lambda con: refusals(con, asked, ref_of, language=language)), None


def show_not_made(settings: Settings, asked: Asked, language: str) -> Found:
    """List who was not called in which campaign, and why."""
    ref_of = _ref_of(settings)
    return _read(settings, lambda con: not_made(con, asked, ref_of, language=language)), None


def show_opt_outs(settings: Settings, asked: Asked, _language: str) -> Found:
    """Show, for each opt-out heard, how long until content stopped, the list had it, the console had it."""
    lines = _read(settings, lambda con: opt_outs(con, asked))
    summary = {
        name: dict(zip(("p50", "max"), found, strict=True))
        for name in ("stopped_ms", "written_ms", "received_ms")
        if (found := middle_and_most([value for line in lines if (value := getattr(line, name)) is not None]))
    }
    return lines, summary


def _mount(name: str, find: Callable[[Settings, Asked, str], Found]) -> None:
    """Make a command of a report: all of them are asked alike."""

    @report_app.command(name, help=find.__doc__)
    def show(
        person: PersonOption = None,
        campaign: CampaignOption = None,
        since: Since = None,
        until: Until = None,
        language: LanguageOption = None,
        config: Config = DEFAULT_CONFIG,
        *,
        as_json: AsJson = False,
        as_csv: AsCsv = False,
    ) -> None:
        settings, asked = _settings(config), _asked(person, campaign, since, until)
        spoken = _language(language, settings)
        lines, summary = find(settings, asked, spoken)
        rows = [asdict(line) for line in lines]
        _show(name, rows, spoken, as_json=as_json, as_csv=as_csv, summary=summary)


for _name, _find in (
    ("refusals", show_refusals),
    ("not-made", show_not_made),
    ("opt-out-latency", show_opt_outs),
):
    _mount(_name, _find)


def _show(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    language: str,
    *,
    as_json: bool,
    as_csv: bool,
    summary: Mapping[str, Mapping[str, int]] | None = None,
) -> None:
    if as_json:
        document: dict[str, Any] = {"report": name, "rows": rows}
        if summary is not None:
            document["summary"] = summary
        print(json.dumps(document, ensure_ascii=False, default=_plain))
        return
    column = 1 if language.startswith("zh") else 0
    heads = list(rows[0]) if rows else []
    if as_csv:
        table = csv.writer(sys.stdout)
        table.writerow([HEADS[head][column] for head in heads])
        table.writerows([[_defused(_cell(row[head])) for head in heads] for row in rows])
        return
    if not rows:
        out.print(("none", "无")[column])
        return
    shown = Table(title=TITLES[name][column])
    for head in heads:
        shown.add_column(HEADS[head][column], overflow="fold")
    for row in rows:
        shown.add_row(*(escape(_cell(row[head])) for head in heads))
    out.print(shown)
    for head, found in (summary or {}).items():
        out.print(f"{HEADS[head][column]}: p50 {found['p50']}, max {found['max']}", highlight=False)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _defused(text: str) -> str:
    """Keep a spreadsheet from taking somebody's name for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _asked(person: str | None, campaign: str | None, since: str | None, until: str | None) -> Asked:
    return Asked(
        person=person,
        campaign=campaign,
        since=None if since is None else _instant("--since", since),
        until=None if until is None else _instant("--until", until, whole_day=True),
    )


def _instant(option: str, text: str, *, whole_day: bool = False) -> datetime:
    try:
        if len(text) == len("2026-11-24"):
            day = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return day + timedelta(days=1) if whole_day else day
        at = datetime.fromisoformat(text)
    except ValueError:
        _fail(f"{option} {text!r}: write 2026-11-24 or 2026-11-24T10:00:00Z")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _language(given: str | None, settings: Settings) -> str:
    if given not in (None, "en", "zh"):
        _fail(f"--language {given!r}: en or zh")
    return given or settings.box.language


def _ref_of(settings: Settings) -> RefOf:
    path = Path(settings.box.data_dir) / "audit.key"
    try:
        key = path.read_bytes()
    except OSError as error:
        _fail(f"{path}: {error.strerror}: the audit log names people only by what this key makes of them")
    return lambda person: keyed_ref(key, "person", person)


def _read(settings: Settings, work: Callable[[Connection], T]) -> T:
    try:
        with read_only(database_path(settings)) as con:
            return work(con)
    except StoreError as error:
        _fail(str(error))


def _settings(config: Path) -> Settings:
    try:
        return load_settings(config)
    except SettingsError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    err.print(f"branchline: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(EXIT_USAGE)
