"""The vault by itself: two keys, both needed, and no third try too many."""

from datetime import date

import pytest

from firmware.dialogue.errors import DebtLockedError, SlotEmptyError
from firmware.dialogue.flow import Flow
from firmware.dialogue.script import Script
from firmware.dialogue.vault import MAX_WRONG_KEYS, DebtVault
from firmware.values import Money


@pytest.fixture
def vault(reminder: Flow, contact_vars: dict[str, dict[str, object]]) -> DebtVault:
    contact = reminder.check_vars(contact_vars["en"], "en")
    script = Script(
        flow=reminder, contact=contact, language="en", today=date(2026, 12, 7), promise_max_days=14
    )
    return DebtVault(reminder, script)


@pytest.mark.parametrize(
    ("keyed", "allowed", "opens"),
    [
        ("0917", True, True),
        ("0917", False, False),
        ("0917", None, False),
        ("1111", True, False),
        (None, True, False),
        (None, None, False),
    ],
)
def test_it_opens_to_the_person_and_the_gate_together(
    vault: DebtVault, reminder: Flow, keyed: str | None, allowed: bool | None, opens: bool
) -> None:
    if keyed is not None:
        vault.try_secret("last4", keyed)
    if allowed is not None:
        vault.permit(allowed=allowed)
    assert vault.is_open is opens
    assert vault.value("amount_due") == (Money(123450, "USD") if opens else None)
    for name in reminder.debt_prompts:
        if reminder.prompts[name].names & reminder.late:
            continue
        if opens:
            assert vault.words(reminder.prompts[name], {})
        else:
            with pytest.raises(DebtLockedError) as locked:
                vault.words(reminder.prompts[name], {})
            assert "1234" not in str(locked.value)


def test_a_gate_that_changes_its_mind_closes_it(vault: DebtVault) -> None:
    vault.try_secret("last4", "0917")
    vault.permit(allowed=True)
    vault.permit(allowed=False)
    assert not vault.is_open


def test_the_right_digits_come_too_late_after_too_many_wrong_ones(vault: DebtVault) -> None:
    for wrong in range(MAX_WRONG_KEYS):
        assert not vault.try_secret("last4", f"{wrong:04}")
    assert not vault.try_secret("last4", "0917")


def test_only_a_secret_verifies(vault: DebtVault) -> None:
    assert not vault.try_secret("callee_name", "Mr Wang")
    assert not vault.is_verified


def test_a_secret_is_never_given_out(vault: DebtVault) -> None:
    vault.try_secret("last4", "0917")
    vault.permit(allowed=True)
    assert vault.value("last4") is None
    assert not any("nine one seven" in phrase or "0917" in phrase for phrase in vault.vocabulary())


def test_an_empty_slot_has_no_words(vault: DebtVault, reminder: Flow) -> None:
    vault.try_secret("last4", "0917")
    vault.permit(allowed=True)
    with pytest.raises(SlotEmptyError):
        vault.words(reminder.prompts["read_back"], {})
