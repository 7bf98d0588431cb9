"""From a node of the flow to the step that the call takes there, and from keys to values."""

from collections.abc import Mapping, MutableMapping
from datetime import date, timedelta
from functools import partial
from typing import assert_never

from firmware.dialogue.currencies import CURRENCIES
from firmware.dialogue.flow import (
    AskNode,
    CaptureKind,
    CaptureNode,
    Flow,
    MessageNode,
    PromiseNode,
    SayNode,
    VerifyNode,
)
from firmware.dialogue.steps import (
    AskStep,
    ConfirmStep,
    Filled,
    Go,
    KeyStep,
    MessageStep,
    Promised,
    Reply,
    SayStep,
    Step,
    Verified,
)
from firmware.dialogue.variables import COMING_DAYS, PROMISE_AMOUNT, PROMISE_DATE, Value, coming_day
from firmware.dialogue.vault import DebtVault
from firmware.values import Money

MAX_AMOUNT_KEYS = 9


class StepMaker:
    """Makes the step for a node; every judgement on keys goes through the vault or the campaign's limits."""

    def __init__(self, flow: Flow, vault: DebtVault, *, today: date, promise_max_days: int) -> None:
        self._flow = flow
        self._vault = vault
        self._today = today
        self._latest = today + timedelta(days=promise_max_days)

    def make(
        self,
        node: SayNode | AskNode | VerifyNode | CaptureNode | PromiseNode | MessageNode,
        slots: MutableMapping[str, Value],
    ) -> Step | None:
        """Return the step; None: what the node promises is not possible, so it fails at once."""
        match node:
            case SayNode():
                return SayStep(node.prompt, node.barge_in, node.next)
            case AskNode():
                return AskStep(node)
            case VerifyNode():
                return KeyStep(
                    prompt=node.prompt,
                    again=node.again or node.prompt,
                    tries=node.tries,
                    wait_s=node.wait_s,
                    length=self._flow.vars[node.var].length,
                    failed=node.failed,
                    read=partial(self._verify, node),
                )
            case CaptureNode():
                return KeyStep(
                    prompt=node.prompt,
                    again=node.invalid or node.prompt,
                    tries=node.tries,
                    wait_s=node.wait_s,
                    length={CaptureKind.DATE: 4, CaptureKind.DIGITS: node.length, CaptureKind.AMOUNT: None}[
                        node.kind
                    ],
                    failed=node.failed,
                    read=partial(self._capture, node),
                )
            case PromiseNode():
                return self._promise(node, slots)
            case MessageNode():
                return MessageStep(node.prompt)
            case _:
                assert_never(node)

    def after_capture(self, node: CaptureNode) -> Step | None:
        """Return the step that reads a captured value back, None if the node does not ask for it."""
        if node.read_back is None:
            return None
        no = Go(node.rejected if node.rejected is not None else node.failed)
        return ConfirmStep(
            node.read_back, yes=Go(node.next), no=no, neither=Go(node.failed), wait_s=node.wait_s
        )

    def _verify(self, node: VerifyNode, keys: str) -> Reply:
        return Verified(node.passed) if self._vault.try_secret(node.var, keys) else None

    def _capture(self, node: CaptureNode, keys: str) -> Reply:
        value: Value | None
        match node.kind:
            case CaptureKind.DATE:
                value = self._day(keys)
            case CaptureKind.DIGITS:
                value = keys
            case CaptureKind.AMOUNT:
                value = self._amount(keys, self._money(node.at_most))
        return None if value is None else Filled(value)

    def _day(self, keys: str) -> date | None:
        """Return MMDD as the next such day, None if there is none or it is later than may be promised."""
        month, day = int(keys[:2]), int(keys[2:])
        for year in (self._today.year, self._today.year + 1):
            try:
                meant = date(year, month, day)
            except ValueError:
                continue
            if self._today <= meant <= self._latest:
                return meant
        return None

    def _amount(self, keys: str, at_most: Money | None) -> Money | None:
        if at_most is None or len(keys) > MAX_AMOUNT_KEYS:
            return None
        minor = int(keys) * 10 ** CURRENCIES[at_most.currency].exponent
        return Money(minor, at_most.currency) if 0 < minor <= at_most.minor else None

    def _promise(self, node: PromiseNode, slots: MutableMapping[str, Value]) -> Step | None:
        due = self._due(node.due, slots)
        if due is None or not self._today <= due <= self._latest:
            return None
        amount: Money | None = None
        is_full = True
        if node.amount is not None:
            value = (
                slots.get(node.amount, None)
                if node.amount in self._flow.captures
                else self._money(node.amount)
            )
            if not isinstance(value, Money):
                return None
            amount = value
            is_full = node.amount not in self._flow.captures or amount == self._most_of(node.amount)
            slots[PROMISE_AMOUNT] = amount
        slots[PROMISE_DATE] = due
        return ConfirmStep(
            node.read_back,
            yes=Promised(due, amount, is_full, node.confirmed),
            no=Go(node.rejected),
            neither=Go(node.failed),
            wait_s=node.wait_s,
        )

    def _due(self, due: str, slots: Mapping[str, Value]) -> date | None:
        if due in slots:
            value = slots[due]
            return value if isinstance(value, date) else None
        if due in COMING_DAYS:
            return coming_day(self._today, COMING_DAYS[due])
        return {"today": self._today, "tomorrow": self._today + timedelta(days=1)}.get(due)

    def _most_of(self, slot: str) -> Money | None:
        captures = (node for node in self._flow.nodes.values() if isinstance(node, CaptureNode))
        return next((self._money(node.at_most) for node in captures if node.into == slot), None)

    def _money(self, var: str | None) -> Money | None:
        value = self._vault.value(var) if var is not None else None
        return value if isinstance(value, Money) else None
