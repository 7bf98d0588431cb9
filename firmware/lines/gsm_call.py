"""A call on a GSM line: its audio opened at answer, its ring time bounded, its sound watched."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import assert_never

from audio.ports.port import AudioPort
from audio.ports.serial_pcm import SerialPcmPort
from firmware.lines.ends import END_KINDS
from firmware.lines.line import Active, Alerting, CallEvent, Dialing, Ended, EndKind
from firmware.lines.sound_watch import WatchedPort
from modem_drivers import events as modem_events
from modem_drivers.errors import ModemError
from modem_drivers.events import ReleaseKind
from modem_drivers.modem import ModemCall

HANG_UP_DEADLINE_S = 100.0
"""ATH and AT+CHUP may take 90 s (Quectel EC2x AT manual); past this the modem is lost."""


class GsmCall:
    """One call on a GSM line."""

    def __init__(
        self,
        call: ModemCall,
        audio: AudioPort,
        *,
        ring_timeout_s: float,
        on_over: Callable[["GsmCall"], None],
    ) -> None:
        if isinstance(audio, SerialPcmPort):
            audio.obey(lambda: call.audio_is_paused)
        self.sound = WatchedPort(audio)
        self.audio: AudioPort = self.sound
        self.audio_was_refused = False
        """The modem would not open its audio path though the call went on."""
        self.modem_failed = False
        """The call was lost to a fault of the modem or its port."""
        self._call = call
        self._ring_timeout_s = ring_timeout_s
        self._on_over = on_over
        self._gave_up_ringing = False

    @property
    def audio_tries(self) -> int:
        """Return how often the audio path had to be asked for; more than once is a sign of a modem going bad."""
        return self._call.audio_tries

    async def events(self) -> AsyncIterator[CallEvent]:
        """Return what happens, ending with `Ended`."""
        loop = asyncio.get_running_loop()
        ringing: asyncio.TimerHandle | None = loop.call_later(self._ring_timeout_s, self._stop_ringing)
        audio_failure = ""
        try:
            async for event in self._call.events():
                match event:
                    case modem_events.Dialing():
                        yield Dialing(at_s=event.at_s)
                    case modem_events.Alerting():
                        yield Alerting(at_s=event.at_s)
                    case modem_events.Active():
                        if ringing is not None:
                            ringing.cancel()
                            ringing = None
                        try:
                            await self._call.open_audio()
                        except ModemError as error:
                            # Red line 10: no silent call. Without sound the only decent thing is to hang up.
                            audio_failure = str(error)
                            self.audio_was_refused = not self._call.is_over
                            self._hanging_up = asyncio.create_task(self.hang_up(), name="hang-up-soundless")
                            continue
                        yield Active(at_s=event.at_s)
                    case modem_events.Dtmf():
                        continue  # digits are taken from the audio itself; two sources would count twice
                    case modem_events.Released():
                        self.modem_failed = event.kind is ReleaseKind.LOCAL_FAULT
                        yield self._ended(event, audio_failure)
                        return
                    case _:
                        assert_never(event)
        finally:
            if ringing is not None:
                ringing.cancel()
            self._on_over(self)

    async def hang_up(self) -> None:
        """End the call; `Ended` follows."""
        with suppress(ModemError, TimeoutError):
            async with asyncio.timeout(HANG_UP_DEADLINE_S):
                await self._call.close_audio()
                await self._call.hang_up()

    def _stop_ringing(self) -> None:
        self._gave_up_ringing = True
        self._hanging_up = asyncio.create_task(self.hang_up(), name="hang-up-unanswered")

    def _ended(self, event: modem_events.Released, audio_failure: str) -> Ended:
        kind, q850 = END_KINDS[event.kind], event.q850
        evidence = event.raw_lines
        if audio_failure:
            kind, evidence = EndKind.LOCAL_FAULT, (*evidence, f"call audio did not open: {audio_failure}")
        elif self._gave_up_ringing and kind is EndKind.RELEASED_BY_US and not event.saw_active:
            # We let it ring as long as the campaign says and nobody came. If it never even rang, that
            # is not a person who did not answer.
            kind = EndKind.NO_ANSWER if event.saw_alerting else EndKind.UNREACHABLE
            q850 = None  # "normal clearing" is our own hang-up, no word of the network
        return Ended(
            at_s=event.at_s,
            kind=kind,
            q850=q850,
            confidence=event.confidence,
            saw_alerting=event.saw_alerting,
            saw_active=event.saw_active,
            evidence=evidence,
        )
