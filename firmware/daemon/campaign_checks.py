"""How the downlink asks the flow language, which it does not know."""

from firmware.dialogue.errors import ContactRefusedError, FlowProblem, FlowRefusedError
from firmware.dialogue.flow import Flow
from firmware.dialogue.loader import load_flow
from firmware.sync.content_check import CampaignCheck
from firmware.sync.messages_sms import SmsTexts
from firmware.texts.catalogue import CatalogueError, check_texts, read_catalogue


def campaign_check() -> CampaignCheck[Flow]:
    """Return how downlink asks the flow language, which it does not know."""
    return CampaignCheck(
        flow_check=load_flow,
        contact_check=lambda flow, row: flow.check_vars(row.vars, row.language),
        texts_check=require_texts,
        refusals=(FlowRefusedError, ContactRefusedError),
    )


def require_texts(flow: Flow, texts: SmsTexts | None) -> None:
    """Return if the flow may have these texts sent. Raises FlowRefusedError with every problem."""
    catalogue = None
    try:
        if texts is not None:
            catalogue = read_catalogue(
                sender=texts.sender,
                texts=texts.texts,
                per_person=texts.per_person,
                valid_hours=texts.valid_hours,
            )
    except CatalogueError as error:
        problems = tuple(FlowProblem(0, 0, "texts", problem) for problem in error.problems)
        raise FlowRefusedError(problems, source="texts") from None
    if found := check_texts(flow, catalogue):
        raise FlowRefusedError(tuple(found), source="texts")
