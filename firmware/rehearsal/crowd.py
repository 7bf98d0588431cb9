"""Many conversations with simulated people in virtual time, audited from outside."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from fractions import Fraction

from firmware.dialogue.digit_names import EN, ZH
from firmware.dialogue.events import CalleeHungUp, Intent, MachineHeard, Utterance
from firmware.dialogue.expected import phrases_for
from firmware.dialogue.flow import Flow
from firmware.dialogue.slots import AmountMention, Asked, DayMention, Slots, TimeMention
from firmware.dialogue.variables import ContactVars
from firmware.rehearsal.loading import Understand
from firmware.rehearsal.personas import PERSONAS, Persona
from firmware.rehearsal.stage import Stage
from firmware.values import Disposition

MAX_TURNS = 60
MAX_CALL_S = 900.0
HUMANS_NEEDED = frozenset({Disposition.HUMAN_BRIDGED, Disposition.HUMAN_UNAVAILABLE})
DISCLOSED_FIRST = frozenset({"identity", "automated"})
_NOISES = {"zh": ("嗯", "嗯嗯", "哦"), "en": ("uh-huh", "mm-hm", "oh")}
_MUMBLES = {"zh": ("那个什么来着", "呃就是说"), "en": ("well the thing", "what I mean to")}
_SURE = 0.9


@dataclass(slots=True, kw_only=True)
class Report:
    """What came of a rehearsal with many people."""

    conversations: int = 0
    turns: int = 0
    seconds: float = 0.0
    """Virtual."""
    needed_a_person: int = 0
    dispositions: Counter[str] = field(default_factory=Counter)
    by_persona: dict[str, Counter[str]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    @property
    def containment(self) -> float:
        """Return the share of conversations that came to an end without a person being needed."""
        return 1.0 - self.needed_a_person / self.conversations if self.conversations else 0.0

    def as_dict(self) -> dict[str, object]:
        """Return it as plain data."""
        count = max(1, self.conversations)
        return {
            "conversations": self.conversations,
            "containment": round(self.containment, 4),
            "mean_turns": round(self.turns / count, 2),
            "mean_seconds": round(self.seconds / count, 1),
            "dispositions": dict(self.dispositions.most_common()),
            "personas": {name: dict(words.most_common()) for name, words in self.by_persona.items()},
            "violations": self.violations,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What all conversations of a rehearsal have in common."""

    flow: Flow
    contacts: Sequence[ContactVars]
    """One for each language."""
    secrets: frozenset[str]
    today: date
    promise_max_days: int = 14
    understand: Understand | None = None
    """None: intents arrive as they were meant, now and then with little confidence."""


