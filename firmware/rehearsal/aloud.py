"""A conversation by voice: the box speaks and listens over a sound card, as in a call, and words or keys are the answer."""

import asyncio
from collections.abc import Callable
from typing import Self

from audio import AudioEvent, CallAudio, DigitHeard, Play, PlayFinished, PortDied, UtteranceHeard
from audio.dsp.endpointer import Patience
from audio.errors import PortOpenError
from audio.frame import Clip
from audio.orders import BargeIn, Listen
from audio.ports.port import AudioPort
from firmware.dialogue.slots import Asked
from firmware.rehearsal.terminal import Rehearsal

PATIENCE_S = 8.0
"""After what the box said: then the dialogue is told that nobody answered."""
KEYS_PAUSE_S = 1.5
"""After the last key: more belong to the same answer before."""
PLAY_MARGIN_S = 5.0
SAMPLES_PER_S = 8000
MOST_WAITING = 256
"""Events that nobody has taken."""
SHORT_ANSWERS = frozenset({Asked.IDENTITY, Asked.CONFIRM, Asked.OFFER, Asked.SATISFACTION})

Recognise = Callable[[bytes, str, tuple[str, ...]], str]
"""(sound, language, expected phrases) to text, empty when nothing was understood."""
Speak = Callable[[str, str], Clip]
"""(words, language) to sound."""


class Voice:
    """Speaks and listens over one port; enter it to open the port, leave it to let it go."""

    def __init__(self, port: AudioPort, *, recognise: Recognise, speak: Speak) -> None:
        self._port = port
        self._recognise = recognise
        self._speak = speak
        self._events: asyncio.Queue[AudioEvent] = asyncio.Queue(MOST_WAITING)
        self._plays = 0

    async def __aenter__(self) -> Self:
        self._port.start(CallAudio(listens=True), self._heard)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._port.stop()

    def _heard(self, events: list[AudioEvent]) -> None:
        for event in events:
            if isinstance(event, DigitHeard | UtteranceHeard | PlayFinished | PortDied):
                if self._events.full():  # whoever presses keys for minutes on end is not answered key by key
                    self._events.get_nowait()
                self._events.put_nowait(event)

    async def say(self, words: str, language: str) -> None:
        """Say it to the end, or until a key cuts it short. Raises PortOpenError."""
        self._plays += 1
        clip = self._speak(words, language)
        self._port.order(Play(play_id=self._plays, clips=(clip,), barge_in=BargeIn.DTMF))
        async with asyncio.timeout(len(clip) / SAMPLES_PER_S + PLAY_MARGIN_S):
            while True:
                event = await self._next()
                if isinstance(event, PlayFinished) and event.play_id == self._plays:
                    return
                if isinstance(event, DigitHeard):
                    self._events.put_nowait(event)  # it belongs to the answer
                    return

    async def answer(self, asked: Asked, language: str, expected: tuple[str, ...]) -> str:
        """Return the keys that were pressed or the words that were said, nothing after `PATIENCE_S`. Raises PortOpenError."""
        patience = Patience.ANSWER if asked in SHORT_ANSWERS else Patience.OPEN
        self._port.order(Listen(patience=Patience.DIGITS if asked is Asked.DIGITS else patience))
        keys = ""
        while True:
            try:
                async with asyncio.timeout(KEYS_PAUSE_S if keys else PATIENCE_S):
                    event = await self._next()
            except TimeoutError:
                return keys
            match event:
                case DigitHeard():
                    keys += event.digit
                case UtteranceHeard() if not keys and (
                    text := self._recognise(event.pcm, language, expected)
                ):
                    return text
                case _:
                    pass

    async def _next(self) -> AudioEvent:
        event = await self._events.get()
        if isinstance(event, PortDied):
            raise PortOpenError("sound card", event.reason)
        return event


async def converse_aloud(rehearsal: Rehearsal, voice: Voice, show: Callable[[str], None]) -> None:
    """Hold the conversation until it ends. Raises AudioError when the card goes away or nothing can be said."""
    lines = list(rehearsal.begin())
    while True:
        for line in lines:
            show(line)
            if line.startswith(Rehearsal.BOX):
                await voice.say(line.removeprefix(Rehearsal.BOX), rehearsal.language)
        if rehearsal.is_over:
            break
        said = await voice.answer(rehearsal.asked, rehearsal.language, rehearsal.expected)
        show(f"you: {said or '...'}")
        # A slash is a command of the keyboard's; nobody says one.
        lines = list(rehearsal.take(said.lstrip("/")))
    for line in rehearsal.outcome():
        show(line)
