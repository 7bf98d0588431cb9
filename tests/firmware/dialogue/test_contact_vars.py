"""A contact's values against a flow: what does not fit is refused by name, and never repeated."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from firmware.dialogue.errors import ContactRefusedError
from firmware.dialogue.flow import Flow
from firmware.values import Money

Vars = Mapping[str, Mapping[str, object]]


def test_values_come_out_typed(reminder: Flow, contact_vars: Vars) -> None:
    contact = reminder.check_vars(contact_vars["zh-CN"], "zh-CN")
    assert contact.values["amount_due"] == Money(123450, "CNY")
    assert contact.values["due_date"] == date(2026, 12, 1)
    assert contact.values["last4"] == "0917"


def test_what_the_flow_does_not_know_is_not_kept(reminder: Flow, contact_vars: Vars) -> None:
    contact = reminder.check_vars({**contact_vars["en"], "salary": "secret"}, "en")
    assert "salary" not in contact.values


@pytest.mark.parametrize(
    ("asked", "served"),
    [("en", "en"), ("en-GB", "en"), ("zh", "zh-CN"), ("zh-CN", "zh-CN"), ("zh-Hans-CN", "zh-CN")],
)
def test_a_language_is_served_by_its_nearest(
    reminder: Flow, contact_vars: Vars, asked: str, served: str
) -> None:
    assert reminder.check_vars(contact_vars["en"], asked).language == served


@pytest.mark.parametrize("language", ["fr", "zh-HK", "zh-TW", "e", ""])
def test_a_language_that_is_not_offered_refuses_the_contact(
    reminder: Flow, contact_vars: Vars, language: str
) -> None:
    with pytest.raises(ContactRefusedError) as refused:
        reminder.check_vars(contact_vars["en"], language)
    assert refused.value.reason == "language_not_offered"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("callee_name", None, "missing_var"),
        ("callee_name", "", "ill_typed"),
        ("callee_name", 7, "ill_typed"),
        ("callee_name", "🙂 Smith", "unspeakable"),
        ("callee_name", "王先生", "unspeakable"),
        ("callee_name", "x" * 200, "unspeakable"),
        ("callee_name", "Mr 0917", "reveals_secret"),
        ("creditor", "Quick Debt Recovery Ltd", "reveals_debt"),
        ("creditor", "First Loan Company", "reveals_debt"),
        ("creditor", "Ａcme Ｃollections", "unspeakable"),
        ("amount_due", "1234.50", "ill_typed"),
        ("amount_due", {"minor": 12.5, "currency": "CNY"}, "ill_typed"),
        ("amount_due", {"minor": True, "currency": "CNY"}, "ill_typed"),
        ("amount_due", {"minor": 0, "currency": "CNY"}, "ill_typed"),
        ("amount_due", {"minor": -500, "currency": "CNY"}, "ill_typed"),
        ("amount_due", {"minor": 500, "currency": "ZZZ"}, "ill_typed"),
        ("amount_due", {"currency": "CNY"}, "ill_typed"),
        ("amount_due", {"minor": 10**15, "currency": "CNY"}, "unspeakable"),
        ("due_date", "1/12/2026", "ill_typed"),
        ("due_date", "2026-02-30", "ill_typed"),
        ("due_date", "20261201", "ill_typed"),
        ("last4", "091", "ill_typed"),
        ("last4", "09170", "ill_typed"),
        ("last4", 917, "ill_typed"),
        ("last4", "０９１７", "ill_typed"),
        ("last4", "09a7", "ill_typed"),
    ],
)
def test_what_does_not_fit_is_refused(
    reminder: Flow, contact_vars: Vars, field: str, value: Any, reason: str
) -> None:
    with pytest.raises(ContactRefusedError) as refused:
        reminder.check_vars({**contact_vars["en"], field: value}, "en")
    assert (refused.value.reason, refused.value.field) == (reason, field)
    if isinstance(value, str) and value:
        assert value not in str(refused.value)


def test_a_lender_whose_chinese_name_tells_of_a_debt_needs_another_name(
    reminder: Flow, contact_vars: Vars
) -> None:
    for name in ("顺达小额贷款公司", "顺达催 收中心"):
        with pytest.raises(ContactRefusedError) as refused:
            reminder.check_vars({**contact_vars["zh-CN"], "creditor": name}, "zh-CN")
        assert refused.value.reason == "reveals_debt"


def test_a_missing_key_is_missing(reminder: Flow, contact_vars: Vars) -> None:
    incomplete = {name: value for name, value in contact_vars["en"].items() if name != "due_date"}
    with pytest.raises(ContactRefusedError, match="missing_var: due_date"):
        reminder.check_vars(incomplete, "en")


def test_values_do_not_show(reminder: Flow, contact_vars: Vars) -> None:
    shown = repr(reminder.check_vars(contact_vars["en"], "en"))
    assert "Wang" not in shown
    assert "0917" not in shown
