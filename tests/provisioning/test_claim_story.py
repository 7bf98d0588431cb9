"""Machines become boxes over a real mosquitto: by a claim file, by a code that a person types, and nobody else does."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from console.broker import broker_settings
from console.claim_book import ClaimBook
from console.command_claim import _approve
from console.errors import ClaimError
from console.office import Office
from firmware.daemon.checkup import mqtt_settings
from firmware.settings import load_settings
from firmware.sync.claiming import CLAIM_FILE, ClaimTopics, new_session, read_claim_file
from firmware.sync.connection import MqttConnection, probe_broker
from firmware.sync.errors import BrokerRefusedError, PublishRefusedError
from firmware.sync.messages_claim import ClaimAnswer
from firmware.sync.mqtt_settings import MqttSettings, TlsFiles
from firmware.sync.topics import BoxTopics, all_boxes_down
from provisioning.claiming import _tls_files
from provisioning.key_store import MQTT_KEY
from tests.console.office_broker import Broker
from tests.provisioning.claim_site import (
    Hardware,
    claimed,
    console,
    issue,
    office_with_door,
    until,
    utc_now,
)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = office_with_door(tmp_path_factory.mktemp("claims") / "office")
    broker = Broker(made)
    broker.start()
    yield made
    broker.stop()


def settings_of(hardware: Hardware, monkeypatch: pytest.MonkeyPatch) -> MqttSettings:
    """How the daemon of the machine would reach its broker."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(hardware.credentials))
    return mqtt_settings(load_settings(hardware.layout.settings / "box.toml"))


