"""From keys and words to values, within what the campaign allows; whatever will not do is None."""

import re
from datetime import date, time, timedelta

from firmware.dialogue.currencies import CURRENCIES, in_minor
from firmware.dialogue.nodes import CaptureKind, CaptureNode
from firmware.dialogue.plain_words import rating_of
from firmware.dialogue.replies import Said
from firmware.dialogue.variables import (
    CALLBACK_EARLIEST,
    CALLBACK_LATEST,
    CALLBACK_MAX_DAYS,
    COMING_DAYS,
    Moment,
    Value,
    coming_day,
)
from firmware.dialogue.vault import DebtVault
from firmware.values import Money

_FIRST_COMES_FIRST = re.compile(
    r"剩下|剩余|其余|余下|另一半|先.+(?:再|然后|之后)|一半.+一半"
    r"|\b(?:the rest|the remainder|the remaining|the other half|and then|half\b.+\bhalf)\b"
)
"""Who names two payments means the first of them: 下周一先还五百，剩下的下个月再说."""
MAX_AMOUNT_KEYS = 9
CALLBACK_KEYS = 6


class ValueReader:
    """Judges what a callee gives; reads of the contact only what the vault hands out."""

    def __init__(
        self,
        vault: DebtVault,
        *,
        today: date,
        local_time: time | None,
        max_days: int,
        min_part: Money | None,
    ) -> None:
        """`local_time`: the callee's, at the start of the call; None: nothing can be agreed for today."""
        self._vault = vault
        self._today = today
        self._local_time = local_time
        self._latest = today + timedelta(days=max_days)
        self.min_part = min_part
        """The least part that the campaign allows."""
        self._day_so_far: date | None = None
        self._time_so_far: time | None = None

    def keyed(self, node: CaptureNode, keys: str) -> Value | None:
        """Return what keys mean."""
        match node.kind:
            case CaptureKind.DATE:
                return self._keyed_day(keys, self._latest)
            case CaptureKind.DIGITS:
                return keys
            case CaptureKind.AMOUNT:
                at_most = self.money(node.at_most)
                if at_most is None or len(keys) > MAX_AMOUNT_KEYS:
                    return None
                return self._amount(node, int(keys) * 10 ** CURRENCIES[at_most.currency].exponent)
            case CaptureKind.RATING:
                return int(keys) if 1 <= int(keys) <= node.most else None
            case CaptureKind.CALLBACK:
                if node.offers:
                    offer = node.offers.get(keys)
                    if offer is None:
                        return None
                    return self._moment(
                        self._today + timedelta(days=offer.days), time(offer.hour, offer.minute)
                    )
                day = self._keyed_day(keys[:4], self._today + timedelta(days=CALLBACK_MAX_DAYS))
                hour = int(keys[4:])
                return self._moment(day, time(hour)) if day is not None and hour < 24 else None

    def said(self, node: CaptureNode, said: Said, language: str) -> Value | None:
        """Return what words mean; of several values the last one named counts, of several payments the first."""
        slots, which = said.slots, 0 if _FIRST_COMES_FIRST.search(said.text.casefold()) else -1
        match node.kind:
            case CaptureKind.DATE:
                day = slots.days[which].day if slots.days else None
                return day if day is not None and self._today <= day <= self._latest else None
            case CaptureKind.DIGITS:
                return slots.digits if slots.digits and len(slots.digits) == node.length else None
            case CaptureKind.AMOUNT:
                return self._said_amount(node, said, which)
            case CaptureKind.RATING:
                if slots.digits and len(slots.digits) == 1:
                    return self.keyed(node, slots.digits)
                return rating_of(said.text, language, node.most)
            case CaptureKind.CALLBACK:
                if slots.digits in node.offers:
                    return self.keyed(node, slots.digits or "")
                return self._said_moment(said)

    def due(self, when: str, filled: Value | None) -> date | None:
        """Return the day a promise is for, if it may be promised; `filled`: the slot of that name."""
        day = (
            filled
            if isinstance(filled, date)
            else coming_day(self._today, COMING_DAYS[when])
            if when in COMING_DAYS
            else {"today": self._today, "tomorrow": self._today + timedelta(days=1)}.get(when)
        )
        return day if day is not None and self._today <= day <= self._latest else None

    def money(self, var: str | None) -> Money | None:
        """Return an amount the contact brought."""
        value = self._vault.value(var) if var is not None else None
        return value if isinstance(value, Money) else None

    def number(self, var: str | None) -> int | None:
        """Return a number the contact brought."""
        value = self._vault.value(var) if var is not None else None
        return value if isinstance(value, int) else None

    def _keyed_day(self, keys: str, latest: date) -> date | None:
        """Return MMDD as the next such day, None if there is none or it is later than allowed."""
        month, day = int(keys[:2]), int(keys[2:])
        for year in (self._today.year, self._today.year + 1):
            try:
                meant = date(year, month, day)
            except ValueError:
                continue
            if self._today <= meant <= latest:
                return meant
        return None

    def _said_amount(self, node: CaptureNode, said: Said, which: int) -> Money | None:
        at_most = self.money(node.at_most)
        if at_most is None or not said.slots.amounts:
            return None
        mention = said.slots.amounts[which]
        if mention.currency not in (None, at_most.currency):
            return None
        if mention.share is not None:
            return self._amount(node, int(at_most.minor * mention.share))
        if mention.minor is None:
            return None
        # Named: already in that currency's own minor unit. Unnamed: in hundredths of whatever the contact owes.
        told = mention.minor * in_minor(at_most.currency), in_minor(mention.currency)
        return None if told[0] % told[1] else self._amount(node, told[0] // told[1])

    def _amount(self, node: CaptureNode, minor: int) -> Money | None:
        at_most = self.money(node.at_most)
        if at_most is None or not 0 < minor <= at_most.minor:
            return None
        # Below the least part nothing is agreed; all that is left may always be paid.
        for least in (self.money(node.at_least), self.min_part):
            # A limit in another currency cannot be compared: then only all of it is agreed.
            is_too_little = least is not None and (least.currency != at_most.currency or minor < least.minor)
            if is_too_little and minor < at_most.minor:
                return None
        return Money(minor, at_most.currency)

    def _said_moment(self, said: Said) -> Moment | None:
        """Return day and time, of which either may have been said in an earlier answer."""
        if said.slots.days:
            self._day_so_far = said.slots.days[-1].day
        if said.slots.times:
            self._time_so_far = said.slots.times[-1].begin
        if self._time_so_far is None:
            return None
        at = time(self._time_so_far.hour, 30 if self._time_so_far.minute >= 30 else 0)
        if self._day_so_far is not None:
            return self._moment(self._day_so_far, at)
        return self._moment(self._today, at) or self._moment(self._today + timedelta(days=1), at)

    def _moment(self, day: date, at: time) -> Moment | None:
        if not CALLBACK_EARLIEST <= at <= CALLBACK_LATEST:
            return None
        if day == self._today and (self._local_time is None or at <= self._local_time):
            return None
        in_time = self._today <= day <= self._today + timedelta(days=CALLBACK_MAX_DAYS)
        return Moment(day, at) if in_time else None
