"""A campaign that a box has is changed by a second push; what the box refuses leaves no trace at the office."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from rich.console import Console
from sqlalchemy import select

from console.authority import load_signing_key
from console.campaigns import Terms
from console.command_push import PushOrder, push_command
from console.errors import CampaignError, CampaignRefusedError
from console.ledger import Ledger
from console.ledger_tables import CAMPAIGN, CONTACT
from console.office import Office
from console.payment_tables import OWNER
from firmware.clock import SystemClock
from firmware.daemon.campaign_checks import campaign_check
from firmware.dialogue.flow import Flow
from firmware.store import campaigns
from firmware.store.campaigns import CampaignState
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.sync.connection import MqttConnection, Received
from firmware.sync.content_encoding import ENCODING_PROPERTY, READABLE
from firmware.sync.downlink import Downlink
from firmware.sync.key_ring import KeyRing
from firmware.sync.messages import BoxState, encode
from firmware.sync.signing import key_id
from firmware.sync.topics import BoxTopics
from firmware.sync.uplink import Uplink
from firmware.values import UuidV7
from tests.console.conftest import box_settings
from tests.firmware.sync.sync_world import TakesEveryRelease
from tests.firmware.sync.uplink_world import running

pytestmark = pytest.mark.usefixtures("broker")
SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
TOPICS = BoxTopics("demo", "b1")


class Overheard(Downlink[Flow]):
    """Notes how each message came."""

    encodings: ClassVar[list[tuple[str, str]]] = []

    async def handle(self, received: Received) -> None:
        kind = received.topic.split("/")[5]
        self.encodings.append((kind, received.properties.get(ENCODING_PROPERTY, "plain")))
        await super().handle(received)


@asynccontextmanager
async def a_real_box(office: Office, folder: Path) -> AsyncIterator[Database]:
    """The firmware's own way from the broker into the database and back."""
    database = Database.open(folder / "box.db", executor=InlineExecutor())
    key = load_signing_key(office).public_key()
    async with MqttConnection(box_settings(office, "b1"), subscriptions=TOPICS.subscriptions()) as link:
        await link.wait_connected()
        downlink = Overheard(
            database,
            TOPICS,
            KeyRing({key_id(key): key}, SystemClock().now),
            clock=SystemClock(),
            ids=UuidV7(),
            check=campaign_check(),
            rules=TakesEveryRelease(),
        )
        state = BoxState(id="s", at=datetime.now(UTC), status="online", boot="b", encodings=list(READABLE))
        await link.publish(TOPICS.up("state"), encode(state), retain=True)
        async with running(downlink.run(link), Uplink(database, link, TOPICS).run()):
            yield database
    database.close_now()


def test_a_second_push_changes_terms_and_adds_people(
    office: Office, tmp_path: Path, flow_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.packed_contacts.WORTH_BYTES", 100)
    Overheard.encodings.clear()
    lines = (Path(__file__).parents[2] / "examples" / "contacts.csv").read_text(encoding="utf-8").splitlines()
    contacts, other_flow = tmp_path / "list.csv", tmp_path / "other.yaml"
    other_flow.write_text(flow_file.read_text(encoding="utf-8") + "\n# another one\n", encoding="utf-8")

    async def push(n: int, flow: Path, *, name: str = "nov", changes: bool = True) -> None:
        contacts.write_text("\n".join(lines[: n + 1]) + "\n", encoding="utf-8")
        terms = Terms(campaign="nov", name=name, expires_at=SOON + timedelta(hours=n))
        order = PushOrder(
            contacts=contacts, flow=flow, box="b1", terms=terms, mapping={}, patience_s=10, summary=None, changes=changes,
        )  # fmt: skip
        await push_command(office, order, clock=SystemClock(), console=Console(file=io.StringIO()))

    def at_the_office() -> tuple[tuple[object, ...], set[str], int]:
        with Ledger(office.ledger).reading() as rows:
            campaign = rows.execute(select(CAMPAIGN.c.name, CAMPAIGN.c.contacts, CAMPAIGN.c.expires_at)).one()
            people = set(rows.execute(select(CONTACT.c.person)).scalars())
            return tuple(campaign), people, len(rows.execute(select(OWNER)).all())

    async def story() -> None:
        async with asyncio.timeout(40), a_real_box(office, tmp_path) as database:

            def at_the_box() -> tuple[str, int, int, CampaignState, int]:
                (kept,) = database.run_now(campaigns.get_campaigns)
                n = database.run_now(lambda con: con.value("SELECT count(*) FROM contact"))
                return kept.name, kept.version, kept.contacts, kept.state, int(n)

            with pytest.raises(CampaignError, match="no campaign nov to change"):
                await push(2, flow_file)
            await push(2, flow_file, changes=False)
            assert at_the_box() == ("nov", 1, 2, CampaignState.READY, 2)
            await push(5, flow_file, name="november")  # one of the five rows is bad
            assert at_the_box() == ("november", 2, 4, CampaignState.READY, 4)
            kept = at_the_office()
            assert kept[0][:2] == ("november", 4)
            with pytest.raises(CampaignRefusedError, match="flow_changed"):
                await push(9, other_flow)
            assert at_the_office() == kept
            await push(5, flow_file, name="terms alone")
            assert at_the_box() == ("terms alone", 3, 4, CampaignState.READY, 4)
        assert {how for kind, how in Overheard.encodings if kind == "contacts"} == {"zstd"}
        assert {how for kind, how in Overheard.encodings if kind != "contacts"} == {"plain"}

    asyncio.run(story())
