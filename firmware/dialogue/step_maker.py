"""From a node of the flow to the step that the call takes there."""

from collections.abc import MutableMapping
from datetime import date, time
from functools import partial
from typing import assert_never

from firmware.dialogue.capture_steps import ConfirmStep, KeyStep, OfferStep
from firmware.dialogue.flow import Flow
from firmware.dialogue.nodes import (
    AskNode,
    CaptureKind,
    CaptureNode,
    MessageNode,
    PlanNode,
    PromiseNode,
    SayNode,
    TransferNode,
    VerifyNode,
)
from firmware.dialogue.plan_terms import plan_terms
from firmware.dialogue.replies import Confirmed, Filled, Go, Promised, Reply, Said, Verified
from firmware.dialogue.steps import AskStep, MessageStep, SayStep, Step, TransferStep
from firmware.dialogue.values_given import CALLBACK_KEYS, ValueReader
from firmware.dialogue.variables import (
    PLAN_AMOUNT,
    PLAN_COUNT,
    PLAN_FIRST,
    PLAN_LAST,
    PROMISE_AMOUNT,
    PROMISE_DATE,
    Value,
)
from firmware.dialogue.vault import DebtVault
from firmware.values import Money

DATE_KEYS = 4
SteppedNode = SayNode | AskNode | VerifyNode | CaptureNode | PromiseNode | TransferNode | MessageNode


class StepMaker:
    """Makes the step for a node; every judgement on keys and words goes through the vault or the reader."""

    def __init__(
        self,
        flow: Flow,
        vault: DebtVault,
        *,
        today: date,
        local_time: time | None,
        max_days: int,
        min_part: Money | None,
    ) -> None:
        self._flow = flow
        self._vault = vault
        self._reader = ValueReader(
            vault, today=today, local_time=local_time, max_days=max_days, min_part=min_part
        )

    def make(self, node: SteppedNode, slots: MutableMapping[str, Value]) -> Step | None:
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
                    hear=partial(self._verify_said, node) if node.by_speech else None,
                )
            case CaptureNode():
                return KeyStep(
                    prompt=node.prompt,
                    again=node.invalid or node.prompt,
                    tries=node.tries,
                    wait_s=node.wait_s,
                    length=_length(node),
                    failed=node.failed,
                    read=lambda keys: _filled(self._reader.keyed(node, keys)),
                    hear=partial(self.heard, node),
                    is_menu=node.kind is CaptureKind.RATING or bool(node.offers),
                )
            case PromiseNode():
                return self._promise(node, slots)
            case TransferNode():
                return TransferStep(node.prompt, node.reason, node.unavailable, waiting=node.waiting)
            case MessageNode():
                return MessageStep(node.prompt)
            case _:
                assert_never(node)

    def heard(self, node: CaptureNode, said: Said) -> Reply:
        """Return the value of a capture that was said, in this or an earlier utterance."""
        return _filled(self._reader.said(node, said, self._vault.language))

    def after_capture(self, node: CaptureNode, value: Value, *, correctable: bool) -> Step | None:
        """Return the step that reads a captured value back, None if the node does not ask for it."""
        if node.read_back is None:
            return None
        return ConfirmStep(
            node.read_back,
            yes=Confirmed(),
            no=Go(node.rejected if node.rejected is not None else node.failed),
            neither=Go(node.failed),
            wait_s=node.wait_s,
            heard=partial(self.heard, node),
            read=Filled(value),
            may_correct=correctable,
        )

    def offer(self, node: PlanNode, slots: MutableMapping[str, Value], count: int) -> Step | None:
        """Return the step that offers one plan, None if the limits do not allow it."""
        total = self._amount_of(node.amount, slots)
        first = self._reader.due(node.first, slots.get(node.first))
        if total is None or first is None:
            return None
        # A limit the campaign names and this contact does not bring is one that allows nothing.
        most, least = self._reader.number(node.most), self._reader.money(node.least)
        if (node.most is not None and most is None) or (node.least is not None and least is None):
            return None
        terms = plan_terms(total, count, most=most, least=least, at_least=self._reader.min_part)
        if terms is None:
            return None
        slots[PLAN_COUNT], slots[PLAN_AMOUNT], slots[PLAN_FIRST] = terms.count, terms.each, first
        slots[PLAN_LAST] = terms.last
        return OfferStep(node.prompt, failed=node.failed, wait_s=node.wait_s)

    def plan_taken(self, node: PlanNode, slots: MutableMapping[str, Value]) -> Step:
        """Return the step that reads back the plan that was offered last."""
        first, each, count = slots[PLAN_FIRST], slots[PLAN_AMOUNT], slots[PLAN_COUNT]
        last = slots[PLAN_LAST]
        assert isinstance(first, date)
        assert isinstance(each, Money)
        assert isinstance(last, Money)
        assert isinstance(count, int)
        return ConfirmStep(
            node.read_back,
            yes=Promised(
                first,
                each,
                is_full=False,
                node=node.confirmed,
                instalments=count,
                every=node.every.value,
                total=Money(each.minor * (count - 1) + last.minor, each.currency),
            ),
            no=Go(node.declined),
            neither=Go(node.failed),
            wait_s=node.wait_s,
        )

    def _verify(self, node: VerifyNode, keys: str) -> Reply:
        return Verified(node.passed) if self._vault.try_secret(node.var, keys) else None

    def _verify_said(self, node: VerifyNode, said: Said) -> Reply:
        digits = said.slots.digits
        if digits is None or len(digits) != self._flow.vars[node.var].length:
            return None  # not a try: nothing like an answer was heard
        return self._verify(node, digits)

    def _promise(self, node: PromiseNode, slots: MutableMapping[str, Value]) -> Step | None:
        due = self._reader.due(node.due, slots.get(node.due))
        if due is None:
            return None
        amount: Money | None = None
        is_full = True
        if node.amount is not None:
            amount = self._amount_of(node.amount, slots)
            if amount is None:
                return None
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

    def _amount_of(self, name: str, slots: MutableMapping[str, Value]) -> Money | None:
        value = slots.get(name) if name in self._flow.captures else self._reader.money(name)
        return value if isinstance(value, Money) else None

    def _most_of(self, slot: str) -> Money | None:
        captures = (node for node in self._flow.nodes.values() if isinstance(node, CaptureNode))
        return next((self._reader.money(node.at_most) for node in captures if node.into == slot), None)


def _length(node: CaptureNode) -> int | None:
    match node.kind:
        case CaptureKind.DATE:
            return DATE_KEYS
        case CaptureKind.DIGITS:
            return node.length
        case CaptureKind.AMOUNT:
            return None
        case CaptureKind.RATING:
            return 1
        case CaptureKind.CALLBACK:
            return 1 if node.offers else CALLBACK_KEYS
        case _:
            assert_never(node.kind)


def _filled(value: Value | None) -> Reply:
    return None if value is None else Filled(value)
