"""What one call has sent to the person afterwards: each text once, none about the debt before it may be spoken of."""

from collections.abc import Mapping

from firmware.dialogue.actions import Action, Note, SendText
from firmware.dialogue.nodes import SmsNode
from firmware.dialogue.variables import Value
from firmware.dialogue.vault import DebtVault

MAX_TEXTS = 2
"""How many texts one call may have sent."""


class TextOrders:
    """The texts that this person may be sent, each with whether it tells of the debt, and those ordered so far."""

    def __init__(self, texts: Mapping[str, bool]) -> None:
        self._texts = dict(texts)
        self._ordered: list[str] = []

    def enter(self, node: SmsNode, vault: DebtVault, slots: Mapping[str, Value], out: list[Action]) -> str:
        """Order the node's text if it may be sent; return where the call goes on."""
        text = node.text
        if text in self._ordered:
            return node.next
        tells_debt = self._texts.get(text)
        if tells_debt is None or (tells_debt and not vault.is_open) or len(self._ordered) == MAX_TEXTS:
            out.append(Note(kind="text_not_possible", detail=text))
            return node.not_possible
        self._ordered.append(text)
        order = SendText(text=text, language=vault.language, slots=dict(slots), debt_permitted=vault.is_open)
        out.append(order)
        return node.next
