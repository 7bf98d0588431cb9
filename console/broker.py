"""The console's connection to the office's broker."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from console.broker_files import MAX_QUEUED_MESSAGES
from console.errors import BrokerError
from console.office import Office
from firmware.sync.connection import MqttConnection
from firmware.sync.errors import NotConnectedError
from firmware.sync.mqtt_settings import MqttSettings, TlsFiles


def broker_settings(office: Office, *, lasting: bool) -> MqttSettings:
    """Return how to connect; `lasting` keeps one session at the broker while this console is away.

    Client ids cannot be guessed: a box that knew one could throw its owner out.
    """
    secret = hashlib.sha256(office.key.read_bytes()).hexdigest()[:24] if lasting else secrets.token_hex(12)
    return MqttSettings(
        host=office.broker_host,
        port=office.broker_port,
        client_id=f"console-{secret}",
        tls=TlsFiles(ca=office.ca_certificate, certificate=office.certificate, key=office.key),
        session_expiry_s=7 * 24 * 3600 if lasting else 0,
        # mosquitto 2.0.11 sends up to a Receive Maximum of queued messages for each PUBACK, however many are
        # unacknowledged (its issue 2301): after a pause all that it keeps for us may come at once.
        receive_maximum=MAX_QUEUED_MESSAGES,
    )


@asynccontextmanager
async def connected(
    office: Office, subscriptions: Sequence[str], *, lasting: bool
) -> AsyncIterator[MqttConnection]:
    """Yield a connection that has come up once. Raises BrokerError if the first attempt fails."""
    async with MqttConnection(
        broker_settings(office, lasting=lasting), subscriptions=subscriptions
    ) as connection:
        try:
            await connection.wait_first_result()
        except NotConnectedError as error:
            raise BrokerError(f"{error}; start again") from None
        if not connection.connected:
            raise BrokerError(
                f"{connection.failure}; is the broker of {office.broker_folder / 'mosquitto.conf'} running?"
            )
        yield connection
