"""Scripted conversations: a YAML file beside a flow, read strictly; every complaint names its place."""

from dataclasses import dataclass, field, replace
from datetime import date, time
from fractions import Fraction
from pathlib import Path

from firmware.dialogue.document import DocumentError, Mapping, Scalar, Sequence, Tree, read_document
from firmware.dialogue.endings import ENDINGS
from firmware.dialogue.errors import FlowProblem
from firmware.dialogue.events import Intent
from firmware.dialogue.fields import Fields, Problems
from firmware.dialogue.intents import MEANINGS
from firmware.dialogue.slots import AmountMention, DayMention, DayProblem, Slots, TimeMention
from firmware.dialogue.variables import Position
from firmware.values import Disposition

CERTAIN = 0.95
KEYS = frozenset("0123456789*#")
DEEDS = ("press", "say", "wait", "hang_up", "machine")
_FURTHER_ENDINGS = frozenset(
    {
        Disposition.SILENCE,
        Disposition.HUNG_UP_EARLY,
        Disposition.MACHINE_NO_MESSAGE,
        Disposition.MACHINE_LEFT_MESSAGE,
        Disposition.HUMAN_BRIDGED,
        Disposition.BLOCKED,
        Disposition.TECHNICAL_FAILURE,
    }
)


class ScriptRefusedError(ValueError):
    """The file is no script of conversations; every problem found is in `problems`."""

    def __init__(self, problems: tuple[FlowProblem, ...], source: str) -> None:
        super().__init__("\n".join(f"{source}:{problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing the callee does."""

    kind: str
    text: str = ""
    """Keys, words, or the machine's sound."""
    intents: tuple[Intent, ...] = ()
    slots: Slots | None = None
    """None, and no intents: let the words be understood, if there is something that understands."""
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What must have come of the conversation; what is None is not looked at."""

    disposition: Disposition
    prompts: tuple[str, ...] | None = None
    """All prompts in order."""
    words: tuple[str, ...] = ()
    """Each was said somewhere."""
    never: tuple[str, ...] = ()
    """None of these was said."""
    due: date | None = None
    amount_minor: int | None = None
    instalments: int | None = None
    callback: str | None = None
    answers: tuple[tuple[str, str], ...] = ()
    suppresses: tuple[str, ...] | None = None
    texts: tuple[str, ...] | None = None
    """What is sent by SMS after the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One scripted conversation."""

    name: str
    language: str
    """Read as every language of the file's `vars:` when the conversation names none."""
    deeds: tuple[Deed, ...]
    expects: Expectation
    vars: dict[str, object]
    promise_max_days: int
    can_hand_over: bool
    gate_allows: bool
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """All conversations of one file."""

    flow: Path
    today: date
    vars: dict[str, dict[str, object]]
    """By language, for every conversation in it."""
    conversations: tuple[Conversation, ...]


def read_script(text: str, *, source: str) -> Script:
    """Return the conversations. Raises ScriptRefusedError with everything that is wrong."""
    problems = Problems()
    try:
        tree = read_document(text)
    except DocumentError as error:
        raise ScriptRefusedError((error.problem,), source) from None
    of = Fields(tree, "a script", problems)
    flow, today = of.text("flow") or "", _day(of, "today")
    vars_ = {language: plain(value) for language, _, value in _items(of, "vars", problems)}
    conversations: list[Conversation] = []
    listed = of.tree("conversations")
    if listed is not None and not isinstance(listed, Sequence):
        of.problem(listed.at, "`conversations:` must be a list")
    for item in listed.items if isinstance(listed, Sequence) else ():
        read = _conversation(Fields(item, "a conversation", problems), problems)
        languages = (read.language,) if read.language else vars_.keys()
        conversations += [_in_language(read, language, list(vars_)) for language in languages]
    of.close()
    if problems.found:
        raise ScriptRefusedError(tuple(sorted(problems.found)), source)
    typed = {language: value for language, value in vars_.items() if isinstance(value, dict)}
    return Script(flow=Path(flow), today=today or date.min, vars=typed, conversations=tuple(conversations))


def _in_language(read: Conversation, language: str, languages: list[str]) -> Conversation:
    """Return it as held in a language: of "是我 / speaking" its own part is said, in the order of `vars:`."""
    if read.language:
        return read
    deeds = []
    for deed in read.deeds:
        parts = deed.text.split(" / ")
        is_said = deed.kind == "say" and len(parts) == len(languages)
        deeds.append(replace(deed, text=parts[languages.index(language)].strip()) if is_said else deed)
    return replace(read, language=language, deeds=tuple(deeds))


def plain(tree: Tree) -> object:
    """Return a tree as plain data; what looks like a whole number is one only under `minor`."""
    match tree:
        case Scalar():
            return tree.text
        case Sequence():
            return [plain(item) for item in tree.items]
        case Mapping():
            return {
                key: int(value.text)
                if key in ("minor", "number") and isinstance(value, Scalar) and value.text.isdigit()
                else plain(value)
                for key, (_, value) in tree.entries.items()
            }


def _items(of: Fields, key: str, problems: Problems) -> list[tuple[str, Position, Tree]]:
    tree = of.tree(key, needed=False)
    return [] if tree is None else list(Fields(tree, key, problems).items())


def _conversation(of: Fields, problems: Problems) -> Conversation:
    name, language = of.text("name") or "", of.text("language", needed=False) or ""
    deeds: list[Deed] = []
    tree = of.tree("callee")
    for item in tree.items if isinstance(tree, Sequence) else ():
        deed = _deed(item, problems)
        if deed is not None:
            deeds.append(deed)
    wanted = of.tree("expect")
    expects = Expectation(disposition=Disposition.NO_DECISION)
    if wanted is not None:
        expects = _expectation(Fields(wanted, f"expect of {name!r}", problems), problems)
    changed = {key: plain(value) for key, _, value in _items(of, "vars", problems)}
    conversation = Conversation(
        name=name,
        language=language,
        deeds=tuple(deeds),
        expects=expects,
        vars=changed,
        promise_max_days=of.number("promise_max_days", int, 0, 366, 14),
        can_hand_over=of.flag("can_hand_over"),
        gate_allows=of.choice("gate", ("allows", "refuses"), "allows") == "allows",
        at=of.at,
    )
    of.close()
    return conversation


def _deed(tree: Tree, problems: Problems) -> Deed | None:
    if isinstance(tree, Scalar):
        if tree.text in ("wait", "hang_up"):
            return Deed(kind=tree.text, at=tree.at)
        problems.add(tree.at, "shape", f"{tree.text!r} is nothing a callee does: {', '.join(DEEDS)}")
        return None
    of = Fields(tree, "what the callee does", problems)
    kind = next((kind for kind in ("press", "say", "machine") if kind in of), None)
    if kind is None:
        of.problem(of.at, "a callee does one of `press:`, `say:`, `machine:`, wait, hang_up")
        return None
    text = of.text(kind) or ""
    if kind == "press" and (not text or not set(text) <= KEYS):
        of.problem(of.where(kind), "keys are 0-9, * and #")
    if kind == "machine" and text not in ("beep", "greeting"):
        of.problem(of.where(kind), "a machine is heard by its `greeting` or its `beep`")
    intents: tuple[Intent, ...] = ()
    slots: Slots | None = None
    if kind == "say":
        intents, slots = _meaning(of)
    of.close()
    return Deed(kind=kind, text=text, intents=intents, slots=slots, at=of.at)


def _meaning(of: Fields) -> tuple[tuple[Intent, ...], Slots | None]:
    given = [
        key for key in ("means", "day", "day_problem", "time", "minor", "share", "digits", "yes") if key in of
    ]
    names = of.words("means", MEANINGS) if "means" in of else ()
    day, amount, share = _day(of, "day"), None, None
    days: list[DayMention] = []
    if day is not None:
        days.append(DayMention(text="", day=day))
    problem = of.choice("day_problem", [str(kind) for kind in DayProblem], "")
    if problem:
        days.append(DayMention(text="", problem=DayProblem(problem)))
    clock = of.text("time", needed=False)
    times: tuple[TimeMention, ...] = ()
    if clock is not None:
        try:
            times = (TimeMention(text="", begin=time.fromisoformat(clock)),)
        except ValueError:
            of.problem(of.where("time"), "a time is written HH:MM")
    if "minor" in of:
        amount = AmountMention(text="", minor=of.number("minor", int, 0, 999_999_999))
    fraction = of.text("share", needed=False)
    if fraction is not None:
        try:
            share = AmountMention(text="", share=Fraction(fraction))
        except (ValueError, ZeroDivisionError):
            of.problem(of.where("share"), "a share is written 1/2")
    digits, yes = of.text("digits", needed=False), of.choice("yes", ("true", "false"), "")
    slots = Slots(
        days=tuple(days),
        times=times,
        amounts=tuple(mention for mention in (amount, share) if mention is not None),
        digits=digits,
        is_yes={"true": True, "false": False}.get(yes or ""),
    )
    intents = tuple(Intent(name=name, confidence=CERTAIN) for name in names)
    return intents, slots if given else None


def _expectation(of: Fields, problems: Problems) -> Expectation:
    endings = sorted(ENDINGS | _FURTHER_ENDINGS)
    ending = of.choice("disposition", [str(word) for word in endings])
    answers = tuple((key, str(plain(value))) for key, _, value in _items(of, "answers", problems))
    expects = Expectation(
        disposition=Disposition(ending or Disposition.NO_DECISION),
        prompts=of.words("prompts", None) if "prompts" in of else None,
        words=of.words("words", None) if "words" in of else (),
        never=of.words("never", None) if "never" in of else (),
        due=_day(of, "due"),
        amount_minor=of.number("minor", int, 0, 999_999_999) if "minor" in of else None,
        instalments=of.number("instalments", int, 1, 36) if "instalments" in of else None,
        callback=of.text("callback", needed=False),
        answers=answers,
        suppresses=of.words("suppresses", None) if "suppresses" in of else None,
        texts=of.words("texts", None) if "texts" in of else None,
    )
    of.close()
    return expects


def _day(of: Fields, key: str) -> date | None:
    text = of.text(key, needed=key == "today")
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        of.problem(of.where(key), "a date is written YYYY-MM-DD")
        return None
