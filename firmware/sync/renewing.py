"""Renews the box's client certificate before it ends: asks, tries what comes, keeps it or goes back.

The old pair stays until the broker has taken the new one; a new one that the broker refuses is forgotten, and another is
asked for later. A box whose certificate has ended is past this: it needs files from the office, by hand.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import structlog

from firmware.store.connection import Connection as StoreConnection
from firmware.store.database import Database
from firmware.store.insisting import transact_for_certain
from firmware.sync.answers import Answer, Apply, refused
from firmware.sync.client_identity import CertificateFacts, CertificateRefusedError, ClientIdentity
from firmware.sync.connection import Connection
from firmware.sync.errors import NotConnectedError, PublishRefusedError
from firmware.sync.messages import encode
from firmware.sync.messages_certificate import Certificate, CertificateRequest
from firmware.sync.reports import Reports
from firmware.sync.topics import BoxTopics

log = structlog.get_logger(__name__)

RENEW_BEFORE = timedelta(days=60)
"""And never before two thirds of its time are over."""
LOOK_EVERY_S = 6 * 3600.0
ASK_AGAIN_S = 1800.0
_RARELY_S = 24 * 3600.0
TRIAL_S = 180.0
"""The broker must take the new certificate within it."""
AFTER_FAILURE_S = 6 * 3600.0


def renewal_due_at(facts: CertificateFacts) -> datetime:
    """Return from when another certificate is asked for."""
    third = (facts.expires_at - facts.begins_at) / 3
    return facts.expires_at - min(RENEW_BEFORE, third)


class Renewal:
    """Keeps one box's certificate from ending."""

    def __init__(
        self,
        identity: ClientIdentity,
        *,
        connection: Connection,
        topics: BoxTopics,
        database: Database,
        reports: Reports,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._identity = identity
        self._connection = connection
        self._topics = topics
        self._database = database
        self._reports = reports
        self._now = now
        self._new_id = new_id
        self._came = asyncio.Event()
        self._wait_s = ASK_AGAIN_S
        self._facts: CertificateFacts | None = None
        self._has_looked = False

    def days_left(self) -> float | None:
        """Return how many days the certificate in use still holds; None if it cannot be read."""
        if not self._has_looked:
            self._look()
        return None if self._facts is None else self._facts.days_left(self._now())

    def prepare(self, message: Certificate) -> Apply:
        """Put a certificate on trial, on the disk before it is acknowledged; return what the console hears."""
        try:
            self._identity.accept(message.certificate, now=self._now())
        except CertificateRefusedError as error:
            answer = refused("bad_certificate", f"$.certificate: {error}")
        except OSError as error:
            answer = refused("not_kept", f"the certificate could not be written: {error.strerror}")
        else:
            answer = Answer(accepted=True, reason="on_trial")
            self._came.set()
        return lambda _con: answer

    async def run(self) -> None:
        """Ask and try until cancelled."""
        while True:
            self._came.clear()
            if self._identity.on_trial() is not None:
                await self._try()
                continue
            wait_s = LOOK_EVERY_S
            if self._is_due():
                await self._connection.wait_connected()
                wait_s = await self._ask()
            try:
                async with asyncio.timeout(wait_s):
                    await self._came.wait()
            except TimeoutError:
                # Not at the start: an update that is undone within its trial must find the keys as it can read them.
                self._keep_older_keys()

    def _keep_older_keys(self) -> None:
        try:
            self._identity.keep_older_keys()
        except (CertificateRefusedError, OSError) as error:
            log.warning("older_keys_left_as_they_are", reason=str(error))

    def _is_due(self) -> bool:
        self._look()
        return self._facts is not None and self._now() >= renewal_due_at(self._facts)

    def _look(self) -> None:
        """Read what is in use: now and then, as it is asked for each minute."""
        self._has_looked = True
        try:
            self._facts = self._identity.facts()
        except CertificateRefusedError as error:
            log.error("certificate_unreadable", reason=str(error))
            self._facts = None

    async def _ask(self) -> float:
        """Say once what is wanted; return how long to wait for it."""
        try:
            facts = self._identity.facts()
            request = CertificateRequest(
                id=self._new_id(),
                at=self._now(),
                request=self._identity.request(),
                serial=facts.serial,
                expires_at=facts.expires_at,
            )
            await self._connection.publish(self._topics.up("certificate"), encode(request), qos=1)
        except (NotConnectedError, PublishRefusedError, CertificateRefusedError, OSError) as error:
            log.warning("certificate_not_asked_for", reason=str(error))
            return ASK_AGAIN_S
        log.info("certificate_asked_for", days_left=round(facts.days_left(self._now())))
        wait_s, self._wait_s = self._wait_s, min(self._wait_s * 2, _RARELY_S)
        return wait_s

    async def _try(self) -> None:
        old, new = self._identity.in_use(), self._identity.on_trial()
        if new is None:
            return
        await (
            self._connection.wait_connected()
        )  # with the old one: the link is there, and what fails is the new one
        self._connection.present(new)
        try:
            async with asyncio.timeout(TRIAL_S):
                await self._connection.wait_connected()
        except TimeoutError:
            self._connection.present(old)
            self._identity.undo()
            await self._tell(
                "certificate_refused",
                "alarm",
                "the broker refuses the new certificate: the old one stays",
                {},
            )
            await asyncio.sleep(AFTER_FAILURE_S)
            return
        self._identity.confirm()
        self._look()
        self._wait_s = ASK_AGAIN_S
        until = f"{self._identity.facts().expires_at:%Y-%m-%d}"
        await self._tell("certificate_renewed", "info", f"it holds until {until}", {"until": until})

    async def _tell(
        self, event: str, severity: Literal["info", "alarm"], detail: str, facts: dict[str, str]
    ) -> None:
        def work(con: StoreConnection) -> None:
            self._reports.event(con, event, severity, detail=detail, facts=facts)

        log.info(event, detail=detail)
        await transact_for_certain(self._database, work)
