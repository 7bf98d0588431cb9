"""The evidence as one HTML page: readable, printable, nothing loaded from anywhere; its data is inside."""

from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import Any

import msgspec

from firmware.evidence.facts import DecisionShown, Evidence
from firmware.evidence.wording import Language, word

MOST_LINKS_SHOWN = 60
_DATA_BEGINS = '<script type="application/json" id="evidence">'
_STYLE = """
:root{--ink:#1a2129;--soft:#5b6672;--rule:#d8dee5;--tint:#f4f6f8;--good:#116b3c;--bad:#a4161a}
*{box-sizing:border-box}
body{margin:0 auto;max-width:62rem;padding:2.2rem 1.6rem 4rem;color:var(--ink);background:#fff;
 font:15px/1.55 "Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",system-ui,sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .3rem}
h2{font-size:1.05rem;margin:2.2rem 0 .6rem;padding-bottom:.3rem;border-bottom:2px solid var(--ink)}
p{margin:.3rem 0 .8rem}.soft{color:var(--soft)}
code,.mono{font:12.5px/1.5 ui-monospace,"DejaVu Sans Mono",Consolas,monospace;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:minmax(9rem,15rem) 1fr;margin:0;border-top:1px solid var(--rule)}
dt,dd{margin:0;padding:.38rem .5rem;border-bottom:1px solid var(--rule)}dt{color:var(--soft)}
table{width:100%;border-collapse:collapse;margin:.4rem 0 1rem;font-size:14px}
th{text-align:left;font-weight:600;color:var(--soft);border-bottom:1px solid var(--ink)}
th,td{padding:.34rem .5rem;vertical-align:top}td{border-bottom:1px solid var(--rule);overflow-wrap:break-word}
td.num{white-space:nowrap;font-variant-numeric:tabular-nums}
.card{border:1px solid var(--rule);border-left:5px solid var(--good);background:var(--tint);padding:.7rem 1rem;margin:.8rem 0}
.card.no{border-left-color:var(--bad)}.card h3{margin:0 0 .2rem;font-size:1rem}
.tag{display:inline-block;border:1px solid var(--rule);border-radius:3px;background:var(--tint);padding:0 .4rem;
 margin:0 .25rem .2rem 0;font-size:12.5px}
.good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:700}
@page{margin:16mm 14mm}
@media print{body{max-width:none;padding:0;font-size:11pt}h2{break-after:avoid}tr,.card{break-inside:avoid}
 thead{display:table-header-group}}
"""


def page_of(evidence: Evidence) -> str:
    """Return the page; the same evidence is always the same page, to the letter."""
    language = evidence.language
    title = word("title", language)
    parts = [
        f'<!doctype html>\n<html lang="{"zh-CN" if language == "zh" else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)} {escape(evidence.call.attempt)}</title><style>{_STYLE}</style></head><body>",
        f'<h1>{escape(title)}</h1><p class="mono soft">{escape(evidence.call.attempt)}</p>',
        f'<p class="soft">{escape(word("intro", language))}</p>',
        _call(evidence),
        _decisions(evidence),
        _said(evidence),
        _heard(evidence),
        _recording(evidence),
        *([_messages(evidence)] if evidence.messages else []),
        _packs(evidence),
        _timeline(evidence),
        _chain(evidence),
        f"{_DATA_BEGINS}{_data(evidence)}</script></body></html>\n",
    ]
    return "\n".join(parts)


def data_in(page: str) -> str | None:
    """Return the data inside a page, None where there is none."""
    _before, begins, rest = page.partition(_DATA_BEGINS)
    data, ends, _after = rest.partition("</script>")
    return data if begins and ends else None


def _data(evidence: Evidence) -> str:
    # In a script element only "<" can end or open something.
    return msgspec.json.encode(evidence).decode().replace("<", "\\u003c")


