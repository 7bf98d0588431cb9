"""The door for machines that are no boxes yet, and the claim files that let somebody knock at it."""

import csv
import getpass
import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from console.authority import check_box_name, load_signing_key, read_authority
from console.broker_files import (
    CLAIM_ACL,
    CLAIM_CA,
    acl_text,
    claim_acl_text,
    console_claim_acl,
    mosquitto_text,
)
from console.certificates import issue_client, make_authority
from console.claim_book import ClaimBook, FileRecord
from console.errors import OfficeError
from console.office import OFFICE_FILE, Office, load_office
from console.private_files import replace_private, write_private
from firmware.sync.claiming import CLAIM_FILE, CLAIM_LEVEL, read_claim_file
from firmware.sync.signing import public_pem

MOST_DAYS = 365
_SERIAL = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def open_claims(office: Office, port: int, *, now: datetime) -> tuple[Office, bool]:
    """Have the broker hear claims at a port of their own; say whether its configuration could be replaced.

    Raises OfficeError.
    """
    if not 1 <= port <= 65535 or port == office.broker_port:
        raise OfficeError(f"{port} will not do: give --port between 1 and 65535, not the one for boxes")
    authority = office.folder / "authority"
    if not (authority / "claim-ca.key").exists():
        made = make_authority(office.tenant, now, called="Branchline claims")
        replace_private(authority / "claim-ca.crt", made.certificate_pem)
        write_private(authority / "claim-ca.key", made.key_pem)
    replace_private(office.broker_folder / CLAIM_CA, (authority / "claim-ca.crt").read_bytes())
    replace_private(office.broker_folder / CLAIM_ACL, claim_acl_text(office.tenant).encode())
    _let_console_answer(office)
    configuration, user = office.broker_folder / "mosquitto.conf", getpass.getuser()
    known = {
        mosquitto_text(office.folder, office.broker_port, user, claim_port=each)
        for each in (0, office.claim_port, port)
    }
    is_ours = not configuration.exists() or configuration.read_text(encoding="utf-8") in known
    target = configuration if is_ours else configuration.with_suffix(".conf.new")
    text = mosquitto_text(office.folder, office.broker_port, user, claim_port=port)
    replace_private(target, text.encode())
    path = office.folder / OFFICE_FILE
    lines = [
        line
        for line in path.read_text(encoding="utf-8").splitlines()
        if not line.replace(" ", "").startswith("claim_port=")
    ]
    replace_private(path, "\n".join([*lines, f"claim_port = {port}", ""]).encode())
    return load_office(office.folder), is_ours


def issue_claim(
    office: Office,
    target: Path,
    *,
    now: datetime,
    days: int,
    box: str = "",
    serials: Mapping[str, str] | None = None,
    replaces: bool = False,
    time_zone: str = "Asia/Shanghai",
    language: str = "zh-CN",
) -> FileRecord:
    """Write a claim file, which is private: whoever has it may ask. Raises OfficeError.

    With `box` whoever asks first becomes it; with `serials` each machine of the list becomes the box named for it;
    any other machine waits until somebody here approves the code that it shows.
    """
    if not office.claim_port:
        raise OfficeError(
            "no door for claims is open: `branchline-console claim open`, then restart the broker"
        )
    if not 1 <= days <= MOST_DAYS:
        raise OfficeError(f"a claim file is good for 1 to {MOST_DAYS} days")
    for name in [box] if box else list((serials or {}).values()):
        check_box_name(office, name)
        if office.box_folder(name).exists() and not replaces:
            raise OfficeError(f"box {name} was issued before; choose another name, or say --replace")
    authority = read_authority(
        office.folder / "authority/claim-ca.crt", office.folder / "authority/claim-ca.key"
    )
    record = FileRecord(
        id=secrets.token_hex(8),
        token=secrets.token_hex(32),
        issued_at=now,
        expires_at=now + timedelta(days=days),
        box=box,
        serials=dict(serials or {}),
        replaces=replaces,
        time_zone=time_zone,
        language=language,
    )
    credential = issue_client(authority, record.id, office.tenant, now, days=days)
    text = _claim_toml(office, record, credential.certificate_pem.decode(), credential.key_pem.decode())
    read_claim_file(text.encode())
    # Known here before it can be used anywhere.
    ClaimBook(office).add_file(record)
    try:
        write_private(target, text.encode())
    except FileExistsError:
        ClaimBook(office).drop_file(record.id)
        raise OfficeError(f"{target} is there already: name another file with --out") from None
    return record


def read_serials(path: Path) -> dict[str, str]:
    """Return box names by serial number, from a file of lines ``serial,box``. Raises OfficeError."""
    found: dict[str, str] = {}
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OfficeError(f"{path} cannot be read: {error}") from None
    for number, row in enumerate(rows, 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and cells[:2] == ["serial", "box"]):
            continue
        if len(cells) != 2 or not _SERIAL.fullmatch(cells[0]):
            raise OfficeError(f"{path}, line {number}: write SERIAL,BOX")
        if cells[0] in found or cells[1] in found.values():
            raise OfficeError(f"{path}, line {number}: this serial or box stands there twice")
        found[cells[0]] = cells[1]
    if not found:
        raise OfficeError(f"{path} names no serial number")
    return found


def _let_console_answer(office: Office) -> None:
    """Add what an older office's rules lack; what somebody else wrote into them stays."""
    path = office.broker_folder / "acl"
    text = path.read_text(encoding="utf-8") if path.exists() else acl_text(office.tenant)
    if CLAIM_LEVEL not in text:
        text = f"{text.rstrip()}\n\n{console_claim_acl(office.tenant)}"
    replace_private(path, text.encode())


def _claim_toml(office: Office, record: FileRecord, certificate: str, key: str) -> str:
    quoted = json.dumps
    console_key = public_pem(load_signing_key(office).public_key())
    ca = office.ca_certificate.read_text(encoding="ascii")
    return f"""# {CLAIM_FILE}, made by branchline-console claim issue.
# Put it on a USB stick or on the boot partition of a machine that shall become a box. Keep it to yourself:
# whoever has it may ask to become one until it expires.
format = 1
id = {quoted(record.id)}
tenant = {quoted(office.tenant)}
host = {quoted(office.broker_host)}
port = {office.claim_port}
expires = {record.expires_at.isoformat(timespec="seconds")}
token = {quoted(record.token)}
language = {quoted(record.language)}
console_keys = [{quoted(console_key)}]
ca = {quoted(ca)}
certificate = {quoted(certificate)}
key = {quoted(key)}
"""
