"""A month's figures as a page that needs nothing but itself; printed by a browser it is the PDF for the files."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from console.html_page import heading, page, paragraph, table
from console.measures import Group, Measures
from console.month_report import MonthReport
from console.svg_charts import bars, grid, lines
from console.web.box_words import rule_word
from console.web.catalogue import count_text, money_text, share_text, translated

MAX_GROUPS = 60
FEW = 10
"""A share of fewer calls is not drawn: it says nothing."""
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WORDS = {
    "en": {
        "title": "Calls in {month}", "of": "{tenant}, {first} to {last}", "campaign": "campaign {name}", "box": "branch {name}",
        "whole": "The month", "figure": "figure", "now": "this month", "before": "month before",
        "attempts": "Calls placed", "people": "People called", "connect": "Connected, of calls",
        "right": "Right person, of connected", "promise": "Promised, of right persons",
        "kept": "Kept, of promises that are over", "promised": "Promised, {currency}",
        "came_in": "Of it came in, {currency}", "talk": "Talk time, hours", "mean_talk": "Talk, seconds a connected call",
        "opt_outs": "Want no calls, per 10 000 calls", "complaints": "Complaints, per 10 000 calls",
        "first_word": "Answer to first word, median s", "first_word_95": "Answer to first word, 95 of 100 within s",
        "funnel": "From list to money: contacts", "days": "Day by day", "week": "Connected, of calls, by weekday and hour",
        "by_campaign": "By campaign", "by_flow": "By flow and version", "by_branch": "By branch (box)",
        "by_hour": "By hour", "by_weekday": "By weekday", "cohorts": "Lists pushed in this month",
        "refusals": "What the rules held back", "rule": "rule", "why": "why", "times": "times", "contacts": "contacts",
        "week_of": "week of", "spoken": "spoken to within {n} w", "calls": "calls", "name": "name",
        "first_word_short": "first word, s", "promised_short": "promised", "came_in_short": "came in",
        "attempted": "called", "answered": "answered", "reached": "somebody talked", "right_party": "right person",
        "sent": "sent", "promised_stage": "promised", "kept_stage": "paid in full",
        "rates_of_days": "Share of calls", "cut": "The first {n} of {all} are shown.",
        "how": "A call counts in the month in which it was placed; a promise where its call counts, whenever it is paid. "
        "A share of nothing is a dash. Hours with fewer than 10 calls are not drawn.",
        "made": "Counted on {at} from what boxes had told by then.",
    },
    "zh": {
        "title": "{month} 外呼月报", "of": "{tenant}，{first} 至 {last}", "campaign": "任务 {name}", "box": "网点 {name}",
        "whole": "本月总览", "figure": "指标", "now": "本月", "before": "上月",
        "attempts": "拨打次数", "people": "拨打人数", "connect": "接通率（占拨打）",
        "right": "本人接听率（占接通）", "promise": "承诺率（占本人接听）",
        "kept": "履约率（占已到期承诺）", "promised": "承诺金额，{currency}",
        "came_in": "其中已到账，{currency}", "talk": "通话时长（小时）", "mean_talk": "平均通话（秒/接通）",
        "opt_outs": "每万次拨打拒绝来电", "complaints": "每万次拨打投诉",
        "first_word": "接通到首字，中位数（秒）", "first_word_95": "接通到首字，95% 以内（秒）",
        "funnel": "从名单到回款：联系人数", "days": "每日走势", "week": "各星期、各时段接通率",
        "by_campaign": "按任务", "by_flow": "按话术及版本", "by_branch": "按网点（盒子）",
        "by_hour": "按时段", "by_weekday": "按星期", "cohorts": "本月下发的名单",
        "refusals": "规则拦下的拨打", "rule": "规则", "why": "原因", "times": "次数", "contacts": "联系人",
        "week_of": "所在周", "spoken": "{n} 周内已通话", "calls": "拨打", "name": "名称",
        "first_word_short": "首字（秒）", "promised_short": "承诺金额", "came_in_short": "已到账",
        "attempted": "已拨打", "answered": "已接通", "reached": "有人应答", "right_party": "本人",
        "sent": "已下发", "promised_stage": "已承诺", "kept_stage": "已还清",
        "rates_of_days": "占拨打的比例", "cut": "共 {all} 条，只显示前 {n} 条。",
        "how": "通话计入拨打当月；承诺随其通话计入，不论何时还款。分母为零时显示“–”。不足 10 次的时段不着色。",
        "made": "统计于 {at}，以盒子当时已上报的为准。",
    },
}  # fmt: skip


def month_page(found: MonthReport, *, tenant: str, language: str, made_at: datetime) -> str:
    """Return the page; `language` is en or zh."""
    words = _WORDS[language]
    return page(
        words["title"].format(month=found.month),
        [
            *_head(found, words, tenant),
            heading(words["whole"]),
            table((words["figure"], words["now"], words["before"]), _figures(found, words, language)),
            heading(words["funnel"]),
            bars(words["funnel"], {_stage(words, each.name): each.contacts for each in found.funnel}),
            heading(words["days"]),
            _trend(found, words),
            heading(words["week"]),
            _heat_map(found, words, language),
            *_groups(found, words, language),
            *_cohorts(found, words),
            heading(words["refusals"]),
            table(
                (words["rule"], words["why"], words["times"], words["contacts"]),
                [
                    (each.rule, rule_word(each.rule, "", language), each.refusals, each.contacts)
                    for each in found.refusals[:MAX_GROUPS]
                ],
            ),
            paragraph(words["how"], is_note=True),
            paragraph(words["made"].format(at=f"{made_at.astimezone():%Y-%m-%d %H:%M}"), is_note=True),
        ],
        language="zh-CN" if language == "zh" else language,
    )


def _head(found: MonthReport, words: dict[str, str], tenant: str) -> list[str]:
    last = datetime.fromtimestamp(found.until.timestamp() - 1, found.until.tzinfo or UTC)
    said = [words["of"].format(tenant=tenant, first=f"{found.since:%Y-%m-%d}", last=f"{last:%Y-%m-%d}")]
    said += [words["campaign"].format(name=found.campaign)] if found.campaign else []
    said += [words["box"].format(name=found.box)] if found.box else []
    return [paragraph(", ".join(said))]


def _figures(found: MonthReport, words: dict[str, str], language: str) -> list[tuple[str, str, str]]:
    now, before = found.calendar.total, found.before
    first = found.first_word

    def row(name: str, say: Callable[[Measures], str]) -> tuple[str, str, str]:
        return (words[name], say(now), say(before))

    rows = [
        row("attempts", lambda each: count_text(each.attempts, language)),
        (words["people"], count_text(found.people, language), ""),
        row("connect", lambda each: share_text(each.connect_rate, language)),
        row("right", lambda each: share_text(each.right_party_rate, language)),
        row("promise", lambda each: share_text(each.promise_rate, language)),
        row("kept", lambda each: share_text(each.kept_rate, language)),
    ]
    for currency in sorted({*now.promised, *before.promised}):
        rows += [
            (words[name].format(currency=currency), _sum(of(now), currency, language), _sum(of(before), currency, language))
            for name, of in (("promised", _promised), ("came_in", _came_in))
        ]  # fmt: skip
    return [
        *rows,
        row("talk", lambda each: count_text(round(each.talk_ms / 3_600_000, 1), language)),
        row("mean_talk", lambda each: _number(each.mean_talk_ms, 1000, 1)),
        (words["first_word"], _number(first.median_ms, 1000, 2), ""),
        (words["first_word_95"], _number(first.p95_ms, 1000, 2), ""),
        row("opt_outs", lambda each: _number(each.opt_outs_per_10000, 1, 1)),
        row("complaints", lambda each: _number(each.complaints_per_10000, 1, 1)),
    ]


def _promised(each: Measures) -> dict[str, int]:
    return each.promised


def _came_in(each: Measures) -> dict[str, int]:
    return each.kept_money


def _groups(found: MonthReport, words: dict[str, str], language: str) -> list[str]:
    weekdays = {str(n): translated(name, language) for n, name in enumerate(_WEEKDAYS, 1)}
    parts = []
    for title, groups in (
        ("by_campaign", found.campaigns),
        ("by_flow", found.flows),
        ("by_branch", found.branches),
        ("by_weekday", found.calendar.weekdays),
        ("by_hour", found.calendar.hours),
    ):
        names = weekdays if title == "by_weekday" else {}
        shown: Sequence[Group] = groups
        if title not in {"by_weekday", "by_hour"}:
            shown = sorted(groups, key=lambda each: -each.measures.attempts)[:MAX_GROUPS]
        columns = (
            words["name"], words["calls"], words["connect"], words["right"], words["promise"], words["kept"],
            words["promised_short"], words["came_in_short"], words["mean_talk"], words["first_word_short"],
            words["opt_outs"], words["complaints"],
        )  # fmt: skip
        rows = [(names.get(each.key, each.key), *_cells(each.measures, language)) for each in shown]
        parts += [heading(words[title]), table(columns, rows)]
        if len(shown) < len(groups):
            parts.append(paragraph(words["cut"].format(n=len(shown), all=len(groups)), is_note=True))
    return parts


def _cells(found: Measures, language: str) -> tuple[object, ...]:
    rates = (found.connect_rate, found.right_party_rate, found.promise_rate, found.kept_rate)
    return (
        found.attempts,
        *(share_text(rate, language) for rate in rates),
        *(
            " ".join(money_text(minor, currency, language) for currency, minor in sorted(sums.items())) or "–"
            for sums in (found.promised, found.kept_money)
        ),
        _number(found.mean_talk_ms, 1000, 1),
        _number(found.mean_first_word_ms, 1000, 2),
        _number(found.opt_outs_per_10000, 1, 1),
        _number(found.complaints_per_10000, 1, 1),
    )


def _cohorts(found: MonthReport, words: dict[str, str]) -> list[str]:
    if not found.cohorts:
        return []
    weeks = range(1, len(found.cohorts[0].right_party) + 1)
    columns = (words["week_of"], words["contacts"], *(words["spoken"].format(n=week) for week in weeks))
    rows = [(each.week, each.contacts, *each.right_party) for each in found.cohorts]
    return [heading(words["cohorts"]), table(columns, rows)]


def _trend(found: MonthReport, words: dict[str, str]) -> str:
    series: dict[str, list[tuple[int, float]]] = {words["answered"]: [], words["right_party"]: []}
    for group in found.calendar.days:
        calls = group.measures.attempts
        if calls < FEW:
            continue
        noon_ms = int(datetime.fromisoformat(group.key).replace(hour=12, tzinfo=UTC).timestamp() * 1000)
        series[words["answered"]].append((noon_ms, 100 * group.measures.answered / calls))
        series[words["right_party"]].append((noon_ms, 100 * group.measures.right_party / calls))
    return lines(words["rates_of_days"], series)


def _heat_map(found: MonthReport, words: dict[str, str], language: str) -> str:
    cells = {
        (cell.weekday - 1, cell.hour): cell.measures.answered / cell.measures.attempts
        for cell in found.calendar.cells
        if cell.measures.attempts >= FEW
    }
    days = [translated(name, language) for name in _WEEKDAYS]
    return grid(words["week"], days, [f"{hour:02d}" for hour in range(24)], cells)


def _stage(words: dict[str, str], name: str) -> str:
    return words.get(f"{name}_stage") or words[name]


def _sum(sums: dict[str, int], currency: str, language: str) -> str:
    return money_text(sums.get(currency, 0), currency, language)


def _number(value: float | None, per: int, digits: int) -> str:
    return "–" if value is None else f"{value / per:.{digits}f}"
