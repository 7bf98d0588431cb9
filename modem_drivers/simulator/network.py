"""A mobile network: registration, signal, and the people behind its numbers."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from modem_drivers.simulator.call_log import CallLog
from modem_drivers.simulator.conversation import Conversation
from modem_drivers.simulator.leg import CallingParty, Leg, LegState, Schedule
from modem_drivers.simulator.message_centre import MessageCentre, SentText, TextHost
from modem_drivers.simulator.people import Person, Reaction, Say
from modem_drivers.simulator.tones import Pcm, bursts, network_tone
from modem_drivers.simulator.ussd import USUAL_CODES, UssdAnswer

CONVERSATIONS_KEPT = 50
USUAL_RING_S = 3.0
_BUSY = 17
"""3GPP TS 24.008 cause a caller gets whose call no modem took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who runs the network, in the three forms `AT+COPS` can ask for."""

    long_name: str
    short_name: str
    numeric: str
    location_area: str
    cell: str


CHINA_MOBILE = Operator(
    long_name="CHINA MOBILE", short_name="CMCC", numeric="46000", location_area="2795", cell="0A1F3C05"
)


class Subscriber(CallingParty, TextHost, Protocol):
    """A modem as the network knows it."""

    def call_offered(self, leg: Leg, caller: str) -> bool:
        """Ring; `caller` is empty when withheld. Return False when busy or off the air."""


class Network:
    """Connects modems with people. A number that belongs to nobody is vacant (cause 1)."""

    def __init__(
        self,
        people: Iterable[Person] = (),
        *,
        voice: Callable[[str, str], bytes] | None = None,
        call_log_path: Path | None = None,
        setup_s: float = 1.5,
        ring_limit_s: float = 55.0,
        operator: Operator = CHINA_MOBILE,
        country_code: str = "86",
        vacant_announcement: str | None = None,
        ussd: Mapping[str, UssdAnswer] = USUAL_CODES,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """`voice(text, language)` returns s16 8 kHz mono bytes; without one, people babble.

        `clock()` returns the network's time in its own zone; without one it tells modems none (NITZ).
        """
        self.ussd = ussd
        self.clock = clock
        self.operator = operator
        self.rssi = 23
        """Received signal as +CSQ counts it: 0 to 31, 99 unknown."""
        self.is_congested = False
        """Every call is turned away with cause 42."""
        self.call_log = CallLog(call_log_path)
        self.conversations: deque[Conversation] = deque(maxlen=CONVERSATIONS_KEPT)
        """The people's sides of the latest answered or attempted calls, oldest first."""
        self._registration = 1
        self._watchers: list[Callable[[], None]] = []
        self._voice = voice
        self._setup_s = setup_s
        self._ring_limit_s = ring_limit_s
        self._country_code = country_code
        self._people: dict[str, Person] = {}
        self._sounds: dict[str, dict[str, Pcm]] = {}
        self._calls_to: Counter[str] = Counter()
        self._legs: dict[str, Leg] = {}
        self._subscribers: dict[str, Subscriber] = {}
        self.messages = MessageCentre(self._people.get, self.international, clock)
        self._vacant = None if vacant_announcement is None else self._render(vacant_announcement, "zh")
        for person in people:
            self.add_person(person)

    def add_person(self, person: Person) -> None:
        """Give somebody a telephone; all they will ever say is rendered now, so that no call waits for it."""
        number = self.international(person.number)
        texts = [step.text for step in person.steps if isinstance(step, Say)]
        if person.announcement is not None:
            texts.append(person.announcement)
        self._people[number] = person
        self._sounds[number] = {text: self._render(text, person.language) for text in texts}

    @property
    def registration(self) -> int:
        """The modems' standing as +CREG counts it: 0 not, 1 home, 2 searching, 3 denied, 5 roaming."""
        return self._registration

    @registration.setter
    def registration(self, standing: int) -> None:
        self._registration = standing
        for watcher in self._watchers:
            watcher()

    def watch_registration(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` at every change of `registration`."""
        self._watchers.append(watcher)

    def attach(self, number: str, subscriber: Subscriber) -> None:
        """Give a modem its number: calls and texts to it go there from now on."""
        self._subscribers[self.international(number)] = subscriber
        self.messages.attach(self.international(number), subscriber)

    def begin(self, schedule: Schedule, now_s: Callable[[], float]) -> None:
        """Let the people do what they do of their own accord, towards the first modem attached."""
        number = next(iter(self._subscribers))
        self.messages.on_sent = partial(self._log_text, now_s)

        def call(caller: str) -> None:
            self.ring(number, caller, schedule=schedule, now_s=now_s)

        for person in self._people.values():
            for after_s in person.calls_after_s:
                schedule(after_s, partial(call, person.number))
            for text in person.texts:
                send = partial(self.messages.text_from, self.international(person.number), number, text.text)
                schedule(text.after_s, partial(send, now_s=now_s))

    def ring(
        self,
        number: str,
        caller: str,
        *,
        schedule: Schedule,
        now_s: Callable[[], float],
        is_withheld: bool = False,
    ) -> bool:
        """Let the person with number `caller` call the modem with `number`; return whether it rings."""
        called, calling = self.international(number), self.international(caller)
        person = self._people.get(calling)
        subscriber = self._subscribers.get(called)
        if subscriber is None:
            return False

        def record(event: str, **details: object) -> None:
            self.call_log.add(at_s=now_s(), event=event, number=calling, modem=called, **details)

        record("called")
        conversation = None
        if person is not None:
            conversation = Conversation(person, self._sounds[calling], subscriber.key_heard)
            self.conversations.append(conversation)
        leg = Leg(
            subscriber,
            conversation,
            Reaction.ANSWER,
            announcement=None,
            setup_s=0.0,
            ring_s=self._ring_limit_s if person is None or person.ring_s is None else person.ring_s,
            record=record,
            schedule=schedule,
            now_s=now_s,
            is_incoming=True,
        )
        if subscriber.call_offered(leg, "" if is_withheld else calling):
            return True
        leg.drop(_BUSY)
        return False

    def international(self, dialled: str) -> str:
        """Return a dialled number in the form subscribers are known by: +86…, or a short code as it is."""
        if dialled.startswith("+") or len(dialled) <= 6:
            return dialled
        if dialled.startswith("00"):
            return "+" + dialled[2:]
        if dialled.startswith(self._country_code) and len(dialled) > 11:
            return "+" + dialled
        return f"+{self._country_code}{dialled.removeprefix('0')}"

    def place_call(
        self,
        *,
        caller: str,
        dialled: str,
        party: CallingParty,
        schedule: Schedule,
        now_s: Callable[[], float],
    ) -> Leg:
        """Start a call from the modem with number `caller`; what comes of it is told to `party`."""
        number = self.international(dialled)
        self.call_log.add(at_s=now_s(), event="dialled", number=number, modem=caller)

        def record(event: str, **details: object) -> None:
            self.call_log.add(at_s=now_s(), event=event, number=number, modem=caller, **details)

        person = self._people.get(number)
        reaction = self._reaction(number, person)
        conversation = None
        if person is not None:
            conversation = Conversation(person, self._sounds[number], party.key_heard)
            self.conversations.append(conversation)
        leg = Leg(
            party,
            conversation,
            reaction,
            announcement=self._announcement(number, person, reaction),
            setup_s=self._setup_s,
            ring_s=self._ring_s(person, reaction),
            record=partial(record),
            schedule=schedule,
            now_s=now_s,
        )
        if reaction is Reaction.ANSWER:
            self._legs[number] = leg
        return leg

    def _reaction(self, number: str, person: Person | None) -> Reaction:
        if self.is_congested:
            return Reaction.CONGESTED
        if person is None:
            return Reaction.VACANT
        leg = self._legs.get(number)
        if leg is not None and leg.state is not LegState.OVER:
            return Reaction.BUSY
        reaction = person.reaction_to_call(self._calls_to[number])
        self._calls_to[number] += 1
        return reaction

    def _ring_s(self, person: Person | None, reaction: Reaction) -> float:
        if reaction is Reaction.NO_ANSWER:
            return self._ring_limit_s if person is None or person.ring_s is None else person.ring_s
        ring_s = USUAL_RING_S if person is None or person.ring_s is None else person.ring_s
        return min(ring_s, self._ring_limit_s)

    def _announcement(self, number: str, person: Person | None, reaction: Reaction) -> Pcm | None:
        if person is None:
            return self._vacant
        if reaction is Reaction.ANSWER:
            return None
        heard = [] if person.announcement is None else [self._sounds[number][person.announcement]]
        if person.tone is not None:
            heard.append(network_tone(person.tone, person.tone_s))
        return np.concatenate(heard) if heard else None

    def _log_text(self, now_s: Callable[[], float], text: SentText) -> None:
        self.call_log.add(
            at_s=now_s(),
            event="text",
            number=text.recipient,
            modem=text.sender,
            text=text.text,
            n_parts=text.n_parts,
        )

    def _render(self, text: str, language: str) -> Pcm:
        if self._voice is None:
            return bursts(text, language)
        return np.frombuffer(self._voice(text, language), dtype="<i2").astype(np.int16)
