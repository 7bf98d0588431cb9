"""What the console answers to a machine that wants to be a box, and what it remembers of it."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from console.authority import issue_box
from console.claim_book import CODE_LIFE, ClaimBook
from console.claim_desk import ClaimDesk
from console.claim_files import issue_claim, open_claims, read_serials
from console.cli import main
from console.errors import ClaimError, OfficeError
from console.membership import certify, is_revoked, revoke
from console.office import Office, load_office
from firmware.sync.certificate_request import new_client_key, public_der, request_pem
from firmware.sync.claiming import (
    ClaimFile,
    ClaimTopics,
    code_proof,
    new_code,
    new_session,
    plain_code,
    read_claim_file,
    split_request,
    token_proof,
)
from firmware.sync.messages_claim import ClaimAnswer, ClaimRequest


@pytest.fixture
def door(office: Office, now: datetime) -> Office:
    return open_claims(office, 8884, now=now)[0]


class Asking:
    """A machine's words, as it would make them."""

    def __init__(self, file: ClaimFile, *, serial: str = "SN-1") -> None:
        self.file = file
        self.key = new_client_key()
        self.code = new_code()
        self.serial = serial
        self.topics = ClaimTopics("demo", file.id, new_session())
        # Slow on purpose: once is enough for a machine.
        self.proof = code_proof(
            self.code,
            session=self.topics.session,
            serial=serial,
            public_der=public_der(self.key.public_key()),
        )

    def request(self, now: datetime, **changes: object) -> ClaimRequest:
        session, key = self.topics.session, public_der(self.key.public_key())
        made = ClaimRequest(
            id="1",
            at=now,
            session=session,
            serial=self.serial,
            certificate_request=request_pem(self.key, "any"),
            token_proof=token_proof(self.file.token, session=session, serial=self.serial, public_der=key),
            code_proof=self.proof,
        )
        return msgspec.structs.replace(made, **changes)

    def asks(self, desk: ClaimDesk, now: datetime, **changes: object) -> ClaimAnswer:
        answer = desk.judge(self.topics, self.request(now, **changes), now)
        assert answer is not None
        return answer


def made(office: Office, folder: Path, now: datetime, **terms: object) -> ClaimFile:
    target = folder / f"{len(list(folder.iterdir()))}.toml"
    issue_claim(office, target, **({"now": now, "days": 7} | terms))  # type: ignore[arg-type]
    assert target.stat().st_mode & 0o777 == 0o600
    return read_claim_file(target.read_bytes())


def test_a_name_is_given_once_and_the_same_machine_hears_the_same(
    door: Office, tmp_path: Path, now: datetime
) -> None:
    file, desk = made(door, tmp_path, now, box="branch-7"), ClaimDesk(door)
    first, second = Asking(file), Asking(file)
    granted = first.asks(desk, now)
    assert (granted.status, granted.box) == ("granted", "branch-7")
    assert set(granted.files) > {"box.toml", "box.crt", "ca.crt"}
    assert first.asks(ClaimDesk(door), now).files == granted.files, "a lost answer is given again"
    refused = second.asks(desk, now)
    assert (refused.status, refused.reason) == ("refused", "used")
    assert desk.judge(first.topics, first.request(now, is_taken=True), now) is None
    assert [each.state for each in desk.book.sessions() if each.box == "branch-7"] == ["taken"]
    # Somebody who heard everything cannot have another key certified in that session.
    thief = Asking(file)
    thief.topics = first.topics
    assert thief.asks(desk, now).reason == "bad_request"


def test_serial_numbers_that_are_known_need_nobody(door: Office, tmp_path: Path, now: datetime) -> None:
    table = tmp_path / "serials.csv"
    table.write_text("serial,box\nSN-1,b-one\nSN-2,b-two\n", encoding="utf-8")
    file, desk = made(door, tmp_path, now, serials=read_serials(table)), ClaimDesk(door)
    assert Asking(file, serial="SN-1").asks(desk, now).box == "b-one"
    assert Asking(file, serial="SN-2").asks(desk, now).box == "b-two"
    assert Asking(file, serial="SN-3").asks(desk, now).status == "waiting"
    assert Asking(file, serial="SN-1").asks(desk, now).reason == "used"


def test_a_code_works_once_and_ends(door: Office, tmp_path: Path, now: datetime) -> None:
    file, desk = made(door, tmp_path, now), ClaimDesk(door)
    first, late = Asking(file), Asking(file)
    for each in (first, late):
        assert each.asks(desk, now).status == "waiting"
    found = desk.approve(first.code, "b-one", now)
    assert found is not None
    assert found.state == "granted"
    assert first.asks(desk, now).box == "b-one"
    with pytest.raises(ClaimError, match="before, as b-one"):
        desk.approve(first.code, "b-two", now)
    after = now + CODE_LIFE + timedelta(minutes=1)
    assert desk.approve(late.code, "b-two", after) is None
    assert late.asks(desk, after).reason == "code_expired"
    sent_away = Asking(file)
    sent_away.asks(desk, now)
    assert desk.refuse(sent_away.code, now) is not None
    assert sent_away.asks(desk, now).reason == "refused"