def _call(evidence: Evidence) -> str:
    call, language = evidence.call, evidence.language
    times = (call.reserved_at, call.dialled_at, call.answered_at, call.ended_at)
    promise = ""
    if call.promise_due:
        sure = word("confirmed" if call.promise_confirmed else "unconfirmed", language)
        promise = f"{call.promise_due}, {call.promise_amount or '-'} ({sure})"
    rows = [
        ("box", f"{evidence.box} ({evidence.version})"),
        ("made_at", _time(evidence.made_at)),
        ("campaign", f"{call.campaign_name} ({call.campaign})"),
        ("person", f"{call.person}, {call.contact}"),
        ("number", call.number),
        ("line", f"{call.line}, {call.line_number or '-'}"),
        ("times", " → ".join(_time(at) if at else "-" for at in times)),
        ("outcome", call.disposition),
        ("cause", call.cause + (f" (Q.850: {call.cause_q850})" if call.cause_q850 is not None else "")),
        ("promise", promise),
        ("script", f"{call.flow} v{call.flow_version}, SHA-256 {call.flow_sha256}"),
        ("received_at", _time(call.received_at) if call.received_at else word("not_yet", language)),
    ]
    return _section("call", language, _list([(key, value) for key, value in rows if value], language))


def _decisions(evidence: Evidence) -> str:
    language = evidence.language
    cards = "".join(_decision(decision, language) for decision in evidence.decisions)
    return _section(
        "decisions", language, f'<p class="soft">{escape(word("decisions_note", language))}</p>{cards}'
    )


def _decision(decision: DecisionShown, language: Language) -> str:
    tried = [
        (
            rule.rule,
            (word("yes" if rule.passed else "no", language), "good" if rule.passed else "bad"),
            rule.detail,
        )
        for rule in decision.tried
        if rule.detail or not rule.passed
    ]
    plain = "".join(
        f'<span class="tag">{escape(rule.rule)}</span>'
        for rule in decision.tried
        if rule.passed and not rule.detail
    )
    confirmed = decision.suppressions_confirmed_at
    facts = [
        ("entry", str(decision.seq)),
        ("clock", decision.clock),
        ("zones", ", ".join(decision.zones)),
        ("list_confirmed", _time(confirmed) if confirmed else "-"),
        ("packs", ", ".join(decision.packs)),
    ]
    refused = "" if decision.outcome == "allow" else " no"
    return (
        f'<div class="card{refused}"><h3>{_time(decision.at)} · {escape(word(decision.point, language))} · '
        f"{escape(word(decision.outcome, language))}</h3>{escape(decision.explained.get(language, decision.rule))}</div>"
        + _list(facts, language)
        + _table(("rule", "passed", "figures"), tried, language)
        + f'<p><span class="good">{escape(word("passed_plain", language))}</span> {plain}</p>'
    )


def _said(evidence: Evidence) -> str:
    language = evidence.language
    rows: list[tuple[Any, ...]] = []
    for said in evidence.said:
        heard = "-" if said.heard_ms is None else f"{said.heard_ms} ms"
        if said.interrupted:
            heard += f", {word('interrupted', language)}"
        tags = "".join(f'<span class="tag">{escape(role)}</span>' for role in said.roles)
        wording = "<br>".join(escape(text) for text in said.wording.values())
        started = _after(said.started_at, evidence) if said.started_at else "-"
        rows.append((started, said.prompt, _Html(tags), heard, _Html(wording)))
    return _section(
        "said", language, _table(("started", "prompt", "roles", "heard_ms", "wording"), rows, language)
    )


def _heard(evidence: Evidence) -> str:
    language = evidence.language
    rows = [
        (
            _after(heard.at, evidence),
            word(heard.kind, language),
            word("secret_key", language) if heard.what == "•" else heard.what,
        )
        for heard in evidence.heard
    ]
    return _section("heard", language, _table(("after", "kind", "detail"), rows, language))


