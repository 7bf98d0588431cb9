"""What the console answers to a machine that wants to be a box: by its claim file, its serial number, or a person's word."""

from datetime import datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from console.authority import admit_box
from console.claim_book import CODE_LIFE, ClaimBook, FileRecord, SessionRecord
from console.errors import ClaimError, OfficeError
from console.membership import withdraw_predecessors
from console.office import Office
from firmware.clock import to_ms
from firmware.sync.certificate_request import BadRequestError, public_der, requested_key
from firmware.sync.claiming import ClaimTopics, code_proof, plain_code, same_proof, token_proof
from firmware.sync.messages_claim import ClaimAnswer, ClaimRequest
from firmware.values import UuidV7

RELEASE_ROOT = "release-root.json"
SENT_FILES = ("box.toml", "box.crt", "ca.crt")


class ClaimRefusedError(Exception):
    """A claim that comes to nothing: a named reason, and what to do at the machine."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class ClaimDesk:
    """Judges claims, and remembers in the office what it said. Asked the same again, it says the same."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._book = ClaimBook(office)
        self._ids = UuidV7()

    @property
    def book(self) -> ClaimBook:
        """Return what is remembered."""
        return self._book

    def judge(self, topics: ClaimTopics, request: ClaimRequest, now: datetime) -> ClaimAnswer | None:
        """Return the answer to a request; None for the last word of a machine that needs none."""
        with self._book.locked():
            try:
                return self._judge(topics, request, now)
            except ClaimRefusedError as error:
                return self._answer(
                    topics.session, now, status="refused", reason=error.reason, detail=error.detail[:500]
                )

    def _judge(self, topics: ClaimTopics, request: ClaimRequest, now: datetime) -> ClaimAnswer | None:
        file = self._book.file(topics.file)
        if file is None:
            raise ClaimRefusedError("unknown_file", "this office did not make the claim file: take another")
        claim = self._known(file, topics, request, now)
        if request.is_taken:
            if claim.state == "granted":
                self._book.put(msgspec.structs.replace(claim, state="taken", last_seen_at=now))
            return None
        if claim.state in {"granting", "granted", "taken"}:
            return self._granted(file, claim, claim.box, now)
        if claim.state == "refused":
            raise ClaimRefusedError(claim.reason, claim.detail)
        if now >= file.expires_at:
            raise ClaimRefusedError(
                "file_expired", "the claim file has expired: have the office make another"
            )
        if now - claim.first_seen_at > CODE_LIFE:
            self._refuse(
                claim, "code_expired", "the code was not used in time: the machine makes another", now
            )
        box = file.box or file.serials.get(request.serial, "")
        if not box:
            until = claim.first_seen_at + CODE_LIFE
            return self._answer(topics.session, now, status="waiting", until=until)
        if file.used.get(box, topics.session) != topics.session:
            self._refuse(claim, "used", f"another machine became {box} by this claim file", now)
        return self._granted(file, claim, box, now)

    def _known(
        self, file: FileRecord, topics: ClaimTopics, request: ClaimRequest, now: datetime
    ) -> SessionRecord:
        """Return the claim that a request belongs to, if it is what it says it is."""
        if request.session != topics.session:
            raise ClaimRefusedError("bad_request", "$.session is not that of the topic")
        try:
            key = public_der(requested_key(request.certificate_request))
        except BadRequestError as error:
            raise ClaimRefusedError("bad_request", f"$.certificate_request: {error}") from None
        proof = token_proof(file.token, session=request.session, serial=request.serial, public_der=key)
        if not same_proof(proof, request.token_proof):
            raise ClaimRefusedError("bad_request", "$.token_proof does not fit the claim file")
        known = self._book.session(request.session)
        if known is None:
            self._book.make_room()
            known = SessionRecord(
                session=request.session,
                file=file.id,
                serial=request.serial,
                public_key=key.hex(),
                code_proof=request.code_proof,
                version=request.version,
                first_seen_at=now,
                last_seen_at=now,
            )
        elif (known.file, known.public_key, known.serial, known.code_proof) != (
            file.id, key.hex(), request.serial, request.code_proof,
        ):  # fmt: skip
            raise ClaimRefusedError("bad_request", "this session belongs to another key, serial or code")
        known = msgspec.structs.replace(known, last_seen_at=now)
        self._book.put(known)
        return known

    def approve(self, typed: str, box: str, now: datetime, *, replaces: bool = False) -> SessionRecord | None:
        """Make the machine that shows this code the box `box`; None if none that was heard shows it.

        Raises ClaimError for what can be no code, too many wrong ones, OfficeError for the name.
        """
        with self._book.locked():
            claim = self._by_code(typed, now)
            if claim is None:
                return None
            if claim.state == "waiting":
                file = self._book.file(claim.file)
                if file is None:
                    raise ClaimError("its claim file is not known here: issue another")
                self._grant(file, claim, box, now, replaces=replaces)
            elif claim.box != box:
                raise ClaimError(f"this machine was {claim.state} before, as {claim.box or claim.reason}")
            self._book.note_code(is_right=True, now=now)
            return self._book.session(claim.session)

    def refuse(self, typed: str, now: datetime) -> SessionRecord | None:
        """Send the machine that shows this code away; it makes another code. Raises ClaimError."""
        with self._book.locked():
            claim = self._by_code(typed, now)
            if claim is None:
                return None
            if claim.state not in {"waiting", "refused"}:
                raise ClaimError(f"it is {claim.state} already, as {claim.box}")
            fresh = msgspec.structs.replace(
                claim, state="refused", reason="refused", detail="a person at the office refused it"
            )
            self._book.put(fresh)
            return fresh

    def note_wrong_code(self, now: datetime) -> None:
        """Count a code that no machine showed: the next ones must wait ever longer."""
        with self._book.locked():
            self._book.note_code(is_right=False, now=now)

    def check_may_type(self, typed: str, now: datetime) -> None:
        """Raise ClaimError for what can be no code, or while too many wrong ones must be waited out."""
        if plain_code(typed) is None:
            raise ClaimError("that is no claim code: twelve letters and digits, such as 7K3M-Q9XD-4TPA")
        if (wait_s := self._book.code_wait_s(now)) > 0:
            raise ClaimError(f"too many wrong codes: try again in {int(wait_s) + 1} s")

    # ---- inside the lock

    def _by_code(self, typed: str, now: datetime) -> SessionRecord | None:
        self.check_may_type(typed, now)
        code = plain_code(typed) or ""
        for claim in self._book.sessions():
            if now - claim.first_seen_at > CODE_LIFE:
                continue
            proof = code_proof(
                code,
                session=claim.session,
                serial=claim.serial,
                public_der=bytes.fromhex(claim.public_key),
            )
            if same_proof(proof, claim.code_proof):
                return claim
        return None

    def _granted(self, file: FileRecord, claim: SessionRecord, box: str, now: datetime) -> ClaimAnswer:
        try:
            folder = self._grant(file, claim, box, now)
        except OfficeError as error:
            raise ClaimRefusedError("box_exists", str(error)) from None
        files = {name: (folder / name).read_text(encoding="utf-8") for name in SENT_FILES}
        if (folder / RELEASE_ROOT).exists():
            files[RELEASE_ROOT] = (folder / RELEASE_ROOT).read_text(encoding="utf-8")
        for path in sorted((folder / "console-keys").glob("*.pem")):
            files[f"console-keys/{path.name}"] = path.read_text(encoding="ascii")
        return self._answer(claim.session, now, status="granted", box=box, files=files)

    def _grant(
        self, file: FileRecord, claim: SessionRecord, box: str, now: datetime, *, replaces: bool = False
    ) -> Path:
        is_new = claim.state == "waiting"
        if is_new:
            if self._office.box_folder(box).exists() and not (replaces or file.replaces):
                raise OfficeError(f"box {box} was issued before; choose another name, or say --replace")
            # From here on this machine is that box, however often we are interrupted before it hears so.
            self._book.add_file(msgspec.structs.replace(file, used={**file.used, box: claim.session}))
            claim = msgspec.structs.replace(claim, state="granting", box=box)
            self._book.put(claim)
        key = load_der_public_key(bytes.fromhex(claim.public_key))
        assert isinstance(key, ec.EllipticCurvePublicKey)
        if claim.state == "granting":
            # Before the name is another machine's: cut off here, it is done again.
            withdraw_predecessors(self._office, box, key, now=now)
        folder = admit_box(
            self._office,
            box,
            key,
            now=now,
            time_zone=file.time_zone,
            language=file.language,
            # A machine that was granted a name long ago does not take it back from its successor.
            replaces=claim.state == "granting",
        )
        if claim.state == "granting":
            self._book.put(msgspec.structs.replace(claim, state="granted"))
        return folder

    def _refuse(self, claim: SessionRecord, reason: str, detail: str, now: datetime) -> None:
        self._book.put(
            msgspec.structs.replace(claim, state="refused", reason=reason, detail=detail, last_seen_at=now)
        )
        raise ClaimRefusedError(reason, detail)

    def _answer(self, session: str, now: datetime, **fields: object) -> ClaimAnswer:
        content = {"id": self._ids.new(to_ms(now)), "at": now, "session": session} | fields
        return msgspec.convert(content, ClaimAnswer)
