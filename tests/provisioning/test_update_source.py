"""Releases from a repository that somebody may have broken into: what enough people signed is taken, and nothing else."""

import shutil
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Snapshot, Targets, Timestamp

from console.errors import ReleaseError
from console.release_repository import ReleaseRepository, bundle_of, read_signer
from provisioning.update_source import UpdateLaterError, UpdateRefusedError, UpdateSource
from provisioning.updating import unpack
from tests.provisioning.release_server import ReleaseServer

NOW = datetime.now(UTC)
FILLER = b"x" * 300_000


class Office:
    """A repository and its three keys, of which two must sign."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = ReleaseRepository.init(
            folder / "repository", folder / "keys", n_keys=3, threshold=2, now=NOW, days=14
        )
        self.keys = [
            read_signer((folder / f"keys/release-{number}.pem").read_bytes()) for number in (1, 2, 3)
        ]

    def add(self, version: str, keys: list[CryptoSigner] | None = None, *, publish: bool = True) -> None:
        wheel = self.folder / f"branchline-{version}-py3-none-any.whl"
        wheel.write_bytes(version.encode() + FILLER)
        bundle = self.folder / "bundle.tar"
        assert bundle_of(wheel, [], bundle) == version
        self.repository.add(bundle, version=version, arch="any", now=NOW)
        for key in self.keys[:2] if keys is None else keys:
            self.repository.sign(key)
        if publish:
            self.repository.publish(NOW, days=14)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.fixture
def server(office: Office) -> Iterator[ReleaseServer]:
    with ReleaseServer(office.repository.public).running() as running:
        yield running


def source(office: Office, server: ReleaseServer, folder: Path) -> UpdateSource:
    return UpdateSource(server.url, folder / "box", root=office.repository.first_root())


def refusal(of: UpdateSource, version: str) -> str:
    with pytest.raises(UpdateRefusedError) as caught:
        of.download(of.find(version))
    return caught.value.reason


def test_a_release_comes_as_it_was_signed(office: Office, server: ReleaseServer, tmp_path: Path) -> None:
    office.add("1.1")
    office.add("1.2")
    box = source(office, server, tmp_path)
    bundle = box.download(box.find("1.2"))
    wheel = unpack(bundle, tmp_path / "unpacked")
    assert wheel.read_bytes() == b"1.2" + FILLER
    n_asked = len(server.asked)
    assert box.download(box.find("1.2")) == bundle
    assert not [path for path, _ in server.asked[n_asked:] if "/targets/" in path], "it is here already"
    assert refusal(box, "9.9") == "unknown_version"


def test_a_download_goes_on_where_it_broke_off(office: Office, server: ReleaseServer, tmp_path: Path) -> None:
    office.add("1.1")
    box = source(office, server, tmp_path)
    server.cut_after = 100_000
    with pytest.raises(UpdateLaterError):
        box.download(box.find("1.1"))
    [part] = (tmp_path / "box/bundles").glob("*.part")
    assert part.stat().st_size == 100_000
    again = source(office, server, tmp_path)
    assert again.download(again.find("1.1")).stat().st_size > len(FILLER)
    assert server.asked[-1][1] == "bytes=100000-"
    # A server without ranges sends it all again; what somebody put into the part is found.
    shutil.rmtree(tmp_path / "box")
    server.cut_after, server.knows_ranges = 50_000, False
    with pytest.raises(UpdateLaterError):
        box.download(box.find("1.1"))
    assert box.download(box.find("1.1")).is_file()
    shutil.rmtree(tmp_path / "box/bundles")
    server.cut_after, server.knows_ranges = 50_000, True
    with pytest.raises(UpdateLaterError):
        box.download(box.find("1.1"))
    [part] = (tmp_path / "box/bundles").glob("*.part")
    part.write_bytes(b"\0" * 50_000)
    assert refusal(box, "1.1") == "untrusted"
    assert list((tmp_path / "box/bundles").iterdir()) == []
    assert box.download(box.find("1.1")).is_file()


def test_a_changed_bundle_is_none(office: Office, server: ReleaseServer, tmp_path: Path) -> None:
    office.add("1.1")
    server.flips = True
    assert refusal(source(office, server, tmp_path), "1.1") == "untrusted"


def test_fewer_keys_than_must_sign_publish_nothing(
    office: Office, server: ReleaseServer, tmp_path: Path
) -> None:
    office.add("1.1", office.keys[:1], publish=False)
    assert office.repository.staged() == {"targets": (1, 2)}
    with pytest.raises(ReleaseError, match="1 of 2"):
        office.repository.publish(NOW, days=14)
    office.repository.sign(office.keys[0])
    assert office.repository.staged() == {"targets": (1, 2)}, "one person is one signature"
    with pytest.raises(ReleaseError, match="nothing waits for a signature by this key"):
        office.repository.sign(CryptoSigner.generate_ed25519())
    office.repository.sign(office.keys[2])
    office.repository.publish(NOW, days=14)
    assert source(office, server, tmp_path).find("1.1").version == "1.1"


def test_who_breaks_into_the_office_has_the_online_key_and_no_release(
    office: Office, server: ReleaseServer, tmp_path: Path
) -> None:
    """With the online key and one release key he writes whatever metadata he likes: no box believes it."""
    office.add("1.1")
    box = source(office, server, tmp_path)
    assert box.find("1.1")
    office.add("6.6", office.keys[:1], publish=False)
    metadata = office.repository.public / "metadata"
    evil = Metadata[Targets].from_file(str(tmp_path / "repository/staged/targets.json"))
    evil.to_file(str(metadata / f"{evil.signed.version}.targets.json"))
    online = read_signer((tmp_path / "repository/online.pem").read_bytes())
    snapshot = Metadata[Snapshot].from_file(str(metadata / "2.snapshot.json"))
    timestamp = Metadata[Timestamp].from_file(str(metadata / "timestamp.json"))
    snapshot.signed.version = timestamp.signed.version = 3
    snapshot.signed.meta["targets.json"].version = evil.signed.version
    timestamp.signed.snapshot_meta.version = 3
    for content, name in ((snapshot, "3.snapshot"), (timestamp, "timestamp")):
        content.sign(online)
        content.to_file(str(metadata / f"{name}.json"))
    assert refusal(source(office, server, tmp_path), "6.6") == "untrusted"


def test_an_old_state_is_not_believed_again(office: Office, server: ReleaseServer, tmp_path: Path) -> None:
    """Rollback: what was withdrawn does not come back by showing yesterday's repository."""
    office.add("1.1")
    shutil.copytree(office.repository.public, tmp_path / "yesterday")
    office.repository.withdraw("1.1", NOW)
    for key in office.keys[1:]:
        office.repository.sign(key)
    office.repository.publish(NOW, days=14)
    box = source(office, server, tmp_path)
    assert refusal(box, "1.1") == "unknown_version"
    server.folder = tmp_path / "yesterday"
    assert refusal(source(office, server, tmp_path), "1.1") == "untrusted"
    fresh = UpdateSource(server.url, tmp_path / "other-box", root=office.repository.first_root())
    assert fresh.find("1.1"), "the control: a box that knows nothing newer believes it"


