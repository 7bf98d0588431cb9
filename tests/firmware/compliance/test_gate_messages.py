"""What the gate asks of a short message: what it asks of a call, less ringing and talking, and a consent of its own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from firmware.compliance import Outcome, Point, SuppressionEntry
from firmware.compliance.pack import Pack

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LIMITS = """
[[limit]]
id = "NYC"
count = "any_channel_attempt"
per = "person"
window = "rolling_s:604800"
max = 3
[[limit]]
id = "TALKS"
count = "conversation"
per = "person"
window = "rolling_s:604800"
max = 1
[[cooldown]]
id = "AFTER-TALK"
after = "conversation"
per = "person"
days = 7
[[cooldown]]
id = "AFTER-NO"
after = "refusal"
per = "person"
days = 30
"""


def written(scene: Any, **fields: Any) -> Any:
    """Ask about a message to somebody who has agreed to them."""
    return scene.ask(**({"channel": "sms", "consents": ("sms",)} | fields))


def test_a_message_to_who_agreed_is_allowed_with_every_rule_of_a_call(scene: Any) -> None:
    decision = written(scene)
    assert decision.is_allowed
    asked = {tried.rule for tried in scene.ask().tried}
    given = {tried.rule for tried in decision.tried}
    of_calls = ("ALL-FRQ", "CN-FRQ", "ALL-ABD")
    assert [rule for rule in sorted(asked - given) if not rule.startswith(of_calls)] == []
    assert {"sms-consent", "sms-number", "ALL-SMS-1", "ALL-SMS-2"} <= given
    assert not {"sms-consent", "ALL-SMS-1"} & asked, "a call is asked nothing new"


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        pytest.param({"consents": ()}, "sms-consent", id="no consent"),
        pytest.param({"consents": ("robot_calls", "email")}, "sms-consent", id="another consent"),
        pytest.param({"number": "+862087654321"}, "sms-number", id="a fixed line"),
        pytest.param({"status": "paid"}, "ALL-STS-1", id="paid"),
        pytest.param({"region": "JP-13"}, "unknown-jurisdiction", id="no rules"),
        pytest.param({"channel": "email"}, "order", id="no channel of the box"),
        pytest.param(
            {
                "suppressions": (
                    SuppressionEntry(number="+8613800138000", scope="number", reason="opt_out", at=MONDAY),
                )
            },
            "suppressed",
            id="opted out",
        ),
    ],
)
def test_one_fault_is_enough(scene: Any, fields: dict[str, Any], rule: str) -> None:
    decision = written(scene, **fields)
    assert (decision.outcome, decision.rule) == (Outcome.REFUSE, rule)


def test_a_consent_is_of_whoever_has_the_number_now(scene: Any) -> None:
    then = scene.now - 10 * DAY
    moved = {"number_reassigned_at": then}
    assert written(scene, **moved).rule == "sms-consent"
    assert written(scene, **moved, consented_at=(("sms", then - DAY),)).rule == "sms-consent"
    assert written(scene, **moved, consented_at=(("sms", then + DAY),)).is_allowed


@pytest.mark.parametrize("hour", [-3, 10, 14])
def test_nobody_is_written_to_outside_the_hours(scene: Any, hour: int) -> None:
    decision = written(scene, at=scene.now + hour * HOUR)
    assert decision.outcome is Outcome.DEFER
    assert decision.until is not None
    assert written(scene, at=decision.until).is_allowed
    assert not written(scene, at=decision.until - timedelta(seconds=1)).is_allowed


def test_a_message_may_go_at_the_very_end_of_the_hours_where_a_call_could_not_end(scene: Any) -> None:
    last = scene.now + 9 * HOUR - timedelta(seconds=1)
    assert not scene.ask(at=last).is_allowed
    assert written(scene, at=last).is_allowed


def test_messages_are_few_however_lax_the_packs_are(scene: Any) -> None:
    def before(*ago: timedelta) -> tuple[Any, ...]:
        return tuple(
            scene.attempt(each, channel="sms", connected=True, line_number=None, disposition=None)
            for each in ago
        )

    assert written(scene, attempts=before(HOUR)).is_allowed
    assert written(scene, attempts=before(HOUR, HOUR)).rule == "ALL-SMS-1"
    assert written(scene, attempts=before(DAY, 2 * DAY, 3 * DAY, 4 * DAY)).rule == "ALL-SMS-2"
    assert written(scene, attempts=before(DAY, 2 * DAY, 3 * DAY, 8 * DAY)).is_allowed


def test_what_only_ringing_uses_up_does_not_stand_against_a_message(
    scene: Any, scene_with: Callable[..., Any], make_pack: Callable[..., Pack]
) -> None:
    """A talk an hour ago forbids a call for days; the message that was agreed in it may go, if all channels allow."""
    here = scene_with(make_pack("strict", LIMITS))
    talk = scene.attempt(HOUR, connected=True, conversation=True, disposition="promise_full")
    assert not here.ask(attempts=(talk,)).is_allowed
    assert written(here, attempts=(talk,)).is_allowed
    others = tuple(scene.attempt(n * DAY, channel="letter", line_number=None) for n in (1, 2))
    assert written(here, attempts=(talk, *others)).rule == "NYC"
    sent = scene.attempt(HOUR, channel="sms", connected=True, line_number=None, disposition=None)
    assert not here.ask(attempts=(sent, *others)).is_allowed, "a message counts for calls, too"
    refused = scene.attempt(3 * DAY, connected=True, conversation=True, disposition="refuses")
    assert written(here, attempts=(refused,)).rule == "AFTER-NO"


def test_a_box_that_may_not_dial_may_not_write(scene: Any) -> None:
    for change in (
        {"clock_trusted": False},
        {"audit_healthy": False},
        {"suppressions_confirmed_at": scene.now - 3 * DAY},
    ):
        decision = written(scene, box=replace(scene.box, **change))
        assert decision.about_box
        assert not decision.is_allowed


def test_it_is_asked_as_a_call_is_before_the_modem_hears_of_it(scene: Any) -> None:
    decision = written(
        scene, point=Point.PREDIAL, caller_number="+8613900139001", attempts=(scene.attempt(5 * DAY),)
    )
    assert decision.rule == "one-caller-number"
