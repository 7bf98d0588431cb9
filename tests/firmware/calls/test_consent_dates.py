"""A consent that the number's previous owner gave is none (edge case 34), from the console's list to the gate's word."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from firmware.calls.judging import Judged
from firmware.compliance.call import Point
from firmware.store import campaigns
from firmware.store.connection import Connection
from firmware.sync.applying_elsewhere import apply_elsewhere
from firmware.sync.content_check import CampaignCheck, check_row
from firmware.sync.messages import Consent, ContactRow, encode
from firmware.sync.messages_policy import PeopleElsewhere, PersonElsewhere
from firmware.values import CampaignId
from tests.firmware.retention.kept_box import CALLED, LINE, KeptBox
from tests.firmware.store.store_rows import Rows

DAY = timedelta(days=1)
KIND = "prior_express_consent"
CHECK: CampaignCheck[str] = CampaignCheck(flow_check=str, contact_check=lambda *_: None, refusals=())


def consent_kept(box: KeptBox, obtained_at: datetime | None, reassigned_at: datetime | None) -> bool:
    """Send a list, then a fact of the person; return whether the gate finds their consent."""
    row = ContactRow(
        contact="k1",
        person="p1",
        numbers=["+16175550123"],
        language="en",
        region="US-MA",
        consents=[Consent(kind=KIND, obtained_at=obtained_at)],
    )
    campaign = CampaignId("c1")

    def work(con: Connection) -> Judged:
        stored = Rows().campaign(expires_at=CALLED + DAY)
        campaigns.add_campaign(con, stored, raw=b"{}", received_at=CALLED)
        raw = msgspec.Raw(encode(row))
        checked = check_row(raw, campaign=campaign, row=0, flow="", check=CHECK, now=CALLED)
        assert isinstance(checked, campaigns.NewContact), checked
        campaigns.add_rows(con, [checked])
        if reassigned_at is not None:
            fact = PersonElsewhere(person="p1", number_reassigned_at=reassigned_at)
            assert apply_elsewhere(con, PeopleElsewhere(id="m1", at=CALLED, people=[fact])).accepted
        contact = campaigns.get_contact(con, campaign, checked.contact)
        assert contact is not None
        return box.judge.decide(con, contact, LINE, Point.PREDIAL, audio_ready=True)

    tried = {each.rule: each.passed for each in box.database.run_now(work).decision.tried}
    return tried["consent"]


@pytest.mark.parametrize(
    ("obtained_at", "reassigned_at", "is_kept"),
    [
        pytest.param(None, None, True, id="no date, nobody else"),
        pytest.param(CALLED - 9 * DAY, CALLED - 10 * DAY, True, id="given after it"),
        pytest.param(CALLED - 11 * DAY, CALLED - 10 * DAY, False, id="given by somebody else"),
        pytest.param(None, CALLED - 10 * DAY, False, id="nobody knows when"),
        pytest.param(CALLED + DAY, CALLED - 10 * DAY, False, id="a day to come"),
    ],
)
def test_a_consent_older_than_the_number_is_none(
    tmp_path: Path, obtained_at: datetime | None, reassigned_at: datetime | None, is_kept: bool
) -> None:
    assert consent_kept(KeptBox(tmp_path), obtained_at, reassigned_at) is is_kept