def test_wrong_codes_cost_ever_more_time(door: Office, now: datetime) -> None:
    desk = ClaimDesk(door)
    with pytest.raises(ClaimError, match="no claim code"):
        desk.check_may_type("short", now)
    for _ in range(3):
        desk.check_may_type(new_code(), now)
        desk.note_wrong_code(now)
    with pytest.raises(ClaimError, match="try again in"):
        desk.approve(new_code(), "b", now)
    assert desk.approve(new_code(), "b", now + timedelta(seconds=6)) is None
    for _ in range(20):
        desk.note_wrong_code(now)
    assert desk.book.code_wait_s(now) == 900.0
    assert desk.book.code_wait_s(now - timedelta(days=1)) == 900.0, "no clock that goes back shortens it"


def test_what_is_no_claim_is_refused_by_name(door: Office, tmp_path: Path, now: datetime) -> None:
    file, desk = made(door, tmp_path, now, box="b-one"), ClaimDesk(door)
    other = made(door, tmp_path, now, box="b-two")
    machine = Asking(file)
    assert machine.asks(desk, now, token_proof="0" * 64).reason == "bad_request"
    assert machine.asks(desk, now, session=new_session()).reason == "bad_request"
    assert machine.asks(desk, now, serial="SN-9").reason == "bad_request", "the proof is over the serial"
    for csr in ("", "x" * 4000, request_pem(new_client_key(), "b")):
        assert machine.asks(desk, now, certificate_request=csr).reason == "bad_request"
    torn = request_pem(machine.key, "any").replace("A", "B", 1)
    assert machine.asks(desk, now, certificate_request=torn).reason == "bad_request"
    assert not door.box_folder("b-one").exists()
    late = now + timedelta(days=8)
    assert machine.asks(desk, late).reason == "file_expired"
    desk.book.drop_file(other.id)
    assert Asking(other).asks(desk, now).reason == "unknown_file"


