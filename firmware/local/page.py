"""The status page as HTML: first whether the box works and what to do, then why (pure; every text escaped)."""

from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from firmware.local.facts import Alarm, BoxFacts, LineFacts
from firmware.local.picture import day_plot, signal_bars
from firmware.local.style import STYLE
from firmware.local.words import (
    ALARMS,
    DIALLING,
    GROUPS,
    LINE_STATUS,
    PAGE,
    VERDICTS,
    Language,
    for_how_long,
    say,
)

_MARKS = {"working": "✓", "waiting": "…", "attention": "!"}
_STALLED = {"stopped", "database", "disk", "gate", "rules", "audit"}
"""While the box does not dial for one of these, no instant can be named for the next call."""


class StatusPage:
    """One page in one language."""

    def __init__(self, language: Language, *, every_s: int = 0) -> None:
        """`every_s`: the page is loaded again that often, 0: when asked."""
        self._language: Language = language
        self._every_s = every_s

    def of(self, facts: BoxFacts) -> str:
        """Return the page about a box."""
        zone = ZoneInfo(facts.time_zone)
        body = "".join(
            (
                self._verdict(facts),
                self._what_to_do(facts),
                self._lines(facts),
                self._today(facts, zone),
                self._queue(facts, zone),
                self._head_office(facts),
                self._time(facts, zone),
            )
        )
        return self._document(facts.box, body, footer=f"{self._say('version')} {escape(facts.version)}")

    def of_silence(self, box: str) -> str:
        """Return the page about a box that cannot be looked at."""
        head = f'<section class="verdict attention"><h1>{self._say("no_data")}</h1></section>'
        return self._document(box, f"{head}<section><p>{self._say('try_again')}</p></section>", footer="")

    # ---- parts

    def _verdict(self, facts: BoxFacts) -> str:
        verdict = say(VERDICTS[facts.verdict], self._language)
        now = say(DIALLING[facts.dialling], self._language)
        mark = f'<span class="mark" aria-hidden="true">{_MARKS[facts.verdict]}</span>'
        return f'<section class="verdict {facts.verdict}"><h1>{mark}{verdict}</h1><p>{now}</p></section>'

    def _what_to_do(self, facts: BoxFacts) -> str:
        items = "".join(self._alarm(alarm) for alarm in facts.alarms)
        inner = f"<ul>{items}</ul>" if items else f"<p>{self._say('nothing_to_do')}</p>"
        return f"<section><h2>{self._say('what_to_do')}</h2>{inner}</section>"

    def _alarm(self, alarm: Alarm) -> str:
        what, to_do = ALARMS[alarm.code]
        where = f"{escape(alarm.line)}: " if alarm.line else ""
        kind = "urgent" if alarm.urgent else "later"
        return (
            f'<li class="{kind}"><strong>{where}{say(what, self._language)}.</strong> {say(to_do, self._language)}</li>'
            if self._language == "en"
            else f'<li class="{kind}"><strong>{where}{say(what, self._language)}。</strong>{say(to_do, self._language)}</li>'
        )

    def _lines(self, facts: BoxFacts) -> str:
        heads = "".join(
            f'<th scope="col">{self._say(name)}</th>' for name in ("line", "standing", "signal", "operator")
        )
        rows = "".join(self._line(line) for line in facts.lines)
        return (
            f"<section><h2>{self._say('lines')}</h2><table><thead><tr>{heads}</tr></thead>"
            f"<tbody>{rows}</tbody></table></section>"
        )

    def _line(self, line: LineFacts) -> str:
        signal = self._say("no_signal") if line.bars is None else self._say("bars").format(n=line.bars)
        kind = "bad" if line.trouble else "good"
        return (
            f'<tr><th scope="row">{escape(line.name or line.line)}</th>'
            f'<td class="{kind}">{say(LINE_STATUS[line.status], self._language)}</td>'
            f"<td>{signal_bars(line.bars)} <span>{signal}</span></td><td>{escape(line.operator) or '–'}</td></tr>"
        )

    def _today(self, facts: BoxFacts, zone: ZoneInfo) -> str:
        today = facts.today
        head = f"<h2>{self._say('today')}</h2>"
        if not today.calls:
            return f"<section>{head}<p>{self._say('none_today')}</p></section>"
        hours = "".join(
            f'<tr><th scope="row">{each.starts_at.astimezone(zone):%H:%M}</th><td>{each.reached}</td>'
            f"<td>{each.not_reached}</td></tr>"
            for each in today.hours
        )
        columns = "".join(
            f'<th scope="col">{self._say(name)}</th>' for name in ("hour", "reached", "not_reached")
        )
        groups = "".join(
            f'<tr><th scope="row">{say(GROUPS[group], self._language)}</th><td>{n}</td></tr>'
            for group, n in today.groups.items()
        )
        legend = "".join(
            f'<li><span class="key {kind}" aria-hidden="true"></span>{self._say(name)}</li>'
            for kind, name in (("yes", "reached"), ("no", "not_reached"))
        )
        return (
            f'<section>{head}<p class="big">{today.calls} <span>{self._say("calls")}</span></p>'
            f'{day_plot(today.hours, zone, self._language)}<ul class="legend">{legend}</ul>'
            f"<details><summary>{self._say('by_hour')}</summary><table><thead><tr>{columns}</tr></thead>"
            f"<tbody>{hours}</tbody></table></details>"
            f'<table><thead><tr><th scope="col">{self._say("result")}</th><th scope="col">{self._say("number_of")}</th></tr>'
            f"</thead><tbody>{groups}</tbody></table></section>"
        )

    def _queue(self, facts: BoxFacts, zone: ZoneInfo) -> str:
        return self._facts_list(
            "queue",
            (
                ("people", f"{facts.queue.contacts:,}"),
                ("next_call", self._next_call(facts, zone)),
            ),
        )

    def _next_call(self, facts: BoxFacts, zone: ZoneInfo) -> str:
        at = facts.queue.next_call_at
        if facts.dialling in _STALLED:
            return self._say("on_hold") if facts.dialling == "stopped" else "–"
        if at is None:
            return self._say("nobody")
        if facts.held_until is not None:
            at = max(at, facts.held_until)
        if at <= facts.at:
            return self._say("now") if facts.dialling == "yes" else "–"
        return self._instant(at, facts.at, zone)

    def _head_office(self, facts: BoxFacts) -> str:
        uplink = facts.uplink
        waiting = f"{uplink.waiting:,} {self._say('messages')}"
        if uplink.waiting:
            joint = ", " if self._language == "en" else "，"
            waiting += f"{joint}{self._say('oldest')} {for_how_long(uplink.oldest_s, self._language)}"
        return self._facts_list(
            "head_office",
            (
                ("connection", self._say("connected" if uplink.connected else "not_connected")),
                ("waiting_to_sync", waiting),
            ),
        )

    def _time(self, facts: BoxFacts, zone: ZoneInfo) -> str:
        clock = self._say("right_time" if facts.clock_trusted else "wrong_time")
        shown = f'<time datetime="{facts.at.isoformat()}">{facts.at.astimezone(zone):%Y-%m-%d %H:%M}</time>'
        here = f"?lang={self._language}"
        again = f'<a href="/{here}">{self._say("refresh")}</a>'
        keep = (
            f'<a href="/{here}">{self._say("stay")}</a>'
            if self._every_s
            else f'<a href="/{here}&amp;every=60">{self._say("keep_fresh")}</a>'
        )
        return (
            f"<section><h2>{self._say('time')}</h2><p>{clock} {self._say('as_of')} {shown} "
            f"({escape(facts.time_zone)})</p><p>{again} · {keep}</p></section>"
        )

    # ---- pieces

    def _facts_list(self, head: str, rows: tuple[tuple[str, str], ...]) -> str:
        shown = "".join(f"<dt>{self._say(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
        return f"<section><h2>{self._say(head)}</h2><dl>{shown}</dl></section>"

    def _instant(self, at: datetime, now: datetime, zone: ZoneInfo) -> str:
        local = at.astimezone(zone)
        return f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else f"{local:%Y-%m-%d %H:%M}"

    def _say(self, name: str) -> str:
        return say(PAGE[name], self._language)

    def _document(self, box: str, body: str, *, footer: str) -> str:
        other, tag = ("zh", "zh-CN") if self._language == "en" else ("en", "en")
        own_tag = "en" if self._language == "en" else "zh-CN"
        switch = f'<a href="/?lang={other}" lang="{tag}" hreflang="{tag}">{self._say("other_language")}</a>'
        return (
            f'<!DOCTYPE html><html lang="{own_tag}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{self._say('title')} {escape(box)}</title><style>{STYLE}</style></head><body>"
            f'<a class="skip" href="#main">{self._say("skip")}</a>'
            f"<header><span>{self._say('title')} <b>{escape(box)}</b></span><nav>{switch}</nav></header>"
            f'<main id="main">{body}</main><footer>{footer}</footer></body></html>'
        )