def test_a_frozen_state_runs_out(office: Office, server: ReleaseServer, tmp_path: Path) -> None:
    office.add("1.1")
    office.repository.publish(NOW - timedelta(days=15), days=14)
    assert refusal(source(office, server, tmp_path), "1.1") == "stale"
    office.repository.publish(NOW, days=14)
    assert source(office, server, tmp_path).find("1.1")


def test_another_offices_releases_are_nothing(office: Office, server: ReleaseServer, tmp_path: Path) -> None:
    (tmp_path / "stranger").mkdir()
    stranger = Office(tmp_path / "stranger")
    stranger.add("1.1")
    server.folder = stranger.repository.public
    assert refusal(source(office, server, tmp_path), "1.1") == "untrusted"


def test_keys_are_replaced_and_old_boxes_follow(
    office: Office, server: ReleaseServer, tmp_path: Path
) -> None:
    """A key is lost: enough of the old and enough of the new sign, and a box that knows the first root follows."""
    office.add("1.1")
    box = source(office, server, tmp_path)
    assert box.find("1.1")
    new = CryptoSigner.generate_ed25519()
    lost = office.keys[0].public_key.keyid
    office.repository.renew_root(NOW, drop=[lost], add=[new.private_bytes])
    office.repository.sign(new)
    with pytest.raises(ReleaseError, match="too few"):
        office.repository.publish(NOW, days=14)
    office.repository.sign(office.keys[1])
    with pytest.raises(ReleaseError, match="too few"):
        office.repository.publish(NOW, days=14)
    office.repository.sign(office.keys[2])
    office.repository.publish(NOW, days=14)
    assert box.find("1.1"), "the old box has followed"
    office.add("1.2", [new, office.keys[1]])
    assert box.find("1.2")
    office.add("6.6", [office.keys[1]], publish=False)
    with pytest.raises(ReleaseError, match="nothing waits"):
        office.repository.sign(office.keys[0])


@pytest.mark.parametrize(
    ("name", "kind"),
    [("../evil.whl", tarfile.REGTYPE), ("wheels/../../evil.whl", tarfile.REGTYPE), ("/evil.whl", tarfile.REGTYPE),
     ("link.whl", tarfile.SYMTYPE), ("run.sh", tarfile.REGTYPE), ("wheels/x.whl", tarfile.DIRTYPE)],
)  # fmt: skip
def test_a_bundle_holds_wheels_and_nothing_else(name: str, kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = "/etc/passwd"
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        archive.addfile(info)
    with pytest.raises(UpdateRefusedError, match="bad_bundle"):
        unpack(tmp_path / "b.tar", tmp_path / "unpacked")
    assert not list(tmp_path.rglob("evil*"))
    (tmp_path / "torn.tar").write_bytes(b"\0" * 100)
    with pytest.raises(UpdateRefusedError, match="bad_bundle"):
        unpack(tmp_path / "torn.tar", tmp_path / "unpacked-too")


def test_a_box_that_was_not_told_whom_to_ask_asks_nobody(tmp_path: Path) -> None:
    for url, root in (("", b"{}"), ("http://127.0.0.1:1/", b"")):
        assert refusal(UpdateSource(url, tmp_path / "box", root=root), "1.1") == "not_set_up"
    with pytest.raises(UpdateLaterError):
        UpdateSource(
            "http://127.0.0.1:1/", tmp_path / "box", root=(Office(tmp_path)).repository.first_root()
        ).find("1")