def test_a_grant_that_was_cut_off_is_ended_the_same(
    door: Office, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the name that is given and the certificate: the same machine gets it, nobody else."""
    file = made(door, tmp_path, now, box="b-one")
    machine, other = Asking(file), Asking(file)

    class CutError(BaseException):
        pass

    def cut(*arguments: object, **more: object) -> Path:
        raise CutError

    with monkeypatch.context() as patch:
        patch.setattr("console.claim_desk.admit_box", cut)
        with pytest.raises(CutError):
            ClaimDesk(door).judge(machine.topics, machine.request(now), now)
    assert other.asks(ClaimDesk(door), now).reason == "used"
    assert machine.asks(ClaimDesk(door), now).box == "b-one"


def serial(pem: bytes) -> int:
    return x509.load_pem_x509_certificate(pem).serial_number


def withdrawn(office: Office) -> set[int]:
    """What the broker refuses once it has read the list."""
    return {each.serial_number for each in x509.load_pem_x509_crl(office.revocation_list.read_bytes())}


def test_another_machine_takes_a_name_over_only_when_that_is_said(
    door: Office, tmp_path: Path, now: datetime
) -> None:
    with pytest.raises(OfficeError, match="issued before"):
        made(door, tmp_path, now, box="b1")
    file, desk = made(door, tmp_path, now, box="b1", replaces=True), ClaimDesk(door)
    old = (door.box_folder("b1") / "box.crt").read_bytes()
    renewed = certify(door, "b1", request_pem(new_client_key(), "b1"), now=now)
    rules = door.broker_folder / "acl"
    before = rules.read_text()
    revoke(door, "b1", now=now)
    assert rules.read_text() != before
    assert withdrawn(door) == {serial(old), serial(renewed.encode())}
    door.revocation_list.unlink()  # as if nobody had: what follows does it by itself
    successor = Asking(file)
    assert successor.asks(desk, now).status == "granted"
    fresh = (door.box_folder("b1") / "box.crt").read_bytes()
    assert fresh != old
    assert withdrawn(door) == {serial(old), serial(renewed.encode())}, (
        "what it renewed too, its successor's not"
    )
    assert not is_revoked(door, "b1"), "the name is another machine's"
    assert rules.read_text() == before, "and the broker's rules know it again"
    assert successor.asks(desk, now).status == "granted", "asked again, it says the same"
    assert serial(fresh) not in withdrawn(door)
    assert not (door.box_folder("b1") / "box.key").exists()
    assert door.boxes() == ["b1", "b2"], "what was replaced is kept aside, and is no box"
    plain = made(door, tmp_path, now)
    machine = Asking(plain)
    machine.asks(desk, now)
    with pytest.raises(OfficeError, match="--replace"):
        desk.approve(machine.code, "b2", now)
    assert desk.approve(machine.code, "b2", now, replaces=True) is not None


def test_so_many_wait_and_no_more(
    door: Office, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.claim_book.MAX_WAITING", 5)
    file, desk = made(door, tmp_path, now), ClaimDesk(door)
    first = Asking(file)
    first.asks(desk, now)
    [known] = desk.book.sessions()
    for number in range(5):
        desk.book.put(
            msgspec.structs.replace(known, session=f"{number:032x}", last_seen_at=now + timedelta(seconds=1))
        )
    Asking(file).asks(desk, now + timedelta(seconds=2))
    assert len(desk.book.sessions()) <= 5
    assert desk.book.session(first.topics.session) is None, "who was silent longest"


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("7k3m q9xd 4tpa", "7K3M-Q9XD-4TPA"),
        ("OIL0-1111-0000", "0110-1111-0000"),
        ("7K3M-Q9XD-4TP", None),
        ("7K3M-Q9XD-4TPU", None),
        ("７K3M-Q9XD-4TPA", None),
    ],
)
def test_a_code_as_people_type_it(typed: str, code: str | None) -> None:
    assert plain_code(typed) == code


def test_opening_the_door_leaves_what_others_wrote(office: Office, now: datetime) -> None:
    acl, configuration = office.broker_folder / "acl", office.broker_folder / "mosquitto.conf"
    acl.write_text(
        acl.read_text("utf-8").split("\nuser console@demo\ntopic read branchline/1/demo/@claim")[0]
    )
    acl.write_text(acl.read_text("utf-8") + "\nuser auditor\ntopic read #\n", encoding="utf-8")
    configuration.write_text(configuration.read_text("utf-8") + "max_connections 7\n", encoding="utf-8")
    opened, is_replaced = open_claims(office, 9000, now=now)
    assert (opened.claim_port, is_replaced) == (9000, False)
    assert "max_connections 7" in configuration.read_text("utf-8")
    assert "listener 9000" in configuration.with_suffix(".conf.new").read_text("utf-8")
    assert "user auditor" in acl.read_text("utf-8")
    assert acl.read_text("utf-8").count("@claim") == 2
    again = open_claims(load_office(office.folder), 9001, now=now)[0]
    assert again.claim_port == 9001
    assert acl.read_text("utf-8").count("@claim") == 2
    with pytest.raises(OfficeError):
        open_claims(office, office.broker_port, now=now)


def test_a_topic_that_is_no_request() -> None:
    assert split_request("branchline/1/demo/@claim/f/s/request") == ClaimTopics("demo", "f", "s")
    for topic in ("branchline/1/demo/@claim/f/s/answer", "branchline/1/demo/b1/up/request", "x"):
        assert split_request(topic) is None


def test_the_commands(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str], now: datetime
) -> None:
    where = ["--office", str(office.folder)]
    out = tmp_path / "branchline-claim.toml"
    with pytest.raises(SystemExit):
        main([*where, "claim", "issue", "--out", str(out)])
    assert "claim open" in capsys.readouterr().err
    for words in (
        ["claim", "open"],
        ["claim", "issue", "--box", "b-new", "--out", str(out)],
        ["claim", "list"],
    ):
        with pytest.raises(SystemExit) as ended:
            main([*where, *words])
        assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "restart the broker" in said
    file = read_claim_file(out.read_bytes())
    Asking(file).asks(ClaimDesk(load_office(office.folder)), now)
    with pytest.raises(SystemExit):
        main([*where, "claim", "list", "--json"])
    listed = msgspec.json.decode(capsys.readouterr().out)
    assert [(each["serial"], each["box"], each["state"]) for each in listed] == [("SN-1", "b-new", "granted")]
    assert "code_proof" not in listed[0]
    with pytest.raises(SystemExit):
        main([*where, "claim", "issue", "--box", "b-other", "--out", str(out)])
    assert "name another file" in capsys.readouterr().err
    assert len(ClaimBook(load_office(office.folder)).files()) == 1, "nobody has the file that was not written"


def test_an_issued_box_is_not_claimed_by_its_own_folder(door: Office, now: datetime) -> None:
    """`box add` goes on as before beside claims."""
    folder = issue_box(door, "b3", now=now)
    assert (folder / "box.key").is_file()
