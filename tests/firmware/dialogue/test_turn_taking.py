"""Who speaks when: interruptions and what is none, repeating, slower, another language, a person, corrections."""

from collections.abc import Callable
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest

from firmware.dialogue.actions import Answered, HandOver, LanguageChanged, Say, StopSaying
from firmware.dialogue.errors import ContactRefusedError
from firmware.dialogue.events import (
    Digit,
    HandOverEnded,
    Intent,
    PromptFinished,
    SpeechEnded,
    SpeechStarted,
    TimePassed,
    Utterance,
)
from firmware.dialogue.flow import Flow
from firmware.dialogue.loader import load_flow
from firmware.dialogue.machine import Dialogue
from firmware.dialogue.slots import Asked, Slots
from firmware.values import Disposition
from tests.firmware.dialogue.conftest import ROOT, TODAY, VARS, Call

VALUES = {
    "en": {"callee_name": "Mr Wang", "creditor": "Riverside Bank"},
    "zh-CN": {"callee_name": "王先生", "creditor": "江南银行"},
}
Start = Callable[..., Call]


@pytest.fixture(scope="session")
def turns() -> Flow:
    return load_flow((Path(__file__).parent / "turns.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def start(turns: Flow) -> Start:
    def answer(language: str = "en", **options: Any) -> Call:
        values = VALUES[language] | options.pop("values", {})
        contact = turns.check_vars(values, language)
        understands, local_time = options.pop("understands", True), time(10)
        dialogue = Dialogue(
            turns,
            contact,
            language=language,
            today=date(2026, 12, 7),
            promise_max_days=14,
            understands=understands,
            local_time=local_time,
            **options,
        )
        return Call(dialogue)

    return answer


def says(call: Call, text: str = "…", *intents: str, **slots: Any) -> Call:
    """Speak after what is being said, and be understood."""
    call.hear_out().happens(SpeechStarted()).happens(SpeechEnded(duration_ms=900))
    return call.happens(utterance(text, *intents, **slots))


def utterance(text: str = "…", *intents: str, **slots: Any) -> Utterance:
    return Utterance(
        text=text, intents=tuple(Intent(name=name, confidence=0.9) for name in intents), slots=Slots(**slots)
    )


def interrupts(call: Call) -> Call:
    """Begin to speak over a prompt that speech may cut off."""
    assert call.saying is not None
    saying = call.saying
    call.happens(SpeechStarted())
    return call.happens(PromptFinished(prompt=saying.prompt, interrupted=True, say_id=saying.say_id))


def at_news(call: Call) -> Call:
    return call.happens(PromptFinished(prompt="opening", interrupted=False))


@pytest.mark.parametrize(
    ("language", "noise"), [("en", "uh-huh"), ("en", "mm hmm"), ("zh-CN", "嗯"), ("zh-CN", "嗯嗯，哦")]
)
def test_a_small_noise_interrupts_nothing(start: Start, language: str, noise: str) -> None:
    call = interrupts(at_news(start(language)))
    assert call.prompts == ["opening", "news"], "what cut it off is not known yet"
    call.happens(SpeechEnded(duration_ms=400)).happens(utterance(noise, "affirm"))
    assert call.prompts == ["opening", "news", "news"]
    call.hear_out()
    assert call.prompts[-1] == "ask"


def test_a_yes_to_a_statement_is_no_interruption_either(start: Start) -> None:
    call = interrupts(at_news(start())).happens(utterance("okay", "affirm"))
    assert call.prompts == ["opening", "news", "news"]


def test_words_do_interrupt_where_they_may(start: Start) -> None:
    call = interrupts(at_news(start())).happens(utterance("I know that already"))
    assert call.prompts == ["opening", "news", "ask"]


def test_who_goes_on_after_a_pause_is_not_spoken_over(start: Start) -> None:
    call = interrupts(at_news(start())).happens(SpeechEnded(duration_ms=900))
    deadline_s = call.dialogue.next_deadline_s
    assert deadline_s is not None
    call.happens(SpeechStarted())
    call.now_s = deadline_s + 1
    call.happens(TimePassed())
    assert call.prompts == ["opening", "news"], "still speaking"
    call.happens(SpeechEnded(duration_ms=3000)).happens(utterance("I know that already"))
    assert call.prompts == ["opening", "news", "ask"]


def test_speech_that_nobody_understands_in_time_lets_the_call_go_on(start: Start) -> None:
    call = interrupts(at_news(start())).happens(SpeechEnded(duration_ms=900))
    assert call.dialogue.next_deadline_s is not None
    call.now_s = call.dialogue.next_deadline_s
    call.happens(TimePassed())
    assert call.prompts == ["opening", "news", "ask"]


def test_small_noises_do_not_keep_a_prompt_going_for_ever(start: Start) -> None:
    call = at_news(start())
    for _ in range(8):
        if call.saying is not None and call.saying.prompt == "news":
            interrupts(call).happens(utterance("uh-huh"))
    assert call.prompts.count("news") <= 4
    assert call.hear_out().prompts[-1] == "ask"


def test_a_noise_over_a_question_does_not_answer_it_and_a_noise_after_it_does(start: Start) -> None:
    call = at_news(start("zh-CN")).happens(PromptFinished(prompt="news", interrupted=False))
    interrupts(call).happens(utterance("嗯", "affirm"))
    assert call.prompts[-2:] == ["ask", "ask"]
    says(call, "嗯", "affirm")
    assert call.prompts[-1] == "number"


def test_an_answer_over_a_question_answers_it(start: Start) -> None:
    call = at_news(start()).happens(PromptFinished(prompt="news", interrupted=False))
    interrupts(call).happens(utterance("yes that's me", "confirm_identity"))
    assert call.prompts[-1] == "number"


def test_a_key_goes_before_what_was_being_said_over_the_prompt(start: Start) -> None:
    call = at_news(start()).happens(PromptFinished(prompt="news", interrupted=False))
    interrupts(call).happens(Digit(digit="1"))
    assert call.prompts[-1] == "number"


def test_two_failures_lead_to_the_keys_and_a_third_to_a_goodbye(start: Start) -> None:
    call = start()
    says(call)
    assert call.prompts[-1] == "again"
    says(call)
    assert call.prompts[-1] == "keys"
    says(call)
    assert call.hear_out().ending is Disposition.NO_DECISION


def test_silence_counts_as_a_failure_too(start: Start) -> None:
    call = says(start()).hear_out().wait()
    assert call.prompts[-1] == "keys"


def test_the_number_of_a_choice_may_be_said(start: Start) -> None:
    assert says(start(), "two", digits="2").hear_out().ending is Disposition.THIRD_PARTY


@pytest.mark.parametrize(("language", "words"), [("en", "slower please"), ("zh-CN", "说慢一点")])
def test_slower_is_said_slowly_and_stays_slow(start: Start, language: str, words: str) -> None:
    call = start(language).hear_out()
    assert not any(action.is_slow for action in call.actions if isinstance(action, Say))
    says(call, words)
    assert call.saying is not None
    assert call.saying.prompt == "ask"
    assert call.saying.is_slow
    call.press("1")
    assert call.saying is not None
    assert call.saying.is_slow


def test_who_asks_twice_for_the_same_gets_it_slowly(start: Start) -> None:
    call = start().press("*")
    assert call.saying is not None
    assert not call.saying.is_slow
    call.press("*")
    assert call.saying.is_slow


def test_a_value_is_corrected_while_it_is_read_back(start: Start) -> None:
    call = says(start().press("1"), "one two three", digits="123")
    assert call.prompts[-1] == "number_back"
    says(call, "no, one two four", "deny", digits="124")
    assert call.prompts[-1] == "number_back"
    assert call.saying is not None
    assert call.saying.phrases[:3] == ("one", "two", "four")
    says(call, "yes", is_yes=True)
    assert Answered(name="number", value="124") in call.actions
    assert call.hear_out().ending is Disposition.COMPLETED


def test_to_say_again_what_was_read_back_is_a_yes(start: Start) -> None:
    call = says(start().press("1"), "one two three", digits="123")
    assert call.prompts[-1] == "number_back"
    says(call, "one two three", digits="123")
    assert Answered(name="number", value="123") in call.actions


def test_to_ask_about_what_was_read_back_is_no_yes(start: Start) -> None:
    call = says(start().press("1"), "one two three", digits="123")
    says(call, "one two three?", digits="123")
    assert not any(isinstance(action, Answered) for action in call.actions)
    assert call.prompts[-1] == "number_back"


def test_not_so_is_a_no_whatever_it_says_again(start: Start) -> None:
    call = says(start().press("1"), "one two three", digits="123")
    says(call, "not one two three", "deny", digits="123")
    assert not any(isinstance(action, Answered) for action in call.actions)


def test_a_yes_to_another_value_is_read_back_first(start: Start) -> None:
    call = says(start().press("1"), "one two three", digits="123")
    says(call, "yes, one two four", digits="124", is_yes=True)
    assert not any(isinstance(action, Answered) for action in call.actions)
    assert call.saying is not None
    assert call.saying.phrases[:3] == ("one", "two", "four")
    says(call, "yes", is_yes=True)
    assert Answered(name="number", value="124") in call.actions


def test_corrections_come_to_an_end(start: Start) -> None:
    call = says(start().press("1"), digits="123")
    for number in range(10):
        says(call, "no", "deny", digits=str(200 + number))
    assert call.hear_out().ending is Disposition.NO_DECISION
    assert not any(isinstance(action, Answered) for action in call.actions)


LATIN = {"callee_name": "Wang", "creditor": "Jiangnan Bank"}


def test_the_other_language_by_key_and_back(start: Start) -> None:
    call = start("zh-CN", values=LATIN).press("#")
    assert LanguageChanged(language="en") in call.actions
    assert call.dialogue.language == "en"
    assert call.saying is not None
    assert " ".join(call.saying.phrases) == "Are you Wang?"
    call.press("#")
    assert call.dialogue.language == "zh-CN"


@pytest.mark.parametrize("words", ["能说英语吗", "English please", "speak English"])
def test_the_other_language_by_name(start: Start, words: str) -> None:
    call = says(start("zh-CN", values=LATIN), words)
    assert call.dialogue.language == "en"
    assert says(call, "no", "deny").hear_out().ending is Disposition.THIRD_PARTY


def test_everything_in_either_language_is_known_before_dialling(start: Start) -> None:
    call = start("zh-CN", values=LATIN)
    assert call.dialogue.languages == ("zh-CN", "en")
    english, both = call.dialogue.phrases("en"), call.dialogue.phrases()
    assert "Thank you, goodbye." in english
    assert english < both


@pytest.mark.parametrize("words", ["粤语可以吗", "in Spanish please"])
def test_a_language_that_is_not_spoken_here(start: Start, words: str) -> None:
    assert says(start("zh-CN", values=LATIN), words).hear_out().ending is Disposition.LANGUAGE_BARRIER


CHINESE = {"callee_name": "曾小明", "creditor": "江南银行"}


@pytest.mark.parametrize(
    ("language", "values", "says"),
    [
        pytest.param("zh-CN", CHINESE, "Are you Zeng Xiaoming?", id="as a surname is read"),
        pytest.param("zh-CN", {"callee_name": "欧阳先生"}, "Are you Mr Ouyang?", id="a title"),
        pytest.param("zh-CN", {"callee_name": "🙂"}, None, id="what no voice says at all is refused before"),
        pytest.param("zh-CN", {"callee_name": "王（大儿子）"}, "Are you the account holder?", id="no name"),
        pytest.param(
            "zh-CN", CHINESE | {"callee_name@en": "Simon Zeng"}, "Are you Simon Zeng?", id="as the office has it"
        ),
        pytest.param("en", {"callee_name": "José García"}, "您是Jose Garcia吗？", id="letters in Chinese"),
    ],
)  # fmt: skip
def test_a_name_in_another_script_is_said_in_the_other_language(
    start: Start, language: str, values: dict[str, str], says: str | None
) -> None:
    if says is None:
        with pytest.raises(ContactRefusedError):
            start(language, values=values)
        return
    call = start(language, values=values).press("#")
    assert call.saying is not None
    assert ("" if language == "en" else " ").join(call.saying.phrases) == says
    assert set(call.saying.phrases) <= call.dialogue.phrases(), "rendered before dialling"
    call.press("#")
    assert call.dialogue.language == language, "and back"
    assert call.press("2").hear_out().ending is Disposition.THIRD_PARTY, "who it is is answered as ever"


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"creditor": "为您服务"}, id="no office's name"),
        pytest.param({"creditor": "江南㐂银行"}, id="a character nobody reads"),
    ],
)
def test_a_text_that_cannot_be_said_in_the_other_language_keeps_the_call_in_this_one(
    start: Start, values: dict[str, str]
) -> None:
    call = start("zh-CN", values=values).press("#").hear_out()
    assert call.dialogue.language == "zh-CN"
    assert call.ending is Disposition.LANGUAGE_BARRIER


