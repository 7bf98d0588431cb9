"""A conversation by hand: the box's part is printed, the callee's part is typed."""

from collections.abc import Callable, Iterator
from datetime import date

from firmware.dialogue.currencies import amount_text
from firmware.dialogue.events import CalleeHungUp, Intent, Utterance
from firmware.dialogue.intents import MEANINGS
from firmware.dialogue.slots import Asked, Slots
from firmware.rehearsal.loading import Understand
from firmware.rehearsal.stage import Stage

CERTAIN = 0.95
SPEECH_S, UNDERSTOOD_AFTER_S = 1.2, 0.4
HELP = (
    "Type keys (1, 0917, 500#), or what you would say; /affirm and the like for an intent by name,\n"
    "/phrases for what is expected now, an empty line to wait, /hangup to hang up."
)


class Rehearsal:
    """Takes one typed line after the other and yields what there is to show."""

    BOX = "box: "
    """Before what the box says."""

    def __init__(self, stage: Stage, *, today: date, understand: Understand | None) -> None:
        self._stage = stage
        self._today = today
        self._understand = understand
        self._shown = 0

    @property
    def is_over(self) -> bool:
        """Return whether the call has ended."""
        return self._stage.is_over

    @property
    def language(self) -> str:
        """Return the language that is spoken now."""
        return self._stage.dialogue.language

    @property
    def asked(self) -> Asked:
        """Return what kind of question is open."""
        return self._stage.dialogue.asked

    @property
    def expected(self) -> tuple[str, ...]:
        """Return phrases that the question expects."""
        return self._stage.dialogue.expected_phrases()

    def begin(self) -> Iterator[str]:
        """Yield what is said before anybody answers."""
        self._stage.hear_out()
        yield from self._news()

    def take(self, line: str) -> Iterator[str]:
        """Do what was typed, and yield what follows."""
        text = line.strip()
        if not text:
            self._stage.run_out_of_patience()
        elif set(text) <= set("0123456789*#"):
            self._stage.press(text)
        elif text == "/hangup":
            self._stage.happens(CalleeHungUp())
        elif text == "/phrases":
            yield f"  expects {self._stage.dialogue.asked}: {' | '.join(self._stage.dialogue.expected_phrases())}"
            return
        elif text.startswith("/"):
            yield from self._mean(text[1:].split())
        else:
            yield from self._say(text)
        self._stage.hear_out()
        yield from self._news()

    def outcome(self) -> Iterator[str]:
        """Yield what came of the call."""
        kept = self._stage.kept
        yield f"= {kept.disposition}"
        if kept.promise is not None:
            amount = kept.promise.amount
            money = f", {amount_text(amount)}" if amount else ""
            times = f", {kept.promise.instalments} times" if kept.promise.every else ""
            yield f"  promised: {kept.promise.due}{money}{times}"
        if kept.callback is not None:
            yield f"  ring back: {kept.callback.day} {kept.callback.at:%H:%M}"
        yield from (f"  kept: {name} = {value}" for name, value in kept.answers.items())
        yield from (f"  never again: {scope}" for scope in kept.suppressed)

    def _mean(self, names: list[str]) -> Iterator[str]:
        unknown = [name for name in names if name not in MEANINGS]
        if unknown:
            yield f"  no such intent: {', '.join(unknown)}; there are {', '.join(sorted(MEANINGS))}"
            return
        intents = tuple(Intent(name=name, confidence=CERTAIN) for name in names)
        self._speak(Utterance(text="", intents=intents))

    def _say(self, text: str) -> Iterator[str]:
        if self._understand is None:
            yield "  (nothing here understands words; only the plainest count: use keys or /intents)"
            self._speak(Utterance(text=text, intents=(), slots=Slots()))
            return
        dialogue = self._stage.dialogue
        intents, slots = self._understand(text, dialogue.language, dialogue.asked, self._today)
        told = ", ".join(f"{intent.name} {intent.confidence:.2f}" for intent in intents[:3])
        yield f"  (understood: {told or 'nothing'})"
        self._speak(Utterance(text=text, intents=intents, slots=slots))

    def _speak(self, utterance: Utterance) -> None:
        self._stage.speak(utterance, duration_s=SPEECH_S, understood_after_s=UNDERSTOOD_AFTER_S)

    def _news(self) -> Iterator[str]:
        for spoken in self._stage.spoken[self._shown :]:
            yield f"{self.BOX}{spoken.text}"
        self._shown = len(self._stage.spoken)


def converse(rehearsal: Rehearsal, read: Callable[[], str | None], show: Callable[[str], None]) -> None:
    """Hold the conversation until it ends, or until nobody types any more (`read` returns None)."""
    for line in rehearsal.begin():
        show(line)
    while not rehearsal.is_over:
        typed = read()
        for line in rehearsal.take("/hangup" if typed is None else typed):
            show(line)
    for line in rehearsal.outcome():
        show(line)
