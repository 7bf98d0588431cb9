"""`keys rotate`: the old key signs the set, the new one everything after it; a rotation that was cut off goes on."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.authority import load_signing_key
from console.errors import OfficeError
from console.key_rotation import read_book, resend, rotate
from console.office import Office
from firmware.sync.key_ring import public_key
from firmware.sync.signing import key_id

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
MONTH = timedelta(days=30)


def kid(office: Office) -> str:
    return key_id(load_signing_key(office).public_key())


def test_a_rotation(office: Office) -> None:
    before = kid(office)
    key_set, signer = rotate(office, overlap=MONTH, now=NOW)
    assert key_id(signer.public_key()) == before
    after = kid(office)
    assert after != before
    assert [(key_id(public_key(each)), each.retires_at) for each in key_set.keys] == [
        (before, NOW + MONTH),
        (after, None),
    ]
    assert key_set.version == 1
    again, signer = resend(office)
    assert (again, key_id(signer.public_key())) == (key_set, before)

    second, signer = rotate(office, overlap=MONTH, now=NOW + timedelta(days=10))
    assert key_id(signer.public_key()) == after
    assert second.version == 2
    assert [each.retires_at for each in second.keys] == [NOW + MONTH, NOW + timedelta(days=40), None]
    third, _ = rotate(office, overlap=MONTH, now=NOW + timedelta(days=50))
    assert len(third.keys) == 2, "who has retired is not named any more"


def test_a_rotation_that_is_cut_off_goes_on(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the new key is in place the old one signs; behind that the new one; never none, never two."""
    before = kid(office)
    real = os.replace

    def cut(source: Any, target: Any) -> None:
        if str(target).endswith("signing.pem"):
            raise OSError("the power went")
        real(source, target)

    monkeypatch.setattr(os, "replace", cut)
    with pytest.raises(OSError, match="power"):
        rotate(office, overlap=MONTH, now=NOW)
    assert kid(office) == before
    book = read_book(office)
    assert book is not None
    monkeypatch.undo()
    key_set, signer = rotate(office, overlap=MONTH, now=NOW + timedelta(days=1))
    assert key_set == book.current, "the set that may be out already, not another one of its number"
    assert key_id(signer.public_key()) == before
    assert kid(office) == key_id(public_key(key_set.keys[-1]))


def test_an_overlap_too_short_is_refused(office: Office) -> None:
    with pytest.raises(OfficeError, match="overlap"):
        rotate(office, overlap=timedelta(hours=1), now=NOW)
    with pytest.raises(OfficeError, match="ever renewed"):
        resend(office)
