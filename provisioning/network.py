"""How the box is wired to the network, from what the kernel says; nothing is changed."""

import socket
import struct
from dataclasses import dataclass
from pathlib import Path

SYS_NET, ROUTES, RESOLV = Path("/sys/class/net"), Path("/proc/net/route"), Path("/etc/resolv.conf")
CONNECT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One network interface."""

    name: str
    is_up: bool
    address: str
    """IPv4, empty without one."""


def interfaces(sys_net: Path = SYS_NET) -> list[Interface]:
    """Return the interfaces but the loop."""
    found = []
    for folder in sorted(sys_net.glob("*")):
        if folder.name == "lo":
            continue
        try:
            state = (folder / "operstate").read_text(encoding="ascii").strip()
        except OSError:
            continue
        found.append(
            Interface(name=folder.name, is_up=state in {"up", "unknown"}, address=_address(folder.name))
        )
    return found


def gateway(routes: Path = ROUTES) -> str:
    """Return the default gateway, empty without one."""
    try:
        rows = [line.split() for line in routes.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return ""
    for row in rows:
        if len(row) > 3 and row[1] == "00000000" and int(row[3], 16) & 2:
            return socket.inet_ntoa(struct.pack("<I", int(row[2], 16)))
    return ""


def name_servers(resolv: Path = RESOLV) -> list[str]:
    """Return who is asked for names."""
    try:
        lines = resolv.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [line.split()[1] for line in lines if line.startswith("nameserver") and len(line.split()) > 1]


def resolves(host: str) -> str:
    """Return why a host's name has no address, empty when it has one."""
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def reaches(host: str, port: int) -> str:
    """Return why no connection can be made, empty when one can."""
    try:
        socket.create_connection((host, port), timeout=CONNECT_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _address(name: str) -> str:
    import fcntl  # noqa: PLC0415 - Linux only, as is the question

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            request = struct.pack("256s", name.encode()[:15])
            answer = fcntl.ioctl(asking.fileno(), 0x8915, request)  # SIOCGIFADDR, netdevice(7)
        except OSError:
            return ""
    return socket.inet_ntoa(answer[20:24])
