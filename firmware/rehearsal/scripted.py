"""Plays scripted conversations and says where they went another way than they should."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from firmware.dialogue.events import CalleeHungUp, MachineHeard, Utterance
from firmware.dialogue.flow import Flow
from firmware.dialogue.slots import Slots
from firmware.rehearsal.loading import Understand
from firmware.rehearsal.script_file import Conversation, Deed, Script
from firmware.rehearsal.stage import Stage

SPEECH_S = 1.2
UNDERSTOOD_AFTER_S = 0.4
_AFTER_PROMPTS = frozenset({"press", "say"})
"""What a callee does once the box has finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """One conversation as it was played."""

    conversation: Conversation
    stage: Stage
    differences: tuple[str, ...]
    """Empty when everything came out as expected."""


def perform(
    flow: Flow, script: Script, conversation: Conversation, understand: Understand | None
) -> Performance:
    """Play one conversation. Raises ContactRefusedError if its vars do not fit the flow."""
    raw = {**script.vars.get(conversation.language, {}), **conversation.vars}
    known = {name: value for name, value in raw.items() if value != "none"}
    contact = flow.check_vars(_typed(flow, known), conversation.language)
    stage = Stage(
        flow,
        contact,
        today=script.today,
        promise_max_days=conversation.promise_max_days,
        gate_allows=conversation.gate_allows,
        can_hand_over=conversation.can_hand_over,
    )
    left = list(conversation.deeds)
    while left and not stage.is_over:
        if left[0].kind in _AFTER_PROMPTS:
            stage.hear_out()
            if stage.is_over:
                break
        _do(stage, left.pop(0), script.today, understand)
    stage.hear_out()
    differences = list(_differences(stage, conversation))
    unheard = [deed.kind for deed in left if deed.kind != "wait"]
    if unheard and not differences:
        differences.append(f"the call is over before the callee's last {len(unheard)}: {', '.join(unheard)}")
    return Performance(conversation=conversation, stage=stage, differences=tuple(differences))


def _typed(flow: Flow, raw: dict[str, object]) -> dict[str, object]:
    """Return values as a contact row brings them: YAML text knows no numbers."""
    numbers = {name for name, type_ in flow.vars.items() if type_.kind.value == "number"}
    return {
        name: int(str(value)) if name in numbers and str(value).isdigit() else value
        for name, value in raw.items()
    }


def _do(stage: Stage, deed: Deed, today: date, understand: Understand | None) -> None:
    match deed.kind:
        case "press":
            stage.press(deed.text)
        case "wait":
            stage.run_out_of_patience()
        case "hang_up":
            stage.happens(CalleeHungUp())
        case "machine":
            stage.happens(MachineHeard(kind="beep" if deed.text == "beep" else "greeting"))
        case _:
            intents, slots = deed.intents, deed.slots
            if slots is None and understand is not None:
                intents, slots = understand(deed.text, stage.dialogue.language, stage.dialogue.asked, today)
            utterance = Utterance(text=deed.text, intents=intents, slots=slots or Slots())
            stage.speak(utterance, duration_s=SPEECH_S, understood_after_s=UNDERSTOOD_AFTER_S)


def _differences(stage: Stage, conversation: Conversation) -> Iterator[str]:
    wanted, kept = conversation.expects, stage.kept
    prompts = tuple(spoken.say.prompt for spoken in stage.spoken)
    heard = " ".join(spoken.text for spoken in stage.spoken)
    if kept.disposition is not wanted.disposition:
        ended = kept.disposition or "still going on"
        yield f"it ends with {ended}, not {wanted.disposition} (said: {', '.join(prompts)})"
    if wanted.prompts is not None and prompts != wanted.prompts:
        yield f"it says {', '.join(prompts)}, not {', '.join(wanted.prompts)}"
    yield from (f"{words!r} is never said" for words in wanted.words if words not in heard)
    yield from (f"{words!r} is said" for words in wanted.never if words in heard or words in prompts)
    promise = kept.promise
    if wanted.due is not None and (promise is None or promise.due != wanted.due):
        yield f"{promise.due if promise else 'nothing'} is promised, not {wanted.due}"
    if wanted.amount_minor is not None:
        minor = promise.amount.minor if promise and promise.amount else None
        if minor != wanted.amount_minor:
            yield f"{minor} minor units are promised, not {wanted.amount_minor}"
    if wanted.instalments is not None and (promise is None or promise.instalments != wanted.instalments):
        yield f"{promise.instalments if promise else 0} instalments are agreed, not {wanted.instalments}"
    if wanted.callback is not None:
        callback = kept.callback
        at = f"{callback.day} {callback.at:%H:%M}" if callback else "no time"
        if at != wanted.callback:
            yield f"{at} is agreed for ringing back, not {wanted.callback}"
    for name, value in wanted.answers:
        if kept.answers.get(name) != value:
            yield f"{kept.answers.get(name, 'nothing')!r} is kept as {name!r}, not {value!r}"
    if wanted.suppresses is not None and tuple(kept.suppressed) != wanted.suppresses:
        yield f"it suppresses {kept.suppressed or 'nothing'}, not {list(wanted.suppresses)}"
    if wanted.texts is not None and tuple(kept.texts) != wanted.texts:
        yield f"it sends {kept.texts or 'nothing'}, not {list(wanted.texts)}"
    yield from (f"the machine had to help itself: {fault}" for fault in kept.faults)
