"""How this box answers who calls in, as the settings say; the flow is read, proved, and tried with what they give it."""

from pathlib import Path
from zoneinfo import ZoneInfo

from firmware.calls.inbound_desk import InboundTerms
from firmware.calls.office_hours import OfficeHours, open_span
from firmware.dialogue.errors import ContactRefusedError, FlowRefusedError
from firmware.dialogue.inbound import inbound_problems
from firmware.dialogue.loader import load_flow
from firmware.settings import Settings, SettingsError
from firmware.values import LineId


def inbound_terms(settings: Settings) -> InboundTerms | None:
    """Return how callers are answered, None where they are left to ring.

    Raises SettingsError, and then nobody must be answered.
    """
    given = settings.inbound
    if not given.enabled:
        return None
    try:
        flow = load_flow(Path(given.flow).read_text(encoding="utf-8"), source=given.flow)
        if problems := inbound_problems(flow):
            raise FlowRefusedError(tuple(problems), source=given.flow)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"[inbound] flow: {given.flow}: {error}") from None
    except FlowRefusedError as error:
        raise SettingsError(f"[inbound] flow: {error}") from None
    if given.language not in flow.languages:
        raise SettingsError(
            f"[inbound] language = {given.language!r}: the flow offers {', '.join(flow.languages)}"
        )
    values = {
        tag: given.vars.get(tag, {}) for tag in flow.languages if tag == given.language or tag in given.vars
    }
    for language, names in values.items():
        try:
            flow.check_vars(names, language)
        except ContactRefusedError as error:
            raise SettingsError(f"[inbound.vars.{language}]: {error}") from None
    spans = [open_span(span.days, span.opens, span.closes) for span in given.hours]
    zone = ZoneInfo(settings.box.time_zone)
    return InboundTerms(
        flow=flow,
        values=values,
        language=given.language,
        max_per_number=given.max_per_number,
        max_per_hour=given.max_per_hour,
        hours=OfficeHours(zone=zone, spans=spans) if spans else None,
        lines=frozenset(LineId(line) for line in given.lines),
        zone=zone,
    )
