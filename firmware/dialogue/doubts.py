"""What is asked when somebody may have meant what must not be missed: did you mean that? A question is cheaper than a miss.

The questions are part of every flow (`sure_opt_out`, …); one that writes a prompt of that name asks in its own words.
"""

# ruff: noqa: D102  (the methods of a step keep the contract written at Step)

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from firmware.dialogue.capture_steps import ChoiceStep, yes_and_no
from firmware.dialogue.intents import ACCEPT, ACCEPT_PROTECTIVE, DOUBT_FROM, MARGIN, PROTECTIVE
from firmware.dialogue.nodes import Prompt
from firmware.dialogue.replies import Reply, Said, Settled, Speak
from firmware.dialogue.steps import Step
from firmware.dialogue.template import parse_template

DOUBTED = ("opt_out", "vulnerable", "want_human", "wrong_number", "dispute")
"""Asked about in this order when several may have been meant."""
DOUBT_BESIDE = 0.3
"""From which it is asked about where something else was surely meant."""
MAX_DOUBTS = 3
"""How many such questions a call bears; the same one is asked once."""
WAIT_S = 6.0

_WORDS: Mapping[str, Mapping[str, str]] = {
    "opt_out": {
        "zh-CN": "您是希望我们以后不再给您打电话吗？是请按1，不是请按2。",
        "en": "Would you like us to stop calling you? For yes press 1, for no press 2.",
    },
    "vulnerable": {
        "zh-CN": "您是不是遇到了特别的情况，需要我们的同事来关心一下？是请按1，不是请按2。",
        "en": "Is this a very hard time, so that a colleague should look after it? For yes press 1, for no press 2.",
    },
    "want_human": {
        "zh-CN": "您是想和我们的工作人员说话吗？是请按1，不是请按2。",
        "en": "Would you like to speak with one of our staff? For yes press 1, for no press 2.",
    },
    "wrong_number": {
        "zh-CN": "您是说我们打错电话了吗？是请按1，不是请按2。",
        "en": "Do you mean that we have the wrong number? For yes press 1, for no press 2.",
    },
    "dispute": {
        "zh-CN": "您是觉得有什么地方不对，要我们先核实吗？是请按1，不是请按2。",
        "en": "Do you mean that something is not right and should be checked first? For yes press 1, for no press 2.",
    },
}


def question(name: str) -> str:
    """Return the name of the prompt that asks whether `name` was meant."""
    return f"sure_{name}"


QUESTIONS = frozenset(map(question, DOUBTED))


def standing_prompts(languages: Collection[str]) -> Mapping[str, Prompt]:
    """Return the questions in the languages of a flow."""
    return {
        question(name): Prompt(
            id=question(name),
            roles=frozenset(),
            texts={tag: parse_template(words[tag]) for tag in languages if tag in words},
        )
        for name, words in _WORDS.items()
    }


def doubtful(meant: Mapping[str, float], heard_here: Collection[str]) -> str | None:
    """Return which of `heard_here` may have been meant without being sure; `meant` is intent name to confidence."""
    surest = max((sure for name, sure in meant.items() if name not in DOUBTED), default=0.0)
    least = DOUBT_FROM if surest < ACCEPT else DOUBT_BESIDE
    return next(
        (
            name
            for name in sorted(DOUBTED, key=lambda name: -round(meant.get(name, 0.0), 1))
            if name in heard_here and least <= meant.get(name, 0.0) < acted_on_from(name)
        ),
        None,
    )


def acted_on_from(name: str) -> float:
    """Return from which confidence a meaning is acted on unasked."""
    return ACCEPT_PROTECTIVE if name in PROTECTIVE else ACCEPT


@dataclass(frozen=True, slots=True)
class Doubt:
    """What may have been meant, by which words, and the step that they were said to."""

    name: str
    said: Said
    step: Step

    def without(self, answer: Said | None) -> Said:
        """Return what is left to be answered when it was not meant: of the later words if they say anything more."""
        if answer is not None:
            matters = {
                name: sure
                for name, sure in answer.intents.items()
                if name not in (self.name, "affirm", "deny") and sure >= ACCEPT
            }
            if matters:
                return Said(matters, replace(answer.slots, is_yes=None), answer.text)
        rest = {name: sure for name, sure in self.said.intents.items() if name != self.name}
        return Said(rest, self.said.slots, self.said.text)


class DoubtStep(ChoiceStep):
    """Asks whether that was meant; what is neither told nor denied counts as not said."""

    def __init__(self, name: str) -> None:
        yes, no, neither = (Settled(was_meant=was_meant) for was_meant in (True, False, None))
        super().__init__(Speak(question(name)), yes=yes, no=no, neither=neither, wait_s=WAIT_S)
        self._name = name

    def meant(self, said: Said, now_s: float) -> Reply:
        yes, no = yes_and_no(said)
        repeated = said.intents.get(self._name, 0.0)
        agrees = yes >= ACCEPT and no < yes - MARGIN
        if repeated >= acted_on_from(self._name) or (agrees and self._patience.listens):
            return self._yes
        if agrees:
            return None  # nobody agrees to a question they have not heard to its end
        if no >= ACCEPT:
            return Settled(was_meant=False, answer=said)
        if repeated >= DOUBT_FROM:
            return self._yes  # twice in doubt is said
        if max(said.intents.values(), default=0.0) >= ACCEPT:
            return Settled(was_meant=False, answer=said)
        return self._unclear() if self._patience.listens else None
