"""A contact to rehearse with: likely values for a flow's vars, in one language."""

from collections.abc import Mapping
from datetime import date, timedelta

from firmware.dialogue.flow import Flow
from firmware.dialogue.variables import VarKind, VarType

_TEXTS: Mapping[str, Mapping[str, str]] = {
    "zh": {"callee_name": "王先生", "creditor": "江南银行", "address": "滨江路八号", "": "示例"},
    "en": {"callee_name": "Mr Wang", "creditor": "Riverside Bank", "address": "8 River Road", "": "Sample"},
}
SECRET, OTHER_DIGITS = "0917", "4008123456"


def sample_vars(flow: Flow, language: str, today: date) -> dict[str, object]:
    """Return a value for every var of a flow, as a contact row would bring it."""
    return {name: _sample(name, type_, language, today) for name, type_ in flow.vars.items()}


def _sample(name: str, type_: VarType, language: str, today: date) -> object:
    primary = language.partition("-")[0]
    match type_.kind:
        case VarKind.MONEY:
            currency = "CNY" if primary == "zh" else "USD"
            minor = 123450 if not name.startswith("min_") else 10000
            return {"minor": minor, "currency": currency}
        case VarKind.DATE:
            return (today - timedelta(days=6)).isoformat()
        case VarKind.DIGITS:
            return (SECRET * 8 if type_.secret else OTHER_DIGITS * 4)[: type_.length or 10]
        case VarKind.NUMBER:
            return 6
        case VarKind.NAME | VarKind.TEXT:
            texts = _TEXTS[primary]
            return texts.get(name, texts[""])
