"""How the downlink asks the flow language, which it does not know."""

from firmware.dialogue.errors import ContactRefusedError, FlowRefusedError
from firmware.dialogue.flow import Flow
from firmware.dialogue.loader import load_flow
from firmware.sync.content_check import CampaignCheck


def campaign_check() -> CampaignCheck[Flow]:
    """Return how downlink asks the flow language, which it does not know."""
    return CampaignCheck(
        flow_check=load_flow,
        contact_check=lambda flow, row: flow.check_vars(row.vars, row.language),
        refusals=(FlowRefusedError, ContactRefusedError),
    )
