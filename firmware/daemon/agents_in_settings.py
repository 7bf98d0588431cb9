"""The office's agents as the settings name them, for the calls that are handed over."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from firmware.calls.agents import Agent, Roster, Terms
from firmware.calls.office_hours import OfficeHours, open_span
from firmware.settings import Settings
from firmware.settings_sections import AgentSection, trunk_line_ids
from firmware.values import LineId, parse_e164


def roster_of(settings: Settings) -> Roster | None:
    """Return who may be called and within which bounds, None where the settings name no agent.

    Raises InvalidNumberError.
    """
    if not settings.agent:
        return None
    trunk_lines = {trunk.id: trunk_line_ids(trunk) for trunk in settings.trunk}
    zone, given = ZoneInfo(settings.box.time_zone), settings.handover
    return Roster(
        agents=[
            _agent(agent, zone, trunk_lines) for agent in sorted(settings.agent, key=lambda each: each.order)
        ],
        terms=Terms(
            ring_s=given.ring_s,
            accept_s=given.accept_s,
            search_s=given.search_s,
            max_talk_s=given.max_talk_s,
            accepts_speech=given.accept == "key_or_speech",
            records=given.record,
        ),
    )


def _agent(given: AgentSection, zone: ZoneInfo, trunk_lines: Mapping[str, list[str]]) -> Agent:
    spans = [open_span(span.days, span.opens, span.closes) for span in given.hours]
    return Agent(
        agent=given.id,
        address=parse_e164(given.number) if given.number is not None else given.sip or "",
        languages=tuple(given.languages),
        hours=OfficeHours(zone=zone, spans=spans) if spans else None,
        lines=frozenset(LineId(line) for line in given.lines or trunk_lines.get(given.trunk or "", [])),
        is_referred=given.transfer == "refer",
    )
