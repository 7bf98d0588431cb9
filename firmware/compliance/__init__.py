"""Whether a call may be placed: rule packs, their merge, the gate, the audit chain. Pure."""

from firmware.compliance.call import (
    BoxState,
    CallOrder,
    History,
    PastAttempt,
    Point,
    SuppressionEntry,
    SuppressionScope,
)
from firmware.compliance.decision import Decision, Outcome, RuleTried
from firmware.compliance.errors import ComplianceError, PackError, PolicyConflictError, WideningError
from firmware.compliance.gate import Gate
from firmware.compliance.library import Approval, PackLibrary, load_packs
from firmware.compliance.policy import Policy
from firmware.compliance.self_check import self_check

__all__ = [
    "Approval",
    "BoxState",
    "CallOrder",
    "ComplianceError",
    "Decision",
    "Gate",
    "History",
    "Outcome",
    "PackError",
    "PackLibrary",
    "PastAttempt",
    "Point",
    "Policy",
    "PolicyConflictError",
    "RuleTried",
    "SuppressionEntry",
    "SuppressionScope",
    "WideningError",
    "load_packs",
    "self_check",
]
