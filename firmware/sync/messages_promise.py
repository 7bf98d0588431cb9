"""Money on the wire, and what a person promised to pay."""

from datetime import date
from typing import Annotated, Literal

import msgspec


class MoneyWire(msgspec.Struct, frozen=True):
    """Integer minor units and an ISO 4217 code."""

    minor: int
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]


class PaymentWire(MoneyWire, kw_only=True, frozen=True):
    """One instalment."""

    due: date


class PlanWire(msgspec.Struct, kw_only=True, frozen=True):
    """Instalments: the promise's `due` is the first, `amount` each but the last; an older box lists no `payments`."""

    instalments: Annotated[int, msgspec.Meta(ge=2)]
    every: Literal["week", "fortnight", "month"]
    payments: list[PaymentWire] = msgspec.field(default_factory=list)


class PromiseWire(msgspec.Struct, kw_only=True, frozen=True):
    """What was promised and read back."""

    due: date
    amount: MoneyWire | None = None
    confirmed: bool
    plan: PlanWire | None = None