def test_a_named_claim_file_makes_a_box(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hardware = Hardware(tmp_path / "machine")
    hardware.plug_in(issue(office, tmp_path / CLAIM_FILE, box="branch-7", language="en"))

    async def story() -> str:
        async with console(office), asyncio.timeout(30):
            name = await claimed(hardware.boot())
            # The machine's last word is on its way while it becomes a box.
            while [each.state for each in ClaimBook(office).sessions() if each.box == name] != ["taken"]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            return name

    assert asyncio.run(story()) == "branch-7"
    broker = settings_of(hardware, monkeypatch)
    asyncio.run(probe_broker(broker, BoxTopics("demo", "branch-7").subscriptions()))
    settings = load_settings(hardware.layout.settings / "box.toml")
    assert (settings.box.id, settings.box.language) == ("branch-7", "en")
    assert settings.technician.factory_reset
    assert hardware.machine.asked == ["restart"]
    # The key was made on the machine and is there alone.
    key = (hardware.credentials / MQTT_KEY).read_bytes()
    assert (hardware.credentials / MQTT_KEY).stat().st_mode & 0o777 == 0o600
    assert not [path for path in office.folder.rglob("*") if path.is_file() and key in path.read_bytes()]
    assert not (office.box_folder("branch-7") / "box.key").exists()
    # Nothing of the claim is left on it, the claim file's credential least of all.
    assert list(hardware.layout.identity.iterdir()) == []


def test_a_person_approves_the_code_that_the_machine_shows(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hardware = Hardware(tmp_path / "machine", "SN-code")
    hardware.plug_in(issue(office, tmp_path / CLAIM_FILE))
    boot = hardware.boot()
    identity = boot.begin()
    assert identity is not None

    async def story() -> str:
        typed = identity.code.lower().replace("-", " ")
        # The command is there before the machine asks, and ends when the machine is a box.
        approving = asyncio.create_task(_approve(office, typed, "branch-8", replaces=False, patience_s=20.0))
        name = await claimed(boot)
        found = await approving
        assert (found.state, found.serial) == ("taken", "SN-code")
        with pytest.raises(ClaimError, match="no machine with this code"):
            await _approve(office, "0000-0000-0000", "branch-x", replaces=False, patience_s=0.0)
        return name

    assert asyncio.run(story()) == "branch-8"
    asyncio.run(probe_broker(settings_of(hardware, monkeypatch)))
    sent = [path for path in office.folder.rglob("*") if path.is_file()]
    assert not [path for path in sent if identity.code.encode() in path.read_bytes()], (
        "the code never travels"
    )


def test_an_answer_that_the_console_did_not_sign_is_none(office: Office, tmp_path: Path) -> None:
    """Whoever sits at the broker grants himself a box: the machine goes on waiting for the console."""
    hardware = Hardware(tmp_path / "machine", "SN-forged")
    file = issue(office, tmp_path / CLAIM_FILE, box="branch-9")
    hardware.plug_in(file)
    boot = hardware.boot()
    identity = boot.begin()
    assert identity is not None
    topics = ClaimTopics("demo", read_claim_file(file.read_bytes()).id, identity.session)
    forged = ClaimAnswer(
        id="1", at=utc_now(), session=identity.session, status="granted", box="evil", files={"box.toml": "x"}
    )

    async def story() -> str:
        asking = asyncio.create_task(claimed(boot))
        async with MqttConnection(
            broker_settings(office, lasting=False), subscriptions=[topics.request]
        ) as c:
            async for received in c.received():
                received.ack()
                break
            await c.publish(topics.answer, msgspec.json.encode(forged))
        await until(lambda: hardware.says("not the console"))
        assert not (hardware.layout.settings / "box.toml").exists()
        async with console(office):
            return await asking

    assert asyncio.run(story()) == "branch-9"


def test_a_claim_files_credential_opens_next_to_nothing(office: Office, tmp_path: Path) -> None:
    file = read_claim_file(issue(office, tmp_path / CLAIM_FILE).read_bytes())
    folder = tmp_path / "tls"
    folder.mkdir()
    tls = _tls_files(folder, file)
    session, other = new_session(), new_session()
    own, foreign = ClaimTopics("demo", file.id, session), ClaimTopics("demo", file.id, other)
    door = MqttSettings(
        host="localhost", port=office.claim_port, client_id=session, tls=tls, session_expiry_s=0
    )
    boxes = office.box_folder("b1")
    certificate = TlsFiles(ca=boxes / "ca.crt", certificate=office.certificate, key=office.key)

    async def story() -> list[str]:
        heard = []
        async with (
            MqttConnection(door, subscriptions=["#"]) as claimant,
            MqttConnection(broker_settings(office, lasting=False)) as head_office,
        ):
            await claimant.wait_connected()
            await head_office.wait_connected()
            await claimant.publish(own.request, b"{}")
            for topic in (
                foreign.request,
                own.answer,
                BoxTopics("demo", file.id).up("outcome"),
                BoxTopics("demo", "b1").up("outcome"),
                "elsewhere",
            ):
                with pytest.raises(PublishRefusedError):
                    await claimant.publish(topic, b"{}")
            for topic in (
                foreign.answer,
                all_boxes_down("demo", "suppress"),
                BoxTopics("demo", file.id).down("control"),
                own.answer,
            ):
                await head_office.publish(topic, b"{}")
            async for received in claimant.received():
                received.ack()
                heard.append(received.topic)
                if received.topic == own.answer:
                    break
        # Neither credential opens the other's door.
        at_boxes_door = replace(door, port=office.broker_port, connect_timeout_s=2.0)
        a_member = replace(door, tls=replace(certificate, ca=tls.ca), connect_timeout_s=2.0)
        for wrong in (at_boxes_door, a_member):
            with pytest.raises(BrokerRefusedError):
                await probe_broker(wrong)
        await probe_broker(door)
        return heard

    assert asyncio.run(asyncio.wait_for(story(), 20)) == [own.answer]


def test_the_granted_certificate_is_over_the_key_of_the_machine(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A console that is led to certify another key makes no box of this machine."""
    hardware = Hardware(tmp_path / "machine", "SN-other-key")
    hardware.plug_in(issue(office, tmp_path / CLAIM_FILE, box="branch-10"))
    boot = hardware.boot()

    async def story() -> None:
        async with console(office) as desk:
            original = desk._granted

            def other_key(*arguments: object) -> ClaimAnswer:
                answer = original(*arguments)  # type: ignore[arg-type]
                wrong = (office.folder / "console/console.crt").read_text("ascii")
                return msgspec.structs.replace(answer, files={**answer.files, "box.crt": wrong})

            monkeypatch.setattr(desk, "_granted", other_key)
            asking = asyncio.create_task(claimed(boot))
            await until(lambda: hardware.says("another key"))
            asking.cancel()
            await asyncio.wait([asking])

    asyncio.run(story())
    assert not (hardware.layout.settings / "box.toml").exists()
    assert os.listdir(hardware.layout.identity)
    certificate = x509.load_pem_x509_certificate((office.box_folder("branch-10") / "box.crt").read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=branch-10"
