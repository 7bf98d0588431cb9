"""The call in hand: its record, its stage, orders to its sound, and hanging up under a deadline."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from audio import orders
from audio.errors import AudioError
from firmware.lines.line import LineCall
from firmware.values import Disposition

RELEASE_DEADLINE_S = 100.0
"""From our hang-up to `Ended`; ATH may take 90 s (Quectel EC2x AT manual)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedEvent:
    """One thing that happened in a call, for the record."""

    at_s: float
    kind: str
    detail: dict[str, Any] = field(default_factory=dict)


class Handset:
    """One call as its session holds it; whatever goes wrong with its sound ends it and nothing else."""

    def __init__(
        self, *, line_id: str, on_stage: Callable[[str, str], None], now_s: Callable[[], float]
    ) -> None:
        """Hold no call yet."""
        self.events: list[TimedEvent] = []
        self.call: LineCall | None = None
        self.stopped: Disposition | None = None
        """Why we ended it ourselves, if we did."""
        self.release_by_s: float | None = None
        """Set when we hung up: when the line must have said so."""
        self.now_s = now_s
        self._line_id = line_id
        self._on_stage = on_stage
        self._stage_name = ""
        self._hanging_up: asyncio.Task[None] | None = None

    @property
    def is_hanging_up(self) -> bool:
        """Say whether nothing more is to be said."""
        return self.release_by_s is not None

    def note(self, kind: str, **detail: Any) -> None:
        """Put one thing into the call's record."""
        self.events.append(TimedEvent(at_s=self.now_s(), kind=kind, detail=detail))

    def stage(self, stage: str) -> None:
        """Say how far the call has come."""
        self._stage_name = stage
        self.note("stage", stage=stage)
        self._on_stage(stage, "")

    def doing(self, what: str) -> None:
        """Say what goes on in the stage, to who watches."""
        self._on_stage(self._stage_name, what)

    def order(self, order: orders.AudioOrder) -> None:
        """Order something of the call's sound; a sound that takes no more orders ends the call."""
        assert self.call is not None
        try:
            self.call.audio.order(order)
        except AudioError as error:
            self.sound_failed("audio_failed", str(error))

    def sound_failed(self, kind: str, reason: str) -> None:
        """End a call that has no sound any more."""
        self.note(kind, reason=reason)
        self.stopped = self.stopped or Disposition.TECHNICAL_FAILURE
        self.hang_up()

    def hang_up(self) -> None:
        """Let the line release the call; more than once is once."""
        if self.release_by_s is None and self.call is not None:
            self.stage("ending")
            self.release_by_s = self.now_s() + RELEASE_DEADLINE_S
            self._hanging_up = asyncio.create_task(self.call.hang_up(), name=f"hang-up:{self._line_id}")

    def close(self) -> None:
        """Wait no longer for the line to release the call."""
        if self._hanging_up is not None and not self._hanging_up.done():
            self._hanging_up.cancel()
