"""What the gate says of a number by the box's files, while the daemon is dead."""

from datetime import datetime
from pathlib import Path
from typing import Any

from firmware.compliance.errors import ComplianceError
from firmware.compliance.history_file import HistoryFile
from firmware.data_dir import database_path
from firmware.host.journal import masked
from firmware.rules.at_start import rules_here
from firmware.rules.policy_question import Question, answer
from firmware.settings import Settings, SettingsError
from firmware.store.errors import StoreError
from firmware.sync.signing import KeyFileError


class GateAloneError(Exception):
    """The gate cannot be asked; the text says why, without a number in it."""


def gate_alone(
    settings: Settings, config: Path, number: str, region: str | None, at: datetime
) -> dict[str, Any]:
    """Return what the daemon would answer. Raises GateAloneError."""
    question = Question(
        number=number,
        at=at,
        region=region,
        time_zone=None,
        status=None,
        consents=(),
        person=None,
        debt=None,
        caller_number=None,
        max_call_s=settings.dialling.max_call_s,
        point=None,
        history=HistoryFile(),
    )
    try:
        here = rules_here(settings, database_path(settings), lambda: at)
        return answer(here.rules.gate, question, approvals=str(config))
    except (ComplianceError, SettingsError, KeyFileError, StoreError, ValueError) as error:
        raise GateAloneError(masked(str(error))) from None
