"""Where a call stands in its flow, and how it moves on: every reply of a step is obeyed here."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, time
from typing import assert_never

from firmware.dialogue.actions import (
    Action,
    Answered,
    AskDebtPermission,
    CallbackSet,
    Captured,
    End,
    HandOver,
    LanguageChanged,
    Note,
    Suppress,
)
from firmware.dialogue.endings import SUPPRESSES, ending, promise_of
from firmware.dialogue.errors import DialogueError
from firmware.dialogue.flow import Flow
from firmware.dialogue.intents import PROTECTIVE
from firmware.dialogue.mouth import Mouth, Saying
from firmware.dialogue.nodes import (
    AskNode,
    CaptureKind,
    CaptureNode,
    ChooseNode,
    EndNode,
    LanguageNode,
    Node,
    PlanNode,
    PromiseNode,
    Repeat,
    Resume,
    SmsNode,
    Switch,
    Target,
    TransferNode,
)
from firmware.dialogue.plain_words import language_wanted
from firmware.dialogue.replies import (
    Answer,
    Confirmed,
    Denied,
    Filled,
    Finish,
    Go,
    NextPlan,
    PlanTaken,
    Promised,
    Reply,
    Said,
    SeekPerson,
    Settled,
    Speak,
    Verified,
)
from firmware.dialogue.script import Script
from firmware.dialogue.step_maker import StepMaker
from firmware.dialogue.steps import AskStep, EndStep, PermissionStep, Step, TransferStep
from firmware.dialogue.text_orders import TextOrders
from firmware.dialogue.variables import ContactVars, Moment, Value, as_text
from firmware.dialogue.vault import DebtVault
from firmware.values import Disposition, Money

MAX_MOVES = 120
"""Nodes entered in one call; what is proved to end at all must also end while somebody is listening."""
MAX_ANYTIME = 3
"""How often each of repeat, who-are-you and the like is served in one call."""
CARRIED = frozenset({CaptureKind.DATE, CaptureKind.AMOUNT, CaptureKind.CALLBACK})
"""What is taken from an answer in which it was said unasked."""
MAX_CORRECTIONS = 3
"""How often in a call a value is corrected by voice while it is read back."""


class Course:
    """The state of one conversation and its moves; `Dialogue` tells it what happens."""

    def __init__(
        self,
        flow: Flow,
        contact: ContactVars,
        *,
        language: str,
        today: date,
        promise_max_days: int,
        promise_min_part: Money | None = None,
        understands: bool = False,
        local_time: time | None = None,
        can_hand_over: bool = False,
        texts: Mapping[str, bool] | None = None,
    ) -> None:
        """Prepare a call to `contact`, checked against this flow; `today` is the day where the callee is.

        `understands`: an `Utterance` will follow `SpeechEnded`, so wait for it before asking again.
        `promise_min_part`: the least part or instalment, beside the contact's own limits.
        `local_time`: the callee's; None: no callback is agreed for today. `can_hand_over`: `HandOver` can succeed;
        otherwise a transfer goes at once where it leads when nobody is there. `texts`: as in `TextOrders`.
        """
        spoken = flow.resolve_language(language)
        if spoken is None or spoken != contact.language:
            raise ValueError(f"the contact was checked for {contact.language!r}, the call is in {language!r}")
        script = Script(
            flow=flow, contact=contact, language=spoken, today=today, promise_max_days=promise_max_days
        )
        self._flow = flow
        self._vault = DebtVault(flow, script)
        self._steps = StepMaker(
            flow,
            self._vault,
            today=today,
            local_time=local_time,
            max_days=promise_max_days,
            min_part=promise_min_part,
        )
        self._today = today
        self._understands = understands
        self._can_hand_over = can_hand_over
        self._texts = TextOrders(texts or {})
        self._out: list[Action] = []
        self._now_s, self._entered_s = 0.0, float("-inf")
        self._step: Step | None = None
        self._node: Node | None = None
        self._mouth = Mouth(flow, self._vault)
        self._slots: dict[str, Value] = {}
        self._visits, self._served, self._notices = Counter[str](), Counter[str](), Counter[str]()
        self._after_notice: str | None = None
        self._spoke_into_silence = False
        """Speech that began over a prompt is a greeting or an echo, not an answer to it."""
        self._spoke_over: int = 0
        """The prompt that speech began over, by its number; 0: none."""
        self._cut: Saying | None = None
        """What speech cut off, until it is known whether that was an answer."""
        self._cut_until_s = 0.0
        self._carried: Said | None = None
        """What was said besides the answer that led here: the day in "yes, tomorrow"."""
        self._carried_used: set[CaptureKind] = set()
        self._plan = self._moves = self._resumed = self._corrections = self._keys_heard = 0
        self._is_aside = self._is_recording = self._is_machine = self._is_aborting = False
        self._decided: Disposition | None = None
        self._ended = self._heard_anything = False

    # ---- moves ------------------------------------------------------------

    def _apply(self, reply: Reply) -> None:
        match reply:
            case None | Settled():
                pass  # a doubt is settled by `Doubting`
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
            case Answer():
                if isinstance(self._node, AskNode) and self._node.keep is not None:
                    self._out.append(Answered(name=self._node.keep, value=reply.node))
                self._go(reply.node)
            case Filled():
                self._filled(reply.value)
            case Confirmed():
                self._confirmed()
            case Promised():
                self._promised(reply)
            case NextPlan():
                self._plan += 1
                self._offer()
            case PlanTaken():
                assert isinstance(self._node, PlanNode)
                self._begin(self._steps.plan_taken(self._node, self._slots))
            case SeekPerson():
                self._out.append(HandOver(reason=reply.reason))
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
                value = self._slots.get(node.on, self._vault.value(node.on))
                ways = (way for condition, way in node.when if condition.holds(value, self._today))
                name = next(ways, node.otherwise)
            elif isinstance(node, LanguageNode):
                name = node.next if self._speak_language(node.language) else node.not_possible
            elif isinstance(node, TransferNode) and not self._can_hand_over:
                self._out.append(Note(kind="person_wanted", detail=node.reason))
                name = node.unavailable
            elif isinstance(node, SmsNode):
                name = self._texts.enter(node, self._vault, self._slots, self._out)
            elif isinstance(node, EndNode):
                self._node = node
                self._enter_end(node)
                return
            elif isinstance(node, PlanNode):
                self._node, self._plan = node, 0
                self._offer()
                return
            else:
                self._node = node
                if isinstance(node, CaptureNode) and self._take_what_was_said(node):
                    return
                step = self._steps.make(node, self._slots)
                if step is not None:
                    self._begin(step)
                    return
                assert isinstance(node, PromiseNode)
                name = node.not_possible

    def _take_what_was_said(self, node: CaptureNode) -> bool:
        """Fill a slot with what was said before it was asked for: "I pay tomorrow" names the day."""
        if self._carried is None or node.kind not in CARRIED - self._carried_used:
            return False
        self._carried_used.add(node.kind)
        reply = self._steps.heard(node, self._carried)
        self._apply(reply)
        return reply is not None

    def _offer(self) -> None:
        """Offer the next plan that the limits allow."""
        node = self._node
        assert isinstance(node, PlanNode)
        was_offered = self._plan > 0
        while self._plan < len(node.offers):
            step = self._steps.offer(node, self._slots, node.offers[self._plan])
            if step is not None:
                self._begin(step)
                return
            self._plan += 1
        self._go(node.declined if was_offered else node.not_possible)

    def _speak_language(self, language: str) -> bool:
        spoken = self._flow.resolve_language(language)
        if spoken == self._vault.language:
            return True
        if spoken is None or not self._vault.speak_language(spoken):
            return False
        self._out.append(LanguageChanged(language=spoken))
        return True

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

    def _anytime(self, name: str, said: Said | None = None) -> bool:
        """Do what a key or intent means in every node; False: nothing comes of it, so the call goes on as it was."""
        if name == "opt_out":
            self._opt_out()
            return True
        if isinstance(self._step, EndStep) and (name != "want_human" or self._served[name]):
            return False
        if self._mouth.makes_disclosure:
            self._after_notice = name if name in PROTECTIVE else self._after_notice
            return True
        self._served[name] += 1
        if self._served[name] > MAX_ANYTIME:
            if isinstance(self._step, AskStep):
                self._apply(self._step.no_match())
            return isinstance(self._step, AskStep)
        handler = self._flow.anytime.get(name, Repeat())
        match handler:
            case Target():
                self._go(handler.node)
            case Resume():
                self._say(Speak(handler.prompt), aside=True)
            case Repeat():
                # Who asks a second time did not follow the first: more slowly then.
                self._mouth.is_slow |= handler.is_slower or self._served[name] > 1
                self._again()
            case Switch():
                self._switch(handler, said)
            case _:
                assert_never(handler)
        return True

    def _again(self) -> None:
        assert self._step is not None
        if not isinstance(self._step, TransferStep | PermissionStep):
            self._apply(self._step.begin())

    def _switch(self, handler: Switch, said: Said | None) -> None:
        named = language_wanted(said.text) if said is not None else None
        others = [tag for tag in self._flow.languages if tag != self._vault.language]
        wanted = named or (others[0] if others else self._vault.language)
        if self._speak_language(wanted):
            self._again()
        elif handler.not_possible is not None:
            self._go(handler.not_possible)
        else:
            self._again()

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
        step = self._steps.after_capture(node, value, correctable=self._corrections < MAX_CORRECTIONS)
        if step is None:
            self._confirmed()
        else:
            self._begin(step)

    def _confirmed(self) -> None:
        """A value was given, and was right when it was read back."""
        node = self._node
        assert isinstance(node, CaptureNode)
        value = self._slots[node.into]
        if isinstance(value, Moment):
            self._out.append(CallbackSet(at=value))
        if node.keep is not None:
            self._out.append(Answered(name=node.keep, value=as_text(value)))
        self._go(node.next)

    def _promised(self, reply: Promised) -> None:
        self._out.append(
            Captured(
                due=reply.due,
                amount=reply.amount,
                confirmed=True,
                instalments=reply.instalments,
                every=reply.every,
                total=reply.total,
            )
        )
        self._decided = promise_of(is_plan=reply.every is not None, is_full=reply.is_full)
        self._go(reply.node)

    def _begin(self, step: Step) -> None:
        self._step, self._cut, self._is_aside = step, None, False
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
        self._is_aside, self._cut = aside, None

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
