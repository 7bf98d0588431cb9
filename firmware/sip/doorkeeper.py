"""Which calls from outside come by way of the trunk's own server: by the address that they were sent from.

Whoever finds an engine's port may call it. A stranger can write another's address on a datagram, but hears nothing of the
answer then, and no call comes about.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv6Address, ip_address

from firmware.sip.wire import Account

LOOK_UP_EVERY_S = 300.0
LOOK_UP_LIMIT_S = 10.0
MOST_SERVERS = 16
"""Addresses that took a registration of ours, or were asked to: a provider's farm, not the world."""


class Doorkeeper:
    """Knows the addresses of one trunk's servers."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._given = {plain_address(each) for each in account.peers}
        self._looked_up: set[str] = set()
        self._served: deque[str] = deque(maxlen=MOST_SERVERS)

    def is_trunks(self, address: str) -> bool:
        """Say whether this is the address of a server of the trunk's."""
        plain = plain_address(address)
        return bool(plain) and (plain in self._given or plain in self._looked_up or plain in self._served)

    def served_by(self, address: str) -> None:
        """Learn where the engine registers: by SRV records a domain may have other servers than its address."""
        plain = plain_address(address)
        if plain and plain not in self._served:
            self._served.append(plain)

    async def keep_looking(self) -> None:
        """Look the server's name up now and then, until cancelled; a name that is lost keeps its last addresses."""
        while True:
            if found := await self._look_up():
                self._looked_up = found
            await asyncio.sleep(LOOK_UP_EVERY_S)

    async def _look_up(self) -> set[str]:
        found: set[str] = set()
        for name in filter(None, (self._account.proxy or self._account.domain, self._account.domain)):
            with suppress(OSError, TimeoutError, UnicodeError):
                async with asyncio.timeout(LOOK_UP_LIMIT_S):
                    rows = await asyncio.get_running_loop().getaddrinfo(
                        host_of(name), None, type=socket.SOCK_DGRAM
                    )
                found |= set(_addresses(row[4] for row in rows))
        return found


def host_of(name: str) -> str:
    """Return the host in ``host``, ``host:port`` or ``[address]:port``."""
    return name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]


def plain_address(text: str) -> str:
    """Return an address in its one spelling, "" for what is none; an IPv4 address inside IPv6 is itself."""
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _addresses(places: Iterable[tuple[object, ...]]) -> Iterable[str]:
    return filter(None, (plain_address(str(place[0])) for place in places))