def test_what_the_office_has_said_in_another_language_is_looked_at_as_closely(turns: Flow) -> None:
    for values, reason in (
        ({"creditor@en": "Debt Collectors"}, "reveals_debt"),
        ({"creditor@en": "江南银行"}, "unspeakable"),
        ({"creditor@en": " "}, "ill_typed"),
    ):
        with pytest.raises(ContactRefusedError) as refused:
            turns.check_vars(VALUES["zh-CN"] | values, "zh-CN")
        assert (refused.value.reason, refused.value.field) == (reason, "creditor@en")


@pytest.mark.parametrize(
    ("silent_s", "language"),
    [pytest.param(0.5, "zh-CN", id="the end of an entry"), pytest.param(4.0, "en", id="a wish of its own")],
)
def test_a_hash_after_the_last_digit_changes_no_language(
    start: Start, silent_s: float, language: str
) -> None:
    call = start("zh-CN").press("1").press("123")
    assert call.prompts[-1] == "number_back"
    call.now_s += silent_s
    call.happens(Digit(digit="#"))
    assert call.dialogue.language == language
    assert call.press("1").hear_out().ending is Disposition.COMPLETED
    assert Answered(name="number", value="123") in call.actions


@pytest.mark.parametrize("switched_at", [0, 1, 2])
@pytest.mark.parametrize("keyed", ["0917", "1111"])
def test_who_changes_the_language_is_told_of_the_debt_no_earlier(switched_at: int, keyed: str) -> None:
    """At the question who it is, at the digits, and after them: only the right digits open it, in either language."""
    flow = load_flow((ROOT / "examples" / "before-due-reminder.yaml").read_text(encoding="utf-8"))
    given = dict(VARS["zh-CN"]) | {"callee_name": "王小明", "complaint_line": "95588"}
    contact = flow.check_vars(given, "zh-CN")
    call = Call(Dialogue(flow, contact, language="zh-CN", today=TODAY, promise_max_days=14))
    steps = ["1", keyed, keyed]
    for place, keys in enumerate(steps[: 2 if keyed == "0917" else 3]):
        if place == switched_at:
            call.press("#")
        assert not set(call.prompts) & flow.debt_prompts.keys()
        call.press(keys)
    if switched_at == 2 and keyed == "0917":
        call.press("#")
    is_told = bool(set(call.prompts) & flow.debt_prompts.keys())
    assert is_told == (keyed == "0917")
    assert call.dialogue.language == "en"
    assert ("Am I speaking with Wang Xiaoming?" in call.said) == (switched_at == 0)


