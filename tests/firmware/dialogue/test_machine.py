"""What the dialogue says and decides in a call of the example flow."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from firmware.dialogue.actions import (
    AskDebtPermission,
    Captured,
    End,
    Say,
    StartRecording,
    StopSaying,
    Suppress,
)
from firmware.dialogue.events import (
    CalleeHungUp,
    DebtPermitted,
    Digit,
    Intent,
    MachineHeard,
    PromptFinished,
    SpeechEnded,
    SpeechStarted,
    TimePassed,
    Utterance,
)
from firmware.values import Disposition, Money

MakeCall = Callable[..., Any]


def test_a_promise_for_the_coming_friday(make_call: MakeCall) -> None:
    call = make_call()
    call.press("1").press("0917").press("1").press("1").hear_out()
    assert call.prompts == [
        "opening",
        "ask_person",
        "ask_last4",
        "remind",
        "can_you_pay",
        "read_back",
        "promise_thanks",
    ]
    assert call.ending is Disposition.PROMISE_FULL
    assert call.promises == [Captured(due=date(2026, 12, 11), amount=Money(123450, "USD"), confirmed=True)]
    assert "Friday, the eleventh of December" in call.said


def test_a_promise_for_another_date_in_mandarin(make_call: MakeCall) -> None:
    call = make_call(language="zh-CN")
    call.press("1").press("0917").press("2").press("1215").press("1").hear_out()
    assert call.ending is Disposition.PROMISE_FULL
    assert call.promises[0].due == date(2026, 12, 15)
    assert "十二月十五号星期二" in call.said
    assert "一千二百三十四元五角" in call.said


@pytest.mark.parametrize(
    ("keys", "disposition", "suppressed"),
    [
        (("2",), Disposition.THIRD_PARTY, []),
        (("3",), Disposition.WRONG_NUMBER, ["number"]),
        (("9",), Disposition.OPT_OUT, ["person"]),
        (("0",), Disposition.HUMAN_UNAVAILABLE, []),
        (("1", "1111", "2222"), Disposition.UNVERIFIED, []),
        (("1", "0917", "3"), Disposition.ALREADY_PAID, []),
        (("1", "0917", "4"), Disposition.DISPUTE, []),
        (("1", "0917", "5"), Disposition.HARDSHIP, []),
        (("1", "0917", "9"), Disposition.OPT_OUT, ["person"]),
        (("1", "0917", "0"), Disposition.HUMAN_UNAVAILABLE, []),
        (("1", "1111", "0917", "3"), Disposition.ALREADY_PAID, []),
        (("1", "0917", "1", "9"), Disposition.OPT_OUT, ["person"]),
        (("1", "0917", "2", "0101", "1399"), Disposition.NO_DECISION, []),
        (("7", "7", "7"), Disposition.NO_DECISION, []),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_keys_lead_to(
    make_call: MakeCall, language: str, keys: tuple[str, ...], disposition: Disposition, suppressed: list[str]
) -> None:
    call = make_call(language=language)
    for digits in keys:
        call.press(digits)
    call.hear_out()
    assert call.ending is disposition
    assert call.suppressed == suppressed


def test_saying_and_pressing_nothing_at_all_is_silence(make_call: MakeCall) -> None:
    call = make_call().wait().wait().hear_out()
    assert call.ending is Disposition.SILENCE


def test_a_hello_that_answers_nothing_is_no_silence(make_call: MakeCall) -> None:
    call = make_call().happens(SpeechStarted()).happens(SpeechEnded(duration_ms=600)).wait().wait().hear_out()
    assert call.ending is Disposition.NO_DECISION


def test_recording_starts_when_the_notice_was_heard_and_not_before(make_call: MakeCall) -> None:
    call = make_call()
    assert not call.records
    call.happens(PromptFinished(prompt="opening", interrupted=False))
    kinds = [type(action) for action in call.actions]
    assert kinds[:3] == [Say, StartRecording, Say]
    call.press("1").press("0917").hear_out()
    assert sum(isinstance(action, StartRecording) for action in call.actions) == 1


def test_a_notice_cut_off_is_said_again_and_then_not_insisted_on(make_call: MakeCall) -> None:
    call = make_call().happens(PromptFinished(prompt="opening", interrupted=True))
    assert call.prompts == ["opening", "opening"]
    call.happens(PromptFinished(prompt="opening", interrupted=True))
    assert not call.records
    assert call.ending is Disposition.TECHNICAL_FAILURE


def test_disclosures_are_not_for_barging_in(make_call: MakeCall) -> None:
    call = make_call()
    assert call.actions[0].barge_in == "none"
    call.happens(Digit(digit="1"))
    assert call.prompts == ["opening"]


def test_stop_is_obeyed_in_the_middle_of_the_opening(make_call: MakeCall) -> None:
    call = make_call().happens(Digit(digit="9"))
    suppress, stop, say, end = call.actions[1:]
    assert suppress == Suppress(scope="person", reason="opt_out")
    assert isinstance(stop, StopSaying)
    assert say.prompt == "opted_out"
    assert end == End(disposition=Disposition.OPT_OUT, after="prompt")


def test_a_person_asked_for_in_the_opening_is_kept_until_it_was_said(make_call: MakeCall) -> None:
    call = make_call().happens(Digit(digit="0"))
    assert call.prompts == ["opening"]
    call.hear_out()
    assert call.ending is Disposition.HUMAN_UNAVAILABLE


def test_distress_heard_in_the_opening_is_kept_until_it_was_said(make_call: MakeCall) -> None:
    call = make_call(understands=True).happens(heard("vulnerable")).hear_out()
    assert call.prompts == ["opening", "take_care"]


def test_stop_said_in_the_opening_is_obeyed_at_once(make_call: MakeCall) -> None:
    call = make_call(understands=True).happens(heard("opt_out"))
    assert call.ending is Disposition.OPT_OUT


def test_stop_counts_even_in_the_goodbye(make_call: MakeCall) -> None:
    call = make_call().press("2").happens(Digit(digit="9"))
    assert call.suppressed == ["person"]
    assert call.ending is Disposition.OPT_OUT


def test_a_person_can_be_asked_for_in_the_goodbye_once(make_call: MakeCall) -> None:
    call = make_call().press("2").happens(Digit(digit="0"))
    assert call.prompts[-1] == "colleague_rings_back"
    call.happens(Digit(digit="0")).happens(Digit(digit="*"))
    assert call.prompts[-2:] == ["third_party_thanks", "colleague_rings_back"]
    assert call.hear_out().ending is Disposition.HUMAN_UNAVAILABLE


def test_nothing_changes_after_an_opt_out(make_call: MakeCall) -> None:
    call = make_call().press("9")
    before = list(call.actions)
    for event in (
        Digit(digit="1"),
        Digit(digit="9"),
        CalleeHungUp(),
        TimePassed(),
        DebtPermitted(allowed=True, rule="x"),
    ):
        call.happens(event)
    assert call.actions == before
    assert call.dialogue.next_deadline_s is None


def test_a_nine_alone_is_stop_even_where_digits_are_keyed(make_call: MakeCall) -> None:
    call = make_call().press("1").press("9").wait()
    assert call.ending is Disposition.OPT_OUT
    call = make_call().press("1").press("9#")
    assert call.ending is Disposition.OPT_OUT
    call = make_call(last4="9000").press("1").press("9000").press("3").hear_out()
    assert call.ending is Disposition.ALREADY_PAID


def test_a_zero_alone_asks_for_a_person_even_where_digits_are_keyed(make_call: MakeCall) -> None:
    call = make_call().press("1").press("0").wait().hear_out()
    assert call.ending is Disposition.HUMAN_UNAVAILABLE


def test_star_says_it_again_and_not_for_ever(make_call: MakeCall) -> None:
    call = make_call()
    for _ in range(3):
        call.press("*")
    assert call.prompts == ["opening", *["ask_person"] * 4]
    for _ in range(3):
        call.press("*")
    assert call.hear_out().ending is Disposition.NO_DECISION


def test_star_clears_digits_keyed_so_far(make_call: MakeCall) -> None:
    call = make_call().press("1").press("55*").press("0917").hear_out()
    assert call.prompts[-1] == "can_you_pay"


def test_the_gate_is_asked_once_and_before_the_first_word_of_the_debt(make_call: MakeCall) -> None:
    call = make_call(gate=None).press("1").press("0917")
    assert isinstance(call.actions[-1], AskDebtPermission)
    assert not any(isinstance(action, Say) and action.speaks_debt for action in call.actions)
    call.happens(DebtPermitted(allowed=True, rule="cn-win-1")).hear_out()
    call.press("1").press("2").press("3").hear_out()
    assert sum(isinstance(action, AskDebtPermission) for action in call.actions) == 1


def test_a_gate_that_says_no_ends_neutrally(make_call: MakeCall) -> None:
    call = make_call(gate=False).press("1").press("0917").hear_out()
    assert call.ending is Disposition.BLOCKED
    assert call.prompts[-1] == "goodbye"
    assert call.notes == [("debt_refused", "test-rule")]


def test_a_gate_that_does_not_answer_is_a_no(make_call: MakeCall) -> None:
    call = make_call(gate=None).press("1").press("0917").wait().hear_out()
    assert call.ending is Disposition.BLOCKED
    late = list(call.actions)
    assert call.happens(DebtPermitted(allowed=True, rule="late")).actions == late


def test_permission_without_verification_opens_nothing(make_call: MakeCall) -> None:
    call = (
        make_call()
        .happens(DebtPermitted(allowed=True, rule="forged"))
        .press("1")
        .press("1111")
        .press("2222")
        .hear_out()
    )
    assert call.ending is Disposition.UNVERIFIED
    assert not any(action.speaks_debt for action in call.actions if isinstance(action, Say))


def test_a_yes_counts_only_when_all_was_read_back(make_call: MakeCall) -> None:
    call = make_call().press("1").press("0917").press("1")
    assert call.saying.prompt == "read_back"
    assert call.saying.barge_in == "none"
    call.happens(Digit(digit="1"))
    assert call.promises == []
    call.happens(CalleeHungUp())
    assert call.ending is Disposition.HUNG_UP_EARLY
    assert call.promises == []


def test_an_early_yes_counts_once_all_was_read_back(make_call: MakeCall) -> None:
    call = make_call().press("1").press("0917").press("1").happens(Digit(digit="1")).hear_out()
    assert call.ending is Disposition.PROMISE_FULL


def test_a_no_to_the_read_back_stores_nothing_and_asks_again(make_call: MakeCall) -> None:
    call = make_call().press("1").press("0917").press("1").press("2")
    assert call.prompts[-1] == "can_you_pay"
    assert call.promises == []


def test_a_read_back_nobody_confirms_stores_nothing(make_call: MakeCall) -> None:
    call = make_call().press("1").press("0917").press("1").wait().wait().hear_out()
    assert call.ending is Disposition.NO_DECISION
    assert call.promises == []


def test_going_round_and_round_comes_to_an_end(make_call: MakeCall) -> None:
    call = make_call().press("1").press("0917")
    for _ in range(5):
        call.press("1").press("2")
    assert call.hear_out().ending is Disposition.NO_DECISION


@pytest.mark.parametrize(
    ("before", "disposition"),
    [
        ((), Disposition.HUNG_UP_EARLY),
        (("1",), Disposition.HUNG_UP_EARLY),
        (("1", "0917"), Disposition.HUNG_UP_EARLY),
        (("2",), Disposition.THIRD_PARTY),
        (("3",), Disposition.WRONG_NUMBER),
        (("1", "0917", "1", "1"), Disposition.PROMISE_FULL),
    ],
)
def test_a_callee_who_hangs_up(
    make_call: MakeCall, before: tuple[str, ...], disposition: Disposition
) -> None:
    call = make_call()
    for keys in before:
        call.press(keys)
    call.happens(CalleeHungUp())
    assert call.ending is disposition


def test_a_date_later_than_may_be_promised_is_asked_again(make_call: MakeCall) -> None:
    call = make_call(promise_max_days=10).press("1").press("0917").press("2").press("1218")
    assert call.prompts[-1] == "date_not_possible"
    call.press("1217").press("1").hear_out()
    assert call.promises[0].due == date(2026, 12, 17)


def test_a_date_after_new_year_is_next_year(make_call: MakeCall) -> None:
    call = (
        make_call(today=date(2026, 12, 28))
        .press("1")
        .press("0917")
        .press("2")
        .press("0105")
        .press("1")
        .hear_out()
    )
    assert call.promises[0].due == date(2027, 1, 5)


def test_a_friday_beyond_the_limit_leads_to_another_date(make_call: MakeCall) -> None:
    call = make_call(promise_max_days=2).press("1").press("0917").press("1")
    assert call.prompts[-1] == "which_date"
    call.press("1209").press("1").hear_out()
    assert call.promises[0].due == date(2026, 12, 9)


def test_speech_nobody_understands_is_answered_with_the_keys(make_call: MakeCall) -> None:
    call = make_call().hear_out().happens(SpeechStarted()).happens(SpeechEnded(duration_ms=900))
    assert call.prompts[-1] == "ask_person_by_keys"


def test_a_cough_is_no_answer(make_call: MakeCall) -> None:
    call = make_call().hear_out().happens(SpeechStarted()).happens(SpeechEnded(duration_ms=120))
    assert call.prompts[-1] == "ask_person"
    assert call.wait().prompts == ["opening", "ask_person", "ask_person"]


def test_coughing_does_not_keep_the_line_for_ever(make_call: MakeCall) -> None:
    call = make_call().hear_out()
    started_s = call.now_s
    while call.prompts == ["opening", "ask_person"]:
        call.now_s += 1.0
        call.happens(SpeechStarted()).happens(SpeechEnded(duration_ms=100)).happens(TimePassed())
    assert call.now_s - started_s < 30.0


def heard(name: str, confidence: float = 0.9, *others: tuple[str, float]) -> Utterance:
    intents = [Intent(name=name, confidence=confidence), *(Intent(name=n, confidence=c) for n, c in others)]
    return Utterance(text="…", intents=tuple(intents))


@pytest.mark.parametrize(
    ("utterance", "prompt"),
    [
        pytest.param(heard("confirm_identity"), "ask_last4", id="understood"),
        pytest.param(heard("wrong_number"), "wrong_number_sorry", id="wrong number"),
        pytest.param(heard("want_human", 0.55), "colleague_rings_back", id="a person, on little evidence"),
        pytest.param(heard("opt_out", 0.55), "opted_out", id="stop, on little evidence"),
        pytest.param(heard("affirm", 0.9, ("opt_out", 0.6)), "opted_out", id="stop goes before all else"),
        pytest.param(heard("confirm_identity", 0.6), "ask_person_by_keys", id="not sure enough"),
        pytest.param(heard("affirm", 0.8, ("wrong_number", 0.75)), "ask_person_by_keys", id="either of two"),
        pytest.param(heard("affirm", 0.8, ("confirm_identity", 0.75)), "ask_last4", id="two that agree"),
        pytest.param(heard("who_are_you"), "who_we_are", id="a question back"),
        pytest.param(heard("hardship"), "ask_person_by_keys", id="not asked here"),
    ],
)
def test_what_was_understood(make_call: MakeCall, utterance: Utterance, prompt: str) -> None:
    call = (
        make_call(understands=True).hear_out().happens(SpeechStarted()).happens(SpeechEnded(duration_ms=900))
    )
    assert call.prompts[-1] == "ask_person", "with a recogniser the dialogue waits for the words"
    call.happens(utterance)
    assert call.prompts[-1] == prompt


def test_words_that_never_come_are_no_match(make_call: MakeCall) -> None:
    call = (
        make_call(understands=True)
        .hear_out()
        .happens(SpeechStarted())
        .happens(SpeechEnded(duration_ms=900))
        .wait()
    )
    assert call.prompts[-1] == "ask_person_by_keys"


def test_a_question_back_is_answered_and_then_asked_again(make_call: MakeCall) -> None:
    call = make_call(understands=True).hear_out().happens(heard("who_are_you")).hear_out()
    assert call.prompts == ["opening", "ask_person", "who_we_are", "ask_person"]


def test_a_spoken_promise_still_needs_its_date_by_keys(make_call: MakeCall) -> None:
    call = make_call(understands=True).press("1").press("0917").hear_out().happens(heard("promise_to_pay"))
    assert call.prompts[-1] == "which_date"
    assert call.promises == []


@pytest.mark.parametrize("kind", ["beep", "greeting"])
def test_a_machine_gets_no_message_unless_the_flow_has_one(make_call: MakeCall, kind: Any) -> None:
    call = make_call().happens(MachineHeard(kind=kind))
    assert call.ending is Disposition.MACHINE_NO_MESSAGE


def test_whoever_pressed_a_key_is_no_machine(make_call: MakeCall) -> None:
    call = make_call().press("1").happens(MachineHeard(kind="beep")).press("0917").press("3").hear_out()
    assert call.ending is Disposition.ALREADY_PAID


def test_a_key_that_cut_a_prompt_off_is_waited_for(make_call: MakeCall) -> None:
    call = make_call().press("1").press("0917")
    remind = call.saying
    call.happens(PromptFinished(prompt="remind", interrupted=True, say_id=remind.say_id))
    assert call.prompts[-1] == "remind", "the key that stopped it is still to come"
    call.happens(Digit(digit="5"))
    assert call.prompts[-1] == "can_you_pay"
    assert call.ending is None, "a key pressed at a statement answers nothing"


def test_the_end_of_an_older_prompt_is_not_the_end_of_this_one(make_call: MakeCall) -> None:
    call = make_call().hear_out().wait()
    old = call.actions[-1]
    assert old.prompt == "ask_person"
    call.happens(Digit(digit="7"))
    newer = call.saying
    assert newer.say_id > old.say_id
    before = call.dialogue.next_deadline_s
    call.happens(PromptFinished(prompt=newer.prompt, interrupted=True, say_id=old.say_id))
    assert call.dialogue.next_deadline_s == before


def test_a_prompt_that_never_ends_ends_the_call(make_call: MakeCall) -> None:
    call = make_call()
    call.now_s = call.dialogue.next_deadline_s
    call.happens(TimePassed())
    assert call.ending is Disposition.TECHNICAL_FAILURE


def test_time_that_has_not_passed_changes_nothing(make_call: MakeCall) -> None:
    call = make_call().hear_out()
    before = list(call.actions)
    call.now_s = call.dialogue.next_deadline_s - 0.001
    assert call.happens(TimePassed()).actions == before


def test_nothing_personal_is_shown_by_what_is_logged(make_call: MakeCall) -> None:
    call = make_call(language="zh-CN").press("1").press("0917").press("1").press("1").hear_out()
    shown = repr(call.actions) + repr(Digit(digit="7")) + repr(heard("affirm"))
    for private in ("王", "0917", "一千", "123450", "江南", "'7'"):
        assert private not in shown


def test_a_call_in_a_language_the_contact_was_not_checked_for_is_refused(
    make_call: MakeCall, reminder: Any
) -> None:
    from firmware.dialogue.machine import Dialogue

    contact = reminder.check_vars(
        {
            "callee_name": "Mr Wang",
            "creditor": "Bank",
            "amount_due": Money(100, "USD"),
            "due_date": date(2026, 1, 1),
            "last4": "1234",
        },
        "en-GB",
    )
    with pytest.raises(ValueError, match="checked for 'en'"):
        Dialogue(reminder, contact, language="zh-CN", today=date(2026, 1, 1), promise_max_days=1)
