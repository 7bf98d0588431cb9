"""What the rules of a place demand of a conversation: the one meeting of rule packs and the flow language."""

from collections.abc import Sequence

from firmware.compliance.errors import ComplianceError
from firmware.compliance.library import PackLibrary
from firmware.compliance.merge import merge
from firmware.compliance.policy import Policy
from firmware.dialogue.checks import FlowDemands, check_flow
from firmware.dialogue.flow import Flow
from firmware.dialogue.wording import Claim


def policy_at(library: PackLibrary, places: Sequence[str]) -> Policy:
    """Return what the packs of `places` (``US``, ``US-NY``, ``CN``) demand together. Raises ComplianceError."""
    packs, unknown = library.governing(places)
    if unknown:
        raise ComplianceError(
            f"no rule pack for {', '.join(unknown)}: write a country as CN, a part of it as US-NY"
        )
    return merge(packs)


def unmet_by(policy: Policy, flow: Flow, *, is_ours: bool = True) -> list[str]:
    """Return what `policy` demands of a conversation and `flow` does not do."""
    demands = FlowDemands(
        disclosures_before_content=policy.roles_before("any_content"),
        before_debt=policy.roles_before("any_content") | policy.roles_before("debt_mention"),
        before_recording=policy.roles_before("recording") | {"recording"},
        forbidden_claims=frozenset(
            Claim(rule=claim.id, what=claim.claim, words=claim.zh | claim.en)
            for claim in policy.forbidden_claims
        ),
    )
    unmet = [str(problem) for problem in check_flow(flow, demands)]
    records = any("recording" in prompt.roles for prompt in flow.prompts.values())
    if records and policy.recording_forbidden:
        unmet.append("calls there may not be recorded, and this flow records")
    if records and policy.recording_notice == "explicit_yes":
        # A notice is what this flow language can give; it cannot ask and wait for the yes.
        unmet.append(
            "recording there needs an explicit yes, and a flow can only give notice: leave the recording out"
        )
    if policy.recording_required and not records and is_ours:
        unmet.append("calls there must be recorded, and no prompt of this flow gives the recording notice")
    return unmet
