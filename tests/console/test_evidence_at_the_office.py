"""Far from the box, the office can tell that evidence is that box's own and says what its heads said."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert

from console.audit_ledger import pin_key
from console.audit_tables import ANCHOR
from console.ledger import Ledger
from console.office import Office
from firmware.evidence.collecting import collect
from firmware.evidence.facts import Evidence
from firmware.evidence.page import page_of
from firmware.evidence.seal import encode_seal, seal_of
from firmware.sync.device_key import public_text
from firmware.sync.signing import key_id
from tests.console.command_line import said
from tests.firmware.retention.kept_box import CALLED, KeptBox

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()
KID = key_id(KEY.public_key())


@dataclass
class Desk:
    """A page with its seal, and an office whose ledger knows the box."""

    office: Office
    page: Path
    evidence: Evidence
    check: Callable[[], tuple[int, str]]

    def know(self, entry: int, digest: str, *, chain: str = "s1") -> None:
        with Ledger(self.office.ledger).transaction() as rows:
            rows.execute(
                insert(ANCHOR).values(
                    box="b1", id=f"{chain}-{entry}", stream=chain, seq=entry, at=0, chain=chain, entry=entry, hash=digest,
                    signed_at="", key=public_text(KEY.public_key()), kid=KID, signature="",
                )
            )  # fmt: skip

    def trust(self) -> None:
        with Ledger(self.office.ledger).transaction() as rows:
            pin_key(rows, "b1", KID, public_text(KEY.public_key()), at=NOW, how="first")

    def hash_of(self, entry: int) -> str:
        return next(link.hash for link in self.evidence.chain if link.seq == entry)


@pytest.fixture
def desk(office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    box = KeptBox(tmp_path / "box")
    box.person(1)
    evidence = box.database.run_now(
        lambda con: collect(con, "attempt-1", box="b1", version="1", language="en", at=CALLED)
    )
    page = tmp_path / "e.html"
    page.write_text(page_of(evidence), encoding="utf-8")
    seal = seal_of(KEY, evidence, name=page.name, content=page.read_bytes())
    page.with_name("e.html.seal.json").write_bytes(encode_seal(seal))

    def check() -> tuple[int, str]:
        code, out, err = said(capsys, "--office", office.folder, "audit", "evidence", page)
        return code, " ".join((out + err).split())

    return Desk(office=office, page=page, evidence=evidence, check=check)


def test_evidence_of_a_known_key_that_agrees_with_the_heads(desk: Desk) -> None:
    code, told = desk.check()
    assert (code, "not known as b1's" in told) == (1, True)
    desk.trust()
    code, told = desk.check()
    assert (code, f"sealed by its key {KID}; 0 heads" in told) == (0, True), told
    desk.know(2, desk.hash_of(2))
    assert "1 heads and entries here say the same" in desk.check()[1]
    desk.know(2, "0" * 64, chain="an older log of the same box")
    assert desk.check()[0] == 0, "a database that was replaced was another log"


def test_evidence_that_contradicts_what_the_box_signed(desk: Desk) -> None:
    desk.trust()
    desk.know(2, "0" * 64)
    code, told = desk.check()
    assert (code, "entry 2 is not the one whose hash the box has signed" in told) == (1, True)


def test_evidence_that_was_edited_or_stripped_of_its_seal(desk: Desk) -> None:
    desk.trust()
    desk.page.write_text(desk.page.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert desk.check()[0] == 1
    desk.page.write_text(page_of(desk.evidence), encoding="utf-8")
    assert desk.check()[0] == 0
    desk.page.with_name("e.html.seal.json").unlink()
    assert "no seal lies beside it" in desk.check()[1]