def test_without_lines_that_bridge_nobody_is_told_to_wait(start: Start) -> None:
    call = start().press("0").hear_out()
    assert "moment" not in call.prompts
    assert call.ending is Disposition.HUMAN_UNAVAILABLE
    assert ("person_wanted", "asked") in call.notes


def test_a_person_takes_the_call_over(start: Start) -> None:
    call = start(can_hand_over=True).press("0").hear_out()
    assert HandOver(reason="asked") in call.actions
    call.happens(HandOverEnded(connected=True))
    assert call.ending is Disposition.HUMAN_BRIDGED


def test_a_person_who_cannot_be_found(start: Start) -> None:
    call = start(can_hand_over=True).press("0").hear_out()
    call.happens(HandOverEnded(connected=False, reason="busy")).hear_out()
    assert call.ending is Disposition.HUMAN_UNAVAILABLE
    assert ("nobody_took_over", "busy") in call.notes


def test_a_person_who_never_comes(start: Start) -> None:
    call = start(can_hand_over=True).press("0").hear_out().wait().hear_out()
    assert call.ending is Disposition.HUMAN_UNAVAILABLE


def test_stop_is_heard_while_a_person_is_sought(start: Start) -> None:
    call = start(can_hand_over=True).press("0").hear_out().happens(Digit(digit="9"))
    assert call.ending is Disposition.OPT_OUT
    before = list(call.actions)
    assert call.happens(HandOverEnded(connected=True)).actions == before