def _recording(evidence: Evidence) -> str:
    recording, language = evidence.recording, evidence.language
    if recording is None:
        return _section("recording", language, f"<p>{escape(word('no_recording', language))}</p>")
    if recording.deleted_by is not None:
        state = f"{word('deleted', language)} {recording.deleted_by}"
    elif not recording.is_here:
        state = word("missing", language)
    else:
        state = word("unchanged" if recording.is_unchanged else "changed", language)
    facts = [
        ("recording", f"{recording.recording}: {state}"),
        ("digest", recording.sha256),
        ("length", f"{recording.duration_ms / 1000:.1f} s, {recording.n_bytes} B"),
        ("notice", _time(recording.notice_at) if recording.notice_at else "-"),
        ("sealed", ", ".join(recording.recipients) or "-"),
        ("received_at", _time(recording.uploaded_at) if recording.uploaded_at else word("not_yet", language)),
    ]
    pieces = ""
    if recording.pieces:
        listed = "<br>".join(f"{place}: {digest}" for place, digest in enumerate(recording.pieces))
        pieces = (
            f'<p class="soft">{escape(word("pieces", language))} {recording.piece_bytes} B</p>'
            f'<p class="mono">{listed}</p>'
        )
    return _section("recording", language, _list(facts, language) + pieces)


def _messages(evidence: Evidence) -> str:
    language = evidence.language
    rows = [
        (
            _time(each.sent_at or each.ordered_at),
            f"{each.text} ({each.language})",
            each.said or each.wording,
            each.state + (f" ({each.reason})" if each.reason else ""),
            _time(each.ended_at) if each.ended_at else "-",
        )
        for each in evidence.messages or ()
    ]
    body = _table(("sent_at", "message", "wording", "became", "until"), rows, language)
    return _section("messages", language, body)


def _packs(evidence: Evidence) -> str:
    language = evidence.language
    rows = [(pack.name, pack.approved_by or "-", pack.digest) for pack in evidence.packs]
    engine = ", ".join(f"{name} {version}" for name, version in sorted(evidence.engine.items()))
    body = _table(("pack", "approved_by", "digest"), rows, language)
    return _section("packs", language, body + _list([("engine", engine)], language))


def _timeline(evidence: Evidence) -> str:
    rows = [
        (
            _after(event.at, evidence),
            event.kind,
            ", ".join(f"{key}: {value}" for key, value in event.detail.items() if key != "features"),
        )
        for event in evidence.timeline
    ]
    return _section(
        "timeline", evidence.language, _table(("after", "event", "detail"), rows, evidence.language)
    )


def _chain(evidence: Evidence) -> str:
    language = evidence.language
    shown = [link for link in evidence.chain if link.body is not None][:MOST_LINKS_SHOWN]
    rows = []
    for link in shown:
        entry = msgspec.json.decode(link.body or "{}")
        rows.append((str(link.seq), str(entry.get("kind", "")), _Html(f"<code>{escape(link.hash)}</code>")))
    n_more = len(evidence.chain) - len(shown)
    more = f'<p class="soft">+ {n_more} {escape(word("more", language))}</p>' if n_more else ""
    body = (
        f'<p class="soft">{escape(word("chain_note", language))}</p>'
        + _table(("entry", "kind", "hash"), rows, language)
        + more
        + _list([("head", evidence.head)], language)
    )
    return _section("chain", language, body)


class _Html(str):
    """Text that is escaped already."""

    __slots__ = ()


def _section(key: str, language: Language, body: str) -> str:
    return f"<section><h2>{escape(word(key, language))}</h2>{body}</section>"


def _list(rows: Iterable[tuple[str, str]], language: Language) -> str:
    inside = "".join(f"<dt>{escape(word(key, language))}</dt><dd>{escape(value)}</dd>" for key, value in rows)
    return f"<dl>{inside}</dl>"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[Any, ...]], language: Language) -> str:
    head = "".join(f"<th>{escape(word(key, language))}</th>" for key in heads)
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(cell: str | tuple[str, str] | _Html) -> str:
    if isinstance(cell, _Html):
        return f"<td>{cell}</td>"
    if isinstance(cell, tuple):
        return f'<td class="{cell[1]}">{escape(cell[0])}</td>'
    return f'<td class="num">{escape(cell)}</td>' if cell.startswith("+") else f"<td>{escape(cell)}</td>"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _after(at: datetime, evidence: Evidence) -> str:
    began = evidence.call.dialled_at or evidence.call.reserved_at
    return f"+{(at - began).total_seconds():.2f} s"