def rehearse(
    scene: Scene, conversations: int, *, seed: int, personas: Sequence[Persona] = PERSONAS
) -> Report:
    """Hold so many conversations, the same ones for the same seed."""
    report = Report()
    for number in range(conversations):
        rng = random.Random(f"{seed}/{number}")
        persona = personas[number % len(personas)]
        contact = scene.contacts[number // len(personas) % len(scene.contacts)]
        actor = Actor(scene, contact, persona, rng)
        actor.play()
        report.conversations += 1
        report.turns += actor.turns
        report.seconds += actor.stage.now_s
        ending = str(actor.stage.kept.disposition)
        report.dispositions[ending] += 1
        report.by_persona.setdefault(persona.name, Counter())[ending] += 1
        kept = actor.stage.kept
        report.needed_a_person += kept.person_wanted or kept.disposition in HUMANS_NEEDED
        report.violations += [
            f"conversation {number} ({persona.name}, {contact.language}): {wrong}"
            for wrong in actor.violations()
        ]
    return report


class Actor:
    """Plays one person in one conversation."""

    def __init__(self, scene: Scene, contact: ContactVars, persona: Persona, rng: random.Random) -> None:
        self.stage = Stage(
            scene.flow,
            contact,
            today=scene.today,
            promise_max_days=scene.promise_max_days,
            local_time=time(10),
            can_hand_over=rng.random() < 0.3,
        )
        self.turns = 0
        self._scene, self._persona, self._rng = scene, persona, rng
        self._given: list[str] = []

    def play(self) -> None:
        """Hold the conversation to its end."""
        if self._persona.is_machine:
            self.stage.passes(1.5)
            self.stage.happens(MachineHeard(kind="greeting"))
            self.stage.passes(4.0)
            if not self.stage.is_over:
                self.stage.happens(MachineHeard(kind="beep"))
        while not self.stage.is_over and self.turns < MAX_TURNS:
            self.turns += 1
            self._turn()
        self.stage.hear_out()

    def violations(self) -> Iterator[str]:
        """Yield what must never happen in any conversation."""
        kept, said = self.stage.kept, self.stage.spoken
        if kept.disposition is None:
            yield "it did not come to an end"
        if kept.faults:
            yield f"the machine had to help itself: {', '.join(kept.faults)}"
        if self.stage.now_s > MAX_CALL_S:
            yield f"it lasted {self.stage.now_s:.0f} s"
        knew = any(secret in "".join(self._given) for secret in self._scene.secrets)
        told = [spoken.say.prompt for spoken in said if spoken.say.speaks_debt]
        if told and not (knew and kept.asked_debt):
            yield f"{told[0]!r} was said to somebody who was not verified"
        disclosed: set[str] = set()
        for spoken in said:
            if not spoken.say.roles & DISCLOSED_FIRST and not disclosed >= DISCLOSED_FIRST:
                if kept.disposition is not Disposition.OPT_OUT:
                    yield f"{spoken.say.prompt!r} came before it was said who calls"
                break
            disclosed |= spoken.say.roles
        if kept.disposition is Disposition.OPT_OUT and "person" not in kept.suppressed:
            yield "who said stop is not kept from further calls"
        if kept.promise is not None and not kept.promise.confirmed:
            yield "a promise was kept that nobody confirmed"

    def _turn(self) -> None:
        persona, rng, stage = self._persona, self._rng, self.stage
        if stage.saying is not None and rng.random() < persona.noises:
            stage.passes(rng.uniform(0.3, 1.5))
            self._speak(rng.choice(_NOISES[self._primary]), ("affirm",), Slots(), seconds=0.3)
        if stage.is_over:
            return
        if stage.saying is not None and rng.random() < persona.interrupts:
            stage.passes(rng.uniform(0.2, 2.0))
        else:
            stage.hear_out()
        if stage.is_over:
            return
        if rng.random() < persona.hangs_up:
            stage.happens(CalleeHungUp())
        elif rng.random() < persona.silent:
            stage.run_out_of_patience()
        else:
            stage.passes(persona.pace_s * rng.uniform(0.5, 1.5))
            if not stage.is_over:
                self._answer(stage.dialogue.asked)

    def _answer(self, asked: Asked) -> None:
        persona, rng = self._persona, self._rng
        if rng.random() < persona.asks_chance:
            self._mean(rng.choice(persona.asks))
        elif rng.random() < persona.mumbles:
            self._speak(rng.choice(_MUMBLES[self._primary]), (), Slots(), seconds=1.0)
        elif rng.random() < persona.presses_keys:
            self._press(asked)
        else:
            self._say(asked)

    def _press(self, asked: Asked) -> None:
        day = self._scene.today + timedelta(days=self._rng.randint(0, 16))
        keys: dict[Asked, Callable[[], str]] = {
            Asked.DIGITS: self._secret,
            Asked.DATE: lambda: f"{day:%m%d}",
            Asked.AMOUNT: lambda: f"{self._rng.choice([1, 100, 300, 500, 99999])}#",
            Asked.SATISFACTION: lambda: str(self._rng.choice(self._persona.marks)),
            Asked.CONFIRM: lambda: "1" if self._agrees() else "2",
            Asked.OFFER: lambda: "1" if self._agrees() else "2",
        }
        chosen = keys.get(asked, lambda: self._rng.choice("11123456"))()
        if asked is Asked.DIGITS:
            self._given.append(chosen)
        self.stage.press(chosen)

    def _say(self, asked: Asked) -> None:
        persona, rng = self._persona, self._rng
        day = DayMention(text="", day=self._scene.today + timedelta(days=rng.randint(0, 18)))
        match asked:
            case Asked.IDENTITY:
                self._mean(persona.identity)
            case Asked.DIGITS:
                digits = self._secret()
                self._given.append(digits)
                self._speak(self._digits_aloud(digits), (), Slots(digits=digits), seconds=2.0)
            case Asked.DATE:
                self._speak("", (), Slots(days=(day,)), seconds=1.0)
            case Asked.AMOUNT:
                amount = AmountMention(text="", minor=rng.choice([100, 30_000, 60_000, 10**8]))
                half = AmountMention(text="", share=Fraction(1, 2))
                self._speak("", (), Slots(amounts=(rng.choice([amount, half]),)), seconds=1.0)
            case Asked.CALLBACK_TIME:
                at = TimeMention(text="", begin=time(rng.choice([8, 10, 15, 22])))
                self._speak("", (), Slots(days=(day,), times=(at,)), seconds=1.5)
            case Asked.SATISFACTION:
                mark = rng.choice(persona.marks)
                self._speak(f"{mark}分" if self._primary == "zh" else str(mark), (), Slots(), seconds=0.8)
            case Asked.CONFIRM | Asked.OFFER:
                self._mean("affirm" if self._agrees() else "deny")
            case _:
                wish = rng.choice(persona.answers.get(asked, persona.wants))
                slots = Slots(days=(day,)) if wish == "promise_to_pay" and rng.random() < 0.5 else Slots()
                self._mean(wish, slots)

    def _mean(self, intent: str, slots: Slots | None = None) -> None:
        words = phrases_for(intent, self.stage.dialogue.language)
        self._speak(self._rng.choice(words) if words else "", (intent,), slots or Slots(), seconds=1.2)

    def _speak(self, text: str, intents: tuple[str, ...], slots: Slots, *, seconds: float) -> None:
        understand = self._scene.understand
        heard = tuple(Intent(name=name, confidence=self._sure()) for name in intents)
        if understand is not None and text:
            dialogue = self.stage.dialogue
            heard, slots = understand(text, dialogue.language, dialogue.asked, self._scene.today)
        utterance = Utterance(text=text, intents=heard, slots=slots)
        self.stage.speak(utterance, duration_s=seconds, understood_after_s=self._rng.uniform(0.2, 1.0))

    def _sure(self) -> float:
        return self._rng.uniform(0.3, 0.69) if self._rng.random() < 0.08 else _SURE

    def _agrees(self) -> bool:
        return self._rng.random() < self._persona.agrees

    def _secret(self) -> str:
        knows = self._scene.secrets and self._rng.random() < self._persona.knows_secret
        return self._rng.choice(sorted(self._scene.secrets)) if knows else f"{self._rng.randint(0, 999):04d}"

    def _digits_aloud(self, digits: str) -> str:
        names, joint = (ZH, "") if self._primary == "zh" else (EN, " ")
        return joint.join(names[int(digit)] for digit in digits)

    @property
    def _primary(self) -> str:
        return self.stage.dialogue.language.partition("-")[0]
