"""One claim over MQTT: ask until the console answers, believe only what it signed, and check what it grants."""

import asyncio
import random
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from firmware.clock import to_ms
from firmware.settings import SettingsError, load_settings
from firmware.sync.certificate_request import request_pem
from firmware.sync.claiming import ClaimFile, ClaimTopics, code_proof, token_proof
from firmware.sync.connection import MqttConnection, Received
from firmware.sync.errors import NotConnectedError, PublishRefusedError
from firmware.sync.messages_claim import ClaimAnswer, ClaimRequest
from firmware.sync.mqtt_settings import MqttSettings, TlsFiles
from firmware.sync.signing import KeyFileError, SignatureError, Verifier, read_public_key
from firmware.values import UuidV7
from provisioning.identity import Identity

ASK_EVERY_S = 20.0
LAST_WORD_S = 10.0
Tell = Callable[[str, str], None]
"""Hears (state, detail): connecting, asked, waiting, granted."""


class ClaimEndedError(Exception):
    """The console will not have this claim, or what it granted cannot be used."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Claimant:
    """Asks for one machine by one claim file."""

    def __init__(
        self,
        identity: Identity,
        file: ClaimFile,
        *,
        version: str,
        now: Callable[[], datetime],
        tell: Tell,
        ask_every_s: float = ASK_EVERY_S,
    ) -> None:
        self._identity = identity
        self._file = file
        self._topics = ClaimTopics(file.tenant, file.id, identity.session)
        self._version = version
        self._now = now
        self._tell = tell
        self._ask_every_s = ask_every_s
        self._ids = UuidV7()

    async def run(self, take: Callable[[ClaimAnswer], None]) -> str:
        """Ask until granted, have `take` put it in place, tell the console so; return the box's name.

        Raises ClaimEndedError.
        """
        try:
            keys = [read_public_key(pem.encode(), "console_keys") for pem in self._file.console_keys]
        except KeyFileError as error:
            raise ClaimEndedError("bad_file", str(error)) from None
        proofs = await asyncio.to_thread(self._proofs)
        with tempfile.TemporaryDirectory(prefix="branchline-claim-") as folder:
            settings = MqttSettings(
                host=self._file.host,
                port=self._file.port,
                client_id=self._identity.session,
                tls=_tls_files(Path(folder), self._file),
                session_expiry_s=0,
                back_off_cap_s=60.0,
            )
            async with MqttConnection(settings, subscriptions=[self._topics.answer]) as connection:
                asking = asyncio.create_task(self._ask(connection, proofs), name="claim-ask")
                try:
                    granted = await self._hear(connection, Verifier.of(keys))
                finally:
                    asking.cancel()
                    await asyncio.wait([asking])
                await asyncio.to_thread(self._check, granted)
                await asyncio.to_thread(take, granted)
                await self._say_taken(connection, proofs)
        return granted.box

    async def _ask(self, connection: MqttConnection, proofs: dict[str, str]) -> None:
        self._tell("connecting", f"{self._file.host}:{self._file.port}")
        while True:
            if not connection.connected:
                await connection.wait_changed()
                if connection.failure:
                    self._tell("connecting", connection.failure)
                continue
            try:
                await connection.publish(self._topics.request, self._request(proofs))
                self._tell("asked", "")
            except NotConnectedError:
                continue
            except PublishRefusedError as error:
                self._tell("connecting", str(error))
            # A row of machines that got power together must not speak together.
            await asyncio.sleep(self._ask_every_s * random.uniform(0.8, 1.2))

    async def _hear(self, connection: MqttConnection, verifier: Verifier) -> ClaimAnswer:
        async for received in connection.received():
            received.ack()
            answer = self._read(received, verifier)
            if answer is None:
                continue
            match answer.status:
                case "granted":
                    self._tell("granted", answer.box)
                    return answer
                case "refused":
                    raise ClaimEndedError(answer.reason or "refused", answer.detail)
                case "waiting":
                    self._tell("waiting", "")
        raise ClaimEndedError("closed", "the connection was closed")

    def _read(self, received: Received, verifier: Verifier) -> ClaimAnswer | None:
        """Return an answer to us that the console signed, None for anything else."""
        if received.topic != self._topics.answer:
            return None
        try:
            verifier.verify_properties(received.topic, received.payload, received.properties)
            answer = msgspec.json.decode(received.payload, type=ClaimAnswer)
        except (SignatureError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._tell("asked", f"an answer that is not the console's: {error}"[:200])
            return None
        return answer if answer.session == self._identity.session else None

    def _check(self, granted: ClaimAnswer) -> None:
        """Raise ClaimEndedError unless what was granted makes this machine that box."""
        files = granted.files
        try:
            certificate = x509.load_pem_x509_certificate(files["box.crt"].encode("ascii"))
            authority = x509.load_pem_x509_certificate(self._file.ca.encode("ascii"))
            certificate.verify_directly_issued_by(authority)
            # DER of the same key is the same whatever library made it.
            is_ours = certificate.public_key() == self._identity.key.public_key()
        except (KeyError, ValueError, TypeError, InvalidSignature) as error:
            raise ClaimEndedError("bad_grant", f"the certificate cannot be used: {error}") from None
        if not is_ours:
            raise ClaimEndedError("bad_grant", "the certificate is for another key")
        if files.get("ca.crt", "").strip() != self._file.ca.strip():
            raise ClaimEndedError("bad_grant", "its authority is not the one of the claim file")
        with tempfile.TemporaryDirectory(prefix="branchline-claim-") as folder:
            trial = Path(folder) / "box.toml"
            trial.write_text(files.get("box.toml", ""), encoding="utf-8")
            try:
                settings = load_settings(trial)
            except SettingsError as error:
                raise ClaimEndedError("bad_grant", f"its settings cannot be used: {error}") from None
        if (settings.box.tenant, settings.box.id) != (self._file.tenant, granted.box):
            raise ClaimEndedError("bad_grant", "its settings are those of another box")

    async def _say_taken(self, connection: MqttConnection, proofs: dict[str, str]) -> None:
        """Tell the console that it came through; it hears so from the box itself otherwise."""
        try:
            async with asyncio.timeout(LAST_WORD_S):
                await connection.wait_connected()
                await connection.publish(self._topics.request, self._request(proofs, is_taken=True))
        except (TimeoutError, NotConnectedError, PublishRefusedError):
            return

    def _request(self, proofs: dict[str, str], *, is_taken: bool = False) -> bytes:
        now = self._now()
        return msgspec.json.encode(
            ClaimRequest(
                id=self._ids.new(to_ms(now)),
                at=now,
                session=self._identity.session,
                serial=self._identity.serial,
                certificate_request=proofs["csr"],
                token_proof=proofs["token"],
                code_proof=proofs["code"],
                version=self._version,
                is_taken=is_taken,
            )
        )

    def _proofs(self) -> dict[str, str]:
        me = self._identity
        session, serial, key = me.session, me.serial, me.public_der
        return {
            "csr": request_pem(me.key, serial or "box"),
            "token": token_proof(self._file.token, session=session, serial=serial, public_der=key),
            "code": code_proof(me.code, session=session, serial=serial, public_der=key),
        }


def _tls_files(folder: Path, file: ClaimFile) -> TlsFiles:
    files = TlsFiles(ca=folder / "ca.crt", certificate=folder / "claim.crt", key=folder / "claim.key")
    for path, pem in ((files.ca, file.ca), (files.certificate, file.certificate), (files.key, file.key)):
        path.touch(mode=0o600)
        path.write_text(pem, encoding="ascii")
    return files
