"""A course that asks back: what may have been meant and must not be missed is asked about before the call goes on."""

from firmware.dialogue.actions import Note
from firmware.dialogue.capture_steps import ConfirmStep
from firmware.dialogue.course import Course
from firmware.dialogue.doubts import MAX_DOUBTS, Doubt, DoubtStep, doubtful, question
from firmware.dialogue.nodes import AskNode, CaptureNode
from firmware.dialogue.replies import Answer, Filled, Reply, Said, Settled
from firmware.dialogue.steps import AskStep, EndStep, MessageStep, PermissionStep, TransferStep

_DEAF = EndStep | MessageStep | PermissionStep | TransferStep | DoubtStep
"""Steps that wait for no answer of the callee."""


class Doubting(Course):
    """The moves around a doubt: ask, then do what was meant, or take up the question where it stood."""

    _doubt: Doubt | None = None
    _doubted: frozenset[str] = frozenset()

    def _ask_back(self, said: Said) -> bool:
        """Ask whether what may have been meant was; False: there is nothing to ask about."""
        if self._step is None or isinstance(self._step, _DEAF) or self._mouth.makes_disclosure:
            return False
        here = set(self._flow.anytime)
        if isinstance(self._node, AskNode) and isinstance(self._step, AskStep):
            here |= self._node.intents.keys()
        name = doubtful(said.intents, here - self._doubted)
        if name is None or len(self._doubted) >= MAX_DOUBTS or not self._may_ask(question(name)):
            return False
        self._doubt, self._doubted = Doubt(name, said, self._step), self._doubted | {name}
        self._out.append(Note(kind="doubted", detail=name))
        self._begin(DoubtStep(name))
        return True

    def _may_ask(self, prompt: str) -> bool:
        return prompt not in self._flow.debt_prompts or self._vault.is_open

    def _apply(self, reply: Reply) -> None:
        if isinstance(reply, Settled):
            self._settle(reply)
        else:
            super()._apply(reply)

    def _settle(self, reply: Settled) -> None:
        """Go on after a doubt: a yes is acted on, a no or nothing takes up the open question again."""
        doubt, self._doubt = self._doubt, None
        assert doubt is not None
        self._stop()
        self._step = doubt.step
        if reply.was_meant:
            expected = self._node.intents if isinstance(self._node, AskNode) else {}
            if doubt.name in expected and isinstance(doubt.step, AskStep):
                self._apply(Answer(expected[doubt.name]))
            else:
                self._anytime(doubt.name, doubt.said)
            return
        if reply.was_meant is None:
            self._apply(doubt.step.no_match() if isinstance(doubt.step, AskStep) else doubt.step.begin())
        else:
            self._answer(doubt.without(reply.answer), is_open=True)

    def _answer(self, said: Said, *, is_open: bool = False) -> None:
        """Let the present step take what was said; `is_open`: its question is put again if nothing comes of it."""
        assert self._step is not None
        before, self._carried = self._step, said
        self._carried_used = {self._node.kind} if isinstance(self._node, CaptureNode) else set()
        reply = before.meant(said, self._now_s)
        self._corrections += isinstance(reply, Filled) and isinstance(before, ConfirmStep)
        self._apply(before.begin() if reply is None and is_open else reply)
        if self._step is before:
            self._carried = None
