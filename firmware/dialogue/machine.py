"""The machine that walks a flow: events in, actions out, and no word of a debt to anybody unverified."""

from collections import Counter
from datetime import date
from typing import assert_never

from firmware.dialogue import events as heard
from firmware.dialogue.actions import (
    Action,
    AskDebtPermission,
    Captured,
    End,
    Note,
    StartRecording,
    Suppress,
)
from firmware.dialogue.endings import SUPPRESSES, ending
from firmware.dialogue.errors import DialogueError
from firmware.dialogue.expected import asked_of, expected_of
from firmware.dialogue.flow import (
    AskNode,
    CaptureNode,
    ChooseNode,
    EndNode,
    Flow,
    MessageNode,
    Node,
    PromiseNode,
    Repeat,
    Resume,
    Target,
)
from firmware.dialogue.intents import ANYTIME_KEYS, KEY_REPEAT, PROTECTIVE, anytime_meaning
from firmware.dialogue.mouth import Mouth
from firmware.dialogue.script import Script
from firmware.dialogue.slots import Asked
from firmware.dialogue.step_maker import StepMaker
from firmware.dialogue.steps import (
    AskStep,
    BeepStep,
    Denied,
    EndStep,
    Filled,
    Finish,
    Go,
    MessageStep,
    PermissionStep,
    Promised,
    Reply,
    Speak,
    Step,
    Verified,
)
from firmware.dialogue.variables import ContactVars, Value
from firmware.dialogue.vault import DebtVault
from firmware.values import Disposition

MAX_MOVES = 120
"""Nodes entered in one call; what is proved to end at all must also end while somebody is listening."""
MAX_ANYTIME = 3
"""How often each of repeat, who-are-you and the like is served in one call."""
MAX_NOTICES = 2
"""How often a disclosure that was cut off is said."""


