"""The self-check finds what a broken gate lets through, and finds nothing wrong with the real one."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from firmware.compliance import (
    Approval,
    BoxState,
    CallOrder,
    Decision,
    Gate,
    History,
    Outcome,
    PackLibrary,
    Point,
    red_lines,
    self_check,
)
from firmware.compliance.numbering import number_facts
from firmware.compliance.self_check import SAMPLES, lawful_call


def test_the_real_gate_allows_nothing_forbidden(scene: Any) -> None:
    assert self_check(scene.gate) == []


def test_a_box_without_approvals_allows_nothing_either(library: PackLibrary) -> None:
    assert self_check(Gate(library, [])) == []


class GateThatIgnores(Gate):
    """Allows whatever was refused or deferred by one rule."""

    ignored: str

    def decide(
        self, order: CallOrder, history: History, box: BoxState, now: datetime, point: Point
    ) -> Decision:
        decision = super().decide(order, history, box, now, point)
        wrong = {tried.rule for tried in decision.tried if not tried.passed}
        return Decision(outcome=Outcome.ALLOW, rule="allowed") if wrong <= {self.ignored} else decision


@pytest.mark.parametrize(
    "rule",
    [
        "order",
        "clock",
        "audit",
        "audio",
        "number",
        "unknown-jurisdiction",
        "ALL-STS-1",
        "suppressed",
        "suppression-lease",
        "zone",
        "one-caller-number",
        "ALL-FRQ-2-conversation",
        "ALL-ABD-1",
        "window",
        "caller-number",
        "gate-error",
    ],
)
def test_a_gate_that_ignores_one_rule_is_caught(library: PackLibrary, rule: str) -> None:
    chinese = PackLibrary(pack for pack in library.packs if pack.pack.id in ("floor", "cn"))
    broken = GateThatIgnores(
        chinese, [Approval(pack=name, version=1, by="Li Na") for name in ("floor", "cn")]
    )
    broken.ignored = rule
    assert self_check(broken)


def test_a_gate_that_allows_everything_is_caught_in_every_country(scene: Any) -> None:
    class Open(Gate):
        def decide(
            self, order: CallOrder, history: History, box: BoxState, now: datetime, point: Point
        ) -> Decision:
            return Decision(outcome=Outcome.ALLOW, rule="allowed")

    broken = Open(scene.gate.library, [])
    wrong = self_check(broken)
    assert len(wrong) > 100
    assert {line.partition(":")[0] for line in wrong} == set(SAMPLES)


def test_every_shipped_pack_has_a_call_that_only_it_makes_unlawful(library: PackLibrary) -> None:
    """A pack that no sample call is governed by would never be checked."""
    checked = {
        pack.pack.id
        for place, (number, own, _) in SAMPLES.items()
        for pack in library.governing([place], number)[0]
        if number_facts(number).is_valid and number_facts(own).is_valid
    }
    assert checked == {pack.pack.id for pack in library.packs}


@pytest.mark.parametrize("place", sorted(set(SAMPLES) - {"IT"}))
def test_every_country_can_be_called_at_all(scene: Any, place: str) -> None:
    """A self-check without a lawful call checks nothing; Italy's law leaves none to a robot."""
    assert lawful_call(scene.gate, place) is not None


def test_an_envelope_opened_in_memory_and_in_the_packs_is_caught(
    scene: Any, make_pack: Callable[..., Any], approve_all: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = PackLibrary(
        [make_pack("floor", layer="floor"), make_pack("cn", layer="jurisdiction", places=("CN",))]
    )
    gate = approve_all(bare)
    assert not any("call at" in line for line in self_check(gate)), (
        "the envelope alone keeps the night closed"
    )
    assert self_check(gate), "but a floor without limits lets too much through"
    monkeypatch.setattr(red_lines, "ENVELOPE", (((0, 1440),),) * 7)
    assert any("call at 03:00:00" in line for line in self_check(gate))
