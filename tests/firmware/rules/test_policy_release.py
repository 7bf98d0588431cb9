"""Releases of rules from the console: they tighten, wait for approval, never go back, and are refused whole."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from console.policy_releases import approval
from firmware.compliance.gate import Gate
from firmware.compliance.library import Approval, load_packs
from firmware.compliance.pack import read_pack
from firmware.compliance.packs import pack_texts
from firmware.rules.policy_release import ReleaseRefusedError, Rules, check_rises, release_rules
from firmware.sync.messages_policy import ApprovalWire, PolicyRelease
from firmware.sync.signing import key_id

AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SHIPPED = load_packs()
APPROVED = [Approval(pack=name, version=1, by="Li Wei") for name in ("floor", "cn")]
CN2 = pack_texts()["cn.toml"].replace("version = 1", "version = 2", 1)
OVERLAY = """
schema = 1
[pack]
id = "office"
version = 3
title = "Closed for the audit week"
layer = "overlay"
status = "published"
effective_from = 2026-11-24
review_by = 2027-06-30
"""
CLOSED = OVERLAY + "[time]\nextra_closed_dates = [2026-12-28]\n"
OLDER = CLOSED.replace("version = 3", "version = 2")
KEY = Ed25519PrivateKey.generate()
APPROVERS = {key_id(KEY.public_key()): KEY.public_key()}


def release(version: int = 1, **fields: object) -> PolicyRelease:
    return PolicyRelease(id=f"r{version}", at=AT, version=version, **fields)  # type: ignore[arg-type]


def rules(message: PolicyRelease, **changes: object) -> Rules:
    given: dict[str, object] = {"approvers": {}} | changes
    return release_rules(SHIPPED, None, APPROVED, message, **given)  # type: ignore[arg-type]


def version_of(gate: Gate, name: str) -> int:
    return next(pack.pack.version for pack in gate.library.packs if pack.pack.id == name)


def refused(message: PolicyRelease, **changes: object) -> tuple[str, str]:
    with pytest.raises(ReleaseRefusedError) as error:
        rules(message, **changes)
    return error.value.reason, str(error.value)


def test_a_new_version_waits_and_the_old_one_goes_on() -> None:
    found = rules(release(packs=[CN2]))
    assert [pack.pack.name for pack in found.waiting] == ["cn@2"]
    assert version_of(found.gate, "cn") == 1


def test_an_approval_by_name_on_the_box_puts_it_in_force() -> None:
    given = [
        *APPROVED,
        Approval(pack="cn", version=2, by="Li Wei", digest=read_pack(CN2, source="").digest()),
    ]
    found = release_rules(SHIPPED, None, given, release(packs=[CN2]), approvers={})
    assert (found.waiting, version_of(found.gate, "cn")) == ((), 2)


def test_an_approval_of_another_content_does_not() -> None:
    given = [*APPROVED, Approval(pack="cn", version=2, by="Li Wei", digest="0" * 64)]
    assert release_rules(SHIPPED, None, given, release(packs=[CN2]), approvers={}).waiting


class TestApproverKeys:
    """An approver's signature counts where the box's own settings name the key, and nowhere else."""

    WIRE = approval(KEY, read_pack(CN2, source=""), "Wang Fang")

    def test_a_key_that_the_box_names_approves(self) -> None:
        found = rules(release(packs=[CN2], approvals=[self.WIRE]), approvers=APPROVERS)
        assert (found.waiting, version_of(found.gate, "cn")) == ((), 2)
        assert found.approvals[-1].by == f"Wang Fang ({key_id(KEY.public_key())})"

    def test_a_key_that_it_does_not_name_refuses_the_release(self) -> None:
        reason, text = refused(release(packs=[CN2], approvals=[self.WIRE]))
        assert (reason, text.startswith("$.approvals[0]: ")) == ("unknown_approver", True)

    @pytest.mark.parametrize(
        "change", [{"by": "Nobody"}, {"version": 3}, {"pack": "us"}, {"digest": "0" * 64}]
    )
    def test_a_signature_over_anything_else_is_none(self, change: dict[str, object]) -> None:
        fields = {name: getattr(self.WIRE, name) for name in self.WIRE.__struct_fields__} | change
        reason, _ = refused(release(packs=[CN2], approvals=[ApprovalWire(**fields)]), approvers=APPROVERS)
        assert reason == "bad_approval"

    def test_nor_is_one_made_by_another_key(self) -> None:
        forged = base64.b64encode(Ed25519PrivateKey.generate().sign(b"x")).decode()
        fields = {name: getattr(self.WIRE, name) for name in self.WIRE.__struct_fields__}
        wire = ApprovalWire(**(fields | {"signature": forged}))
        assert refused(release(packs=[CN2], approvals=[wire]), approvers=APPROVERS)[0] == "bad_approval"


def test_a_withdrawn_pack_is_obeyed_without_an_approval() -> None:
    gone = CN2.replace('status = "published"', 'status = "withdrawn"', 1)
    assert gone != CN2
    assert version_of(rules(release(packs=[gone])).gate, "cn") == 2


def test_an_overlay_is_in_force_at_once_and_tightens() -> None:
    found = rules(release(overlay=CLOSED))
    assert [pack.pack.name for pack in found.gate.library.packs if pack.pack.layer == "overlay"] == [
        "office@3"
    ]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("[time]\nend_guard_s = 1\n", "time.end_guard_s", id="shorter guard"),
        pytest.param(
            '[[time.windows]]\ndays = ["mon"]\nstart = "07:00"\nend = "23:00"\n',
            "time.windows",
            id="longer hours",
        ),
        pytest.param("[optout]\nlease_s = 604800\n", "optout.lease_s", id="older suppressions"),
    ],
)
def test_an_overlay_that_widens_anything_is_refused_whole_by_name_and_path(text: str, named: str) -> None:
    reason, said = refused(release(packs=[CN2], overlay=OVERLAY + text))
    assert reason == "overlay_widens"
    assert said.startswith(f"$.overlay: {named} ")


def test_the_overlay_of_the_settings_stays_beside_the_consoles() -> None:
    from firmware.compliance.overlay import read_overlay

    own = read_overlay(CLOSED.replace('"office"', '"branch"'), source="own")
    found = release_rules(SHIPPED, own, APPROVED, release(overlay=CLOSED), approvers={})
    assert {p.pack.id for p in found.gate.library.packs if p.pack.layer == "overlay"} == {"branch", "office"}
    with pytest.raises(ReleaseRefusedError, match="another overlay has this id"):
        release_rules(
            SHIPPED, read_overlay(CLOSED, source="own"), APPROVED, release(overlay=CLOSED), approvers={}
        )


@pytest.mark.parametrize(
    ("now", "before", "reason"),
    [
        pytest.param({"overlay": OLDER}, {"overlay": CLOSED}, "overlay_rollback", id="older overlay"),
        pytest.param({"overlay": OVERLAY}, {"overlay": CLOSED}, "overlay_rollback", id="other overlay of one version"),
        pytest.param({"packs": [CN2]}, {"packs": [CN2.replace("version = 2", "version = 3", 1)]}, "pack_rollback", id="older pack"),
    ],
)  # fmt: skip
def test_versions_only_rise(now: dict[str, object], before: dict[str, object], reason: str) -> None:
    check_rises(release(2, packs=[pack_texts()["cn.toml"]]), None, SHIPPED)
    with pytest.raises(ReleaseRefusedError) as error:
        check_rises(release(2, **now), release(1, **before), SHIPPED)
    assert error.value.reason == reason


def test_another_content_under_a_shipped_version_is_refused() -> None:
    other = pack_texts()["cn.toml"].replace('title = "', 'title = "Other ', 1)
    with pytest.raises(ReleaseRefusedError, match="give it a higher version"):
        check_rises(release(packs=[other]), None, SHIPPED)


def test_what_is_no_pack_is_refused_by_its_place() -> None:
    reason, text = refused(release(packs=[CN2, "not = [toml"]))
    assert (reason, text.startswith("$.packs[1]: ")) == ("pack_refused", True)