class Dialogue:
    """One call's conversation. Feed it everything that happens; carry out what it orders, in order.

    `start` once, then `on` for every event, `TimePassed` when `next_deadline_s` has come. The last action of
    all is an `End`, and there is exactly one.
    """

    def __init__(
        self,
        flow: Flow,
        contact: ContactVars,
        *,
        language: str,
        today: date,
        promise_max_days: int,
        understands: bool = False,
    ) -> None:
        """Prepare a call to `contact`, checked against this flow; `today` is the day where the callee is.

        `understands`: an `Utterance` will follow `SpeechEnded`, so wait for it before asking again.
        """
        spoken = flow.resolve_language(language)
        if spoken is None or spoken != contact.language:
            raise ValueError(f"the contact was checked for {contact.language!r}, the call is in {language!r}")
        script = Script(
            flow=flow, contact=contact, language=spoken, today=today, promise_max_days=promise_max_days
        )
        self._flow = flow
        self._language = spoken
        self._vault = DebtVault(flow, script)
        self._steps = StepMaker(flow, self._vault, today=today, promise_max_days=promise_max_days)
        self.understands = understands
        self._out: list[Action] = []
        self._now_s = 0.0
        self._step: Step | None = None
        self._node: Node | None = None
        self._mouth = Mouth(flow, self._vault)
        self._is_aside = False
        self._slots: dict[str, Value] = {}
        self._visits: Counter[str] = Counter()
        self._served: Counter[str] = Counter()
        self._notices: Counter[str] = Counter()
        self._moves = 0
        self._after_notice: str | None = None
        self._heard_anything = False
        self._spoke_into_silence = False
        """Speech that began over a prompt is a greeting or an echo, not an answer to it."""
        self._keys_heard = 0
        self._is_recording = False
        self._is_machine = False
        self._decided: Disposition | None = None
        self._ended = False
        self._is_aborting = False

    @property
    def next_deadline_s(self) -> float | None:
        """Return when `TimePassed` is due; None: nothing is waited for."""
        if self._ended:
            return None
        if self._mouth.saying is not None:
            return self._mouth.saying.until_s
        return self._step.deadline_s if self._step else None

    @property
    def keys_are_private(self) -> bool:
        """Return whether the next key is part of something keyed in (four digits of an id), not a choice from a menu."""
        return self._step is not None and self._step.takes_digits

    @property
    def language(self) -> str:
        """Return the language that the call is in."""
        return self._language

    @property
    def asked(self) -> Asked:
        """Return what kind of answer is expected now."""
        return asked_of(self._node, self._step)

    def expected_phrases(self) -> tuple[str, ...]:
        """Return words that would answer what is asked now, the likeliest first; what is heard at any time last."""
        return expected_of(self._node, self._step, self._flow.anytime.keys(), self._language)

    def phrases(self) -> frozenset[str]:
        """Return every text this call may ever order, whatever the callee does: what to render before dialling."""
        return self._vault.vocabulary()

    def start(self, now_s: float) -> list[Action]:
        """Begin to speak: the call was answered."""
        self._now_s = now_s
        self._go(self._flow.start)
        return self._taken()

    def on(self, event: heard.DialogueEvent, now_s: float) -> list[Action]:
        """Take one event and return what to do about it; after the end, nothing."""
        if self._ended or self._step is None:
            return []
        self._now_s = now_s
        match event:
            case heard.Digit():
                self._heard_anything = True
                self._keys_heard += 1
                self._key(event.digit)
            case heard.SpeechStarted():
                self._heard_anything = True
                self._spoke_into_silence = self._mouth.saying is None
                if self._spoke_into_silence:
                    self._step.speaking(now_s)
            case heard.SpeechEnded():
                self._heard_anything = True
                if self._spoke_into_silence and self._mouth.saying is None:
                    self._apply(self._step.spoke(event.duration_ms, now_s, understands=self.understands))
            case heard.Utterance():
                self._heard_anything = True
                self._understand(event)
            case heard.PromptFinished():
                self._prompt_over(event)
            case heard.TimePassed():
                self._time_passed()
            case heard.MachineHeard():
                self._machine_heard(event)
            case heard.CalleeHungUp():
                self._end(self._decided or Disposition.HUNG_UP_EARLY, after_prompt=False)
            case heard.DebtPermitted():
                self._permitted(event)
            case _:
                assert_never(event)
        return self._taken()

    def _taken(self) -> list[Action]:
        actions, self._out = self._out, []
        return actions

    # ---- events ------------------------------------------------------------

    def _key(self, digit: str) -> None:
        assert self._step is not None
        meaning = ANYTIME_KEYS.get(digit)
        if self._is_machine and meaning != "opt_out":
            return
        if self._step.takes_digits and digit != KEY_REPEAT:
            stray = ANYTIME_KEYS.get(self._step.stray_key(ended=True) or "") if digit == "#" else None
            if stray:
                self._anytime(stray)
            else:
                self._apply(self._step.key(digit, self._now_s))
        elif meaning is not None:
            self._anytime(meaning)
        elif not self._mouth.makes_disclosure:
            self._apply(self._step.key(digit, self._now_s))

    def _understand(self, event: heard.Utterance) -> None:
        assert self._step is not None
        if self._is_machine:
            return
        meant = {intent.name: intent.confidence for intent in event.intents}
        expected = self._node.intents if isinstance(self._node, AskNode) else {}
        anytime = [name for name in self._flow.anytime if name not in expected]
        name = anytime_meaning(meant, anytime)
        if name is not None:
            self._anytime(name)
        elif not self._mouth.makes_disclosure:
            self._apply(self._step.meant(meant, self._now_s))

    def _prompt_over(self, event: heard.PromptFinished) -> None:
        said = self._mouth.over(event)
        if said is None or self._step is None:
            return
        if said.prompt.discloses and event.interrupted:
            self._notices[said.prompt.id] += 1
            if self._notices[said.prompt.id] >= MAX_NOTICES:
                self._abort("notice_not_said")
            else:
                self._say(Speak(said.prompt.id, said.barge_in), aside=self._is_aside)
            return
        if "recording" in said.prompt.roles and not event.interrupted and not self._is_recording:
            self._is_recording = True
            self._out.append(StartRecording())
        if self._after_notice is not None:
            later, self._after_notice = self._after_notice, None
            self._anytime(later)
        elif self._is_aside:
            self._is_aside = False
            self._apply(self._step.begin())
        else:
            self._apply(self._step.prompt_over(self._now_s, interrupted=event.interrupted))

    def _time_passed(self) -> None:
        assert self._step is not None
        if self.next_deadline_s is None or self._now_s < self.next_deadline_s:
            return
        if self._mouth.saying is not None:
            self._out.append(Note(kind="no_audio", detail="a prompt did not end in time"))
            self._end(self._decided or Disposition.TECHNICAL_FAILURE, after_prompt=False)
            return
        stray = ANYTIME_KEYS.get(self._step.stray_key(ended=False) or "")
        if stray:
            self._anytime(stray)
        else:
            self._apply(self._step.too_quiet(self._now_s))

    def _machine_heard(self, event: heard.MachineHeard) -> None:
        # Machines press no keys: somebody who has is a person, whatever the sound resembles.
        if self._keys_heard or self._vault.is_verified or isinstance(self._step, EndStep | MessageStep):
            return
        self._is_machine = True
        self._stop()
        message = self._flow.nodes.get(self._flow.on_machine or "")
        if not isinstance(message, MessageNode):
            self._end(Disposition.MACHINE_NO_MESSAGE, after_prompt=False)
            return
        self._decided = Disposition.MACHINE_NO_MESSAGE
        self._node = message
        self._begin(MessageStep(message.prompt) if event.kind == "beep" else BeepStep(self._now_s))

    def _permitted(self, event: heard.DebtPermitted) -> None:
        if not isinstance(self._step, PermissionStep):
            return
        self._vault.permit(allowed=event.allowed)
        self._apply(Go(self._step.node) if event.allowed else Denied(event.rule))

    # ---- moves ------------------------------------------------------------

    def _apply(self, reply: Reply) -> None:
        match reply:
            case None:
                pass
            case Speak():
                self._say(reply)
            case Go():
                self._go(reply.node)
            case Verified() if self._vault.is_open:
                self._go(reply.node)
            case Verified():
                self._stop()
                self._out.append(AskDebtPermission())
                self._begin(PermissionStep(reply.node, self._now_s))
            case Denied():
                self._out.append(Note(kind="debt_refused", detail=reply.rule))
                self._decided = Disposition.BLOCKED
                self._begin(EndStep(self._flow.neutral, Disposition.BLOCKED))
            case Filled():
                self._filled(reply.value)
            case Promised():
                self._out.append(Captured(due=reply.due, amount=reply.amount, confirmed=True))
                self._decided = Disposition.PROMISE_FULL if reply.is_full else Disposition.PROMISE_PARTIAL
                self._go(reply.node)
            case Finish():
                self._end(reply.disposition, after_prompt=False)
            case _:
                assert_never(reply)

    def _go(self, name: str) -> None:
        """Enter a node, passing through those that say nothing."""
        while not self._ended:
            self._moves += 1
            if self._moves > MAX_MOVES:
                self._abort("too_many_moves")
                return
            node = self._flow.nodes[name]
            self._visits[name] += 1
            if node.limit is not None and self._visits[name] > node.limit.visits:
                name = node.limit.then
            elif isinstance(node, ChooseNode):
                value = self._slots[node.on] if node.on in self._slots else self._vault.value(node.on)
                name = node.when.get(str(value), node.otherwise)
            elif isinstance(node, EndNode):
                self._node = node
                self._enter_end(node)
                return
            else:
                step = self._steps.make(node, self._slots)
                if step is not None:
                    self._node = node
                    self._begin(step)
                    return
                assert isinstance(node, PromiseNode)
                name = node.not_possible

    def _enter_end(self, node: EndNode) -> None:
        disposition = ending(node.disposition, self._decided, heard_anything=self._heard_anything)
        self._decided = disposition
        scope = node.suppress or SUPPRESSES.get(disposition)
        if scope is not None:
            self._out.append(Suppress(scope=scope, reason=str(disposition)))
        self._begin(EndStep(node.prompt, disposition))
        if disposition is Disposition.OPT_OUT:
            # Nothing that happens from here on may change this ending.
            self._end(disposition, after_prompt=True)

    def _anytime(self, name: str) -> None:
        """Do what a key or intent means in every node."""
        if name == "opt_out":
            self._opt_out()
            return
        if self._mouth.makes_disclosure:
            self._after_notice = name if name in PROTECTIVE else self._after_notice
            return
        has_ended = isinstance(self._step, EndStep)
        if has_ended and (name != "want_human" or self._served[name]):
            return
        self._served[name] += 1
        if self._served[name] > MAX_ANYTIME:
            if isinstance(self._step, AskStep):
                self._apply(self._step.no_match())
            return
        handler = self._flow.anytime.get(name, Repeat())
        match handler:
            case Target():
                self._go(handler.node)
            case Resume():
                self._say(Speak(handler.prompt), aside=True)
            case Repeat():
                assert self._step is not None
                self._apply(self._step.begin())
            case _:
                assert_never(handler)

    def _opt_out(self) -> None:
        """Stop for good, whatever the flow says about it."""
        self._is_machine = False
        handler = self._flow.anytime.get("opt_out")
        node = self._flow.nodes.get(handler.node) if isinstance(handler, Target) else None
        if isinstance(node, EndNode) and node.disposition is Disposition.OPT_OUT:
            self._node = node
            self._enter_end(node)
        else:
            self._enter_end(EndNode(id="opt_out", disposition=Disposition.OPT_OUT, prompt=self._flow.neutral))

    def _filled(self, value: Value) -> None:
        node = self._node
        assert isinstance(node, CaptureNode)
        self._slots[node.into] = value
        self._out.append(Note(kind="captured", detail=node.into))
        step = self._steps.after_capture(node)
        if step is None:
            self._go(node.next)
        else:
            self._begin(step)

    def _begin(self, step: Step) -> None:
        self._step = step
        self._is_aside = False
        reply = step.begin()
        if reply is None:
            self._stop()
        self._apply(reply)

    def _say(self, what: Speak, *, aside: bool = False) -> None:
        """Order a prompt; the vault decides whether there are words for it."""
        try:
            self._out += self._mouth.say(what, self._slots, self._now_s)
        except DialogueError as error:
            self._abort(type(error).__name__)
            return
        self._is_aside = aside

    def _stop(self) -> None:
        self._out += self._mouth.stop()

    def _abort(self, why: str) -> None:
        """End without another word of the flow: something is wrong that a callee must not pay for."""
        self._out.append(Note(kind="fault", detail=why))
        disposition = self._decided or Disposition.TECHNICAL_FAILURE
        if self._is_aborting or self._flow.neutral in self._flow.debt_prompts:
            self._stop()
            self._end(disposition, after_prompt=False)
            return
        self._is_aborting = True
        self._say(Speak(self._flow.neutral, "none"))
        self._end(disposition, after_prompt=True)

    def _end(self, disposition: Disposition, *, after_prompt: bool) -> None:
        if self._ended:
            return
        self._ended = True
        waits = after_prompt and self._mouth.saying is not None
        self._out.append(End(disposition=disposition, after="prompt" if waits else "now"))
