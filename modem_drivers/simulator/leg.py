"""One call as the network carries it: set-up, ringing, conversation, release; and the sound of each."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol, TypeAlias

import numpy as np

from modem_drivers.simulator.conversation import Conversation
from modem_drivers.simulator.people import Reaction
from modem_drivers.simulator.tones import FRAME_S, FRAME_SAMPLES, RATE_HZ, Pcm, key_tone, ringback_frame

Schedule: TypeAlias = Callable[[float, Callable[[], None]], object]
"""`schedule(delay_s, callback)`: an event loop's `call_later`, in real or virtual time."""

NORMAL_CLEARING = 16
# 3GPP TS 24.008 table 10.5.123; does the far end ring first?
_RELEASES: dict[Reaction, tuple[int, bool]] = {
    Reaction.BUSY: (17, False),
    Reaction.NO_ANSWER: (19, True),
    Reaction.SWITCHED_OFF: (27, False),
    Reaction.UNREACHABLE: (18, False),
    Reaction.REJECTS: (21, True),
    Reaction.VACANT: (1, False),
    Reaction.CONGESTED: (42, False),
}
_OWN_CLOCK_AFTER_S = 0.05
"""When no sound was exchanged for so long, the network lets the person live on its own clock."""


class LegState(StrEnum):
    """How far the call has come."""

    SETUP = "setup"
    ALERTING = "alerting"
    ACTIVE = "active"
    OVER = "over"


class CallingParty(Protocol):
    """What the network tells the modem that has the call."""

    def call_alerting(self) -> None:
        """The far end rings."""

    def call_connected(self) -> None:
        """The far end has answered."""

    def call_released(self, cause: int) -> None:
        """The far end or the network has ended the call; 3GPP TS 24.008 cause."""

    def key_heard(self, key: str) -> None:
        """The far end has pressed a key."""


class Leg:
    """One call between a modem and a number; `is_incoming`: the number's, ringing at the modem from the start."""

    def __init__(
        self,
        party: CallingParty,
        conversation: Conversation | None,
        reaction: Reaction,
        *,
        announcement: Pcm | None,
        setup_s: float,
        ring_s: float,
        record: Callable[..., None],
        schedule: Schedule,
        now_s: Callable[[], float],
        is_incoming: bool = False,
    ) -> None:
        self.state = LegState.ALERTING if is_incoming else LegState.SETUP
        self.is_held = False
        """The modem's host has put the call on hold: neither end hears the other."""
        self.conversation = conversation
        """The person's side; None when the number is nobody's."""
        self._party = party
        self._reaction = reaction
        self._announcement = announcement
        self._ring_s = ring_s
        self._record = record
        self._schedule = schedule
        self._now_s = now_s
        self._ticks_in_state = 0
        self._announcing = False
        self._keys_to_hear: list[Pcm] = []
        self._last_exchange_s = float("-inf")
        self._our_side, self._their_side = ("callee", "caller") if is_incoming else ("caller", "callee")
        schedule(*((ring_s, self._give_in) if is_incoming else (setup_s, self._reach)))

    @property
    def announces(self) -> bool:
        """Say whether the network will speak before it releases the call."""
        return self._announcement is not None

    def answer(self) -> None:
        """The modem answers a call that rings at it."""
        if self.state is LegState.ALERTING:
            self._connect()

    def release(self, cause: int = NORMAL_CLEARING) -> None:
        """The modem hangs up, or refuses."""
        if self.state is not LegState.OVER:
            self._end(cause, by=self._our_side)

    def drop(self, cause: int) -> None:
        """The network loses the call."""
        if self.state is not LegState.OVER:
            self._end(cause, by="network")

    def send_key(self, key: str) -> None:
        """The modem sends a key; the person hears its tones in place of the host's next 100 ms."""
        if self.conversation is not None:
            self.conversation.heard_keys += key
        pcm = key_tone(key)
        self._keys_to_hear += [
            pcm[start : start + FRAME_SAMPLES] for start in range(0, len(pcm), FRAME_SAMPLES)
        ]

    def exchange(self, from_caller: Pcm) -> Pcm:
        """Carry one frame each way, int16, shape (160,); its caller's clock is then the call's."""
        self._last_exchange_s = self._now_s()
        return self._tick(from_caller)

    def _tick(self, from_caller: Pcm) -> Pcm:
        tick, self._ticks_in_state = self._ticks_in_state, self._ticks_in_state + 1
        quiet = np.zeros(FRAME_SAMPLES, np.int16)
        if self.state is LegState.ACTIVE and self.conversation is not None:
            heard = self._keys_to_hear.pop(0) if self._keys_to_hear else from_caller
            made = self.conversation.tick(quiet if self.is_held else heard)
            if self.conversation.has_hung_up:
                self._end(NORMAL_CLEARING, by=self._their_side)
            return quiet if self.is_held else made
        if self._announcing and self._announcement is not None:
            frame = self._announcement[tick * FRAME_SAMPLES : (tick + 1) * FRAME_SAMPLES]
            return np.pad(frame, (0, FRAME_SAMPLES - len(frame)))
        rings_there = self.state is LegState.ALERTING and self._our_side == "caller"
        return ringback_frame(tick) if rings_there else quiet

    def _reach(self) -> None:
        if self.state is not LegState.SETUP:
            return
        if self._reaction is Reaction.ANSWER or _RELEASES[self._reaction][1]:
            self._enter(LegState.ALERTING)
            self._schedule(self._ring_s, self._react)
            self._party.call_alerting()
        else:
            self._refuse()

    def _react(self) -> None:
        if self.state is not LegState.ALERTING:
            return
        if self._reaction is not Reaction.ANSWER:
            self._refuse()
            return
        self._connect()

    def _connect(self) -> None:
        self._enter(LegState.ACTIVE)
        self._record("answered")
        self._keep_own_clock(self._now_s(), 1)
        self._party.call_connected()

    def _give_in(self) -> None:
        """The one who rings at the modem has waited long enough."""
        if self.state is LegState.ALERTING:
            self._end(NORMAL_CLEARING, by=self._their_side)

    def _refuse(self) -> None:
        if self._announcement is None:
            self._give_up()
            return
        self._announcing, self._ticks_in_state = True, 0
        self._schedule(len(self._announcement) / RATE_HZ + 0.2, self._give_up)

    def _give_up(self) -> None:
        if self.state is not LegState.OVER:
            own_cause = None if self.conversation is None else self.conversation.person.cause
            cause = _RELEASES[self._reaction][0] if own_cause is None else own_cause
            self._end(cause, by=self._their_side if self._reaction is Reaction.REJECTS else "network")

    def _enter(self, state: LegState) -> None:
        self.state, self._ticks_in_state = state, 0

    def _end(self, cause: int, *, by: str) -> None:
        pressed = "" if self.conversation is None else self.conversation.pressed
        self._record("released", cause=cause, by=by, answered=self.state is LegState.ACTIVE, pressed=pressed)
        self._enter(LegState.OVER)
        if by != self._our_side:
            self._party.call_released(cause)

    def _keep_own_clock(self, answered_s: float, tick: int) -> None:
        """Let time pass for the person while nobody exchanges sound; ticks on a grid do not drift."""

        def pass_time() -> None:
            if self.state is not LegState.ACTIVE:
                return
            if self._now_s() - self._last_exchange_s > _OWN_CLOCK_AFTER_S:
                self._tick(np.zeros(FRAME_SAMPLES, np.int16))
            self._keep_own_clock(answered_s, tick + 1)

        self._schedule(max(0.0, answered_s + tick * FRAME_S - self._now_s()), pass_time)