def test_who_will_not_say_who_they_are(start: Start) -> None:
    assert says(start(), "…", "refuse_to_pay").hear_out().ending is Disposition.REFUSED_TO_IDENTIFY


def test_what_is_asked_is_told_to_whoever_understands(start: Start) -> None:
    call = start()
    asked = [call.dialogue.asked]
    call.hear_out()
    asked.append(call.dialogue.asked)
    expected = call.dialogue.expected_phrases()
    assert {"speaking", "yes", "no", "stop calling me"} <= set(expected)
    assert expected.index("speaking") < expected.index("stop calling me")
    call.press("1")
    asked.append(call.dialogue.asked)
    assert {"one", "nine"} <= set(call.dialogue.expected_phrases())
    says(call, digits="123")
    asked.append(call.dialogue.asked)
    assert asked == [Asked.NOTHING, Asked.IDENTITY, Asked.DIGITS, Asked.CONFIRM]
    assert "that's right" in call.dialogue.expected_phrases()


def test_what_is_expected_is_in_the_language_of_the_call(start: Start) -> None:
    call = start("zh-CN").hear_out()
    assert {"是我", "不是", "一", "别再打了"} <= set(call.dialogue.expected_phrases())


def test_stop_said_over_a_prompt_stops_it(start: Start) -> None:
    call = at_news(start()).happens(utterance("stop calling", "opt_out"))
    assert any(isinstance(action, StopSaying) for action in call.actions)
    assert call.ending is Disposition.OPT_OUT


def test_a_complaint_made_again_while_the_farewell_names_the_complaints_line_does_not_keep_the_call(
    reminder: Flow, contact_vars: Any
) -> None:
    contact = reminder.check_vars(contact_vars["en"], "en")
    call = Call(
        Dialogue(
            reminder, contact, language="en", today=date(2026, 12, 7), promise_max_days=14, understands=True
        )
    )
    says(call, "I want to complain", "complaint")
    assert call.saying is not None
    assert "complaint_route" in call.saying.roles
    call.happens(utterance("I complain!", "complaint")).happens(utterance("I do!", "complaint")).hear_out()
    assert call.ending is Disposition.COMPLAINT
