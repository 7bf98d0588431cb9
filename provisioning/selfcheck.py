"""The whole self-check: settings, files, keys, rules, voices, network, clock, machine, daemon. Changes nothing, calls nobody."""

import asyncio
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from pyrage import x25519

from firmware.data_dir import database_path
from firmware.host.clock_trust import kernel_is_synchronised
from firmware.host.health import RESERVE_BYTES, HostHealth, host_health
from firmware.host.journal import masked
from firmware.local.client import BoxClient, BoxRefusedError, BoxSilentError
from firmware.local.facts import HOT_C, OLD_AFTER_S, BoxFacts
from firmware.settings import Settings, SettingsError, load_settings
from firmware.store import outbox
from firmware.store.errors import StoreError
from firmware.store.reading import read_only
from firmware.sync.kept_keys import is_kept
from firmware.sync.mqtt_settings import TlsFiles
from provisioning import network
from provisioning.check import Check, result
from provisioning.technician.pin import PinFile

CGROUP = Path("/sys/fs/cgroup")
LEAST_MEMORY_BYTES = 80_000_000
RENEW_BEFORE_DAYS = 14
LEASE_S = 24 * 3600.0
MADE_IN = datetime(2026, 1, 1, tzinfo=UTC)
"""This software is younger than that: a clock that shows less has lost its time."""
PIN_NAME = "technician.pin"
SEALED = "it is sealed for the service: the console on the serial line can open it, a shell cannot"
_FOUND = {
    # What firmware.daemon.checkup calls a thing, and how it is called here.
    "console keys": "console-keys",
    "gate": "gate",
    "speech en": "speech-en",
    "speech zh": "speech-zh",
    "recordings": "recordings",
    "listening": "listening",
    "data folder": "data-folder",
    "broker": "broker",
}


def pin_file(settings: Settings) -> PinFile:
    """Return where the technician's PIN is kept."""
    return PinFile(Path(settings.box.data_dir) / PIN_NAME)


def self_check(config: Path, ask: Callable[[Settings], BoxClient]) -> list[Check]:
    """Return everything tried; numbers in it are masked."""
    # All that the daemon is made of: the technician's menu, which knows this module, does not wait for it.
    from firmware.daemon.checkup import check_running_box  # noqa: PLC0415

    try:
        settings = load_settings(config)
    except SettingsError as error:
        return _masked([result("settings", False, str(error))])
    checks = [result("settings", True, str(config)), *_of_settings(config, settings)]
    checks += [*_of_files(settings), *_of_keys(settings)]
    for each in asyncio.run(check_running_box(settings)):
        if each.what == "broker" and not each.passed and _is_sealed(settings):
            checks.append(result("broker", None, SEALED))
        elif each.what in _FOUND:
            checks.append(result(_FOUND[each.what], each.passed, each.detail))
    checks += [*_of_network(settings), *_of_machine(host_health(Path(settings.box.data_dir)))]
    with ask(settings) as client:
        checks += _of_daemon(client)
    return _masked(checks)


def _masked(checks: list[Check]) -> list[Check]:
    return [Check(code=each.code, state=each.state, detail=masked(each.detail)) for each in checks]


def _of_settings(config: Path, settings: Settings) -> Iterator[Check]:
    mode = config.stat().st_mode
    yield result("settings-private", not mode & 0o022, oct(stat.S_IMODE(mode)))
    yield result("time-zone", True, settings.box.time_zone)
    yield result("lines-named", bool(settings.line), f"{len(settings.line)} named")
    yield result("test-number", bool(settings.test_number), f"{len(settings.test_number)} named")
    yield result(
        "pin", pin_file(settings).is_set, "set" if pin_file(settings).is_set else "nobody can log in"
    )


def _of_files(settings: Settings) -> Iterator[Check]:
    folder = Path(settings.box.data_dir)
    try:
        mode, room = folder.stat().st_mode, os.statvfs(folder)
    except OSError as error:
        yield result("data-private", False, f"{folder}: {error.strerror}")
        yield from (result(code, None, "no data folder") for code in ("disk-space", "inodes"))
    else:
        yield result("data-private", not mode & 0o077, oct(stat.S_IMODE(mode)))
        free = room.f_bavail * room.f_frsize
        yield result("disk-space", free > RESERVE_BYTES, f"{free / 1e9:.1f} GB free")
        share = room.f_favail / room.f_files if room.f_files else 1.0
        yield result("inodes", share > 0.02, f"{share:.0%} free")
    frozen = _read_only_disk(folder)
    yield result("disk-writable", not frozen, frozen)
    try:
        with read_only(database_path(settings)) as con:
            depth = outbox.depth(con)
            yield result("database", True, f"{depth.n_waiting} messages wait")
            problem = str(con.value("PRAGMA quick_check(1)"))
            yield result("database-whole", problem == "ok", problem)
            age_s = depth.age_s(datetime.now(UTC))
            yield result(
                "outbox", age_s < OLD_AFTER_S, f"{depth.n_waiting} wait, the oldest for {age_s / 60:.0f} min"
            )
    except StoreError as error:
        yield result("database", False, str(error))
        yield from (result(code, None, "no database") for code in ("database-whole", "outbox"))


def _read_only_disk(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Return the mount point of the disk under a folder if the kernel took to only reading it (proc(5)), else nothing.

    A mount that a sandbox made read-only says nothing of the disk: what counts are the file system's own options.
    """
    best, frozen = "", False
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        place, (_, _, options) = line.split(" ")[4], line.partition(" - ")[2].split(" ")[:3]
        if len(place) >= len(best) and folder.absolute().is_relative_to(place):
            best, frozen = place, "ro" in options.split(",")
    return best if frozen else ""


def _of_keys(settings: Settings) -> Iterator[Check]:
    try:
        for recipient in settings.console.recording_recipients:
            x25519.Recipient.from_str(recipient)
    except Exception as error:
        yield result("recipients", False, type(error).__name__)
    else:
        yield result("recipients", True, f"{len(settings.console.recording_recipients)} named")
    certificates: dict[str, x509.Certificate] = {}
    files = _in_use(settings)
    for code, path in (("broker-ca", settings.mqtt.ca), ("certificate", files.certificate)):
        try:
            certificates[code] = x509.load_pem_x509_certificate(Path(path).read_bytes())
        except (OSError, ValueError) as error:
            yield result(code, False, f"{path}: {getattr(error, 'strerror', None) or 'no certificate in it'}")
        else:
            days = (certificates[code].not_valid_after_utc - datetime.now(UTC)).days
            least = RENEW_BEFORE_DAYS if code == "certificate" else 0
            yield result(code, days >= least, f"{days} days left")
    if _is_sealed(settings) and files.key == Path(settings.mqtt.key):
        yield result("key-private", None, SEALED)
        yield result("key-matches", None, SEALED)
        return
    key = files.key
    try:
        mode = key.stat().st_mode
        body = key.read_bytes()
        own = load_pem_private_key(body, files.key_password.encode() if is_kept(body) else None).public_key()
    except (OSError, ValueError, TypeError) as error:
        yield result("key-private", False, f"{key}: {getattr(error, 'strerror', None) or 'no key in it'}")
        yield result("key-matches", None, "no key")
        return
    yield result("key-private", not mode & 0o077, oct(stat.S_IMODE(mode)))
    if (certificate := certificates.get("certificate")) is None:
        yield result("key-matches", None, "no certificate")
    else:
        same = _raw(own) == _raw(certificate.public_key())
        yield result("key-matches", same, "a pair" if same else "the key is not the certificate's")


def _is_sealed(settings: Settings) -> bool:
    """Say whether the key is one that systemd opens for a service, and this is none: a person's shell."""
    return settings.mqtt.key_credential is not None and not os.environ.get("CREDENTIALS_DIRECTORY")


def _in_use(settings: Settings) -> TlsFiles:
    """Return what the box was issued with or has renewed since; a credential is the service's alone to read."""
    from firmware.daemon.checkup import client_identity  # noqa: PLC0415

    try:
        return client_identity(settings).in_use()
    except SettingsError:
        issued = settings.mqtt
        return TlsFiles(ca=Path(issued.ca), certificate=Path(issued.certificate), key=Path(issued.key))


def _raw(key: Any) -> bytes:
    body: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return body


def _of_network(settings: Settings) -> Iterator[Check]:
    found = network.interfaces()
    up = [each.name for each in found if each.is_up and each.address]
    yield result("interface", bool(up), ", ".join(up) or f"{len(found)} there, none up with an address")
    gateway = network.gateway()
    yield result("gateway", bool(gateway), gateway or "no default route")
    servers = network.name_servers()
    yield result("name-server", bool(servers), ", ".join(servers))
    problem = network.resolves(settings.mqtt.host)
    yield result("broker-name", not problem, problem)
    if problem:
        yield result("broker-reached", None, "its name is not known")
    else:
        problem = network.reaches(settings.mqtt.host, settings.mqtt.port)
        yield result("broker-reached", not problem, problem or f"port {settings.mqtt.port}")


def _of_machine(health: HostHealth) -> Iterator[Check]:
    now = datetime.now(UTC)
    yield result("clock-year", now > MADE_IN, f"{now:%Y-%m-%d %H:%M} UTC")
    synchronised = kernel_is_synchronised()
    yield result(
        "clock-ntp", synchronised, "" if synchronised else "not yet; the console or the network may vouch too"
    )
    memory, temperature, load = health.memory_available_bytes, health.cpu_temp_c, health.load_1m
    yield result(
        "memory",
        None if memory is None else memory > LEAST_MEMORY_BYTES,
        "" if memory is None else f"{memory / 1e6:.0f} MB",
    )
    measured = "this machine measures none" if temperature is None else f"{temperature:.0f} C"
    yield result("temperature", None if temperature is None else temperature < HOT_C, measured)
    yield result("load", None if load is None else load < 2.0 * (os.cpu_count() or 1), f"{load}")
    running = _is_running("ModemManager")
    yield result(
        "modem-manager", not running, "it runs: see that its rules leave our modems alone" if running else ""
    )


def _is_running(name: str) -> bool:
    # Where other users' processes are hidden from this one, their services' control groups are not.
    if any((root / "system.slice" / f"{name}.service").is_dir() for root in (CGROUP, CGROUP / "systemd")):
        return True
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "comm").read_text(encoding="utf-8").strip() == name[:15]:
                return True
    return False


def _of_daemon(client: BoxClient) -> Iterator[Check]:
    try:
        facts = msgspec.convert(client.ask("state"), BoxFacts)
    except (BoxSilentError, BoxRefusedError, msgspec.MsgspecError) as error:
        yield result("daemon", False, str(error))
        why = "the daemon does not answer"
        yield from (
            result(code, None, why)
            for code in ("dialling", "clock-trusted", "connected", "suppressions", "line")
        )
        return
    yield result("daemon", True, f"version {facts.version}, up for {facts.uptime_s // 60} min")
    why = facts.dialling if facts.dialling_detail == "yes" else facts.dialling_detail
    yield result("dialling", facts.dialling in {"yes", "closed", "held"}, why)
    yield result("clock-trusted", facts.clock_trusted, facts.clock)
    yield result("connected", facts.uplink.connected, f"{facts.uplink.waiting} messages wait")
    heard = facts.uplink.console_heard_at
    age_s = None if heard is None else (facts.at - heard).total_seconds()
    yield result(
        "suppressions",
        age_s is not None and age_s < LEASE_S,
        "never" if age_s is None else f"{age_s / 3600:.1f} h old",
    )
    for line in facts.lines:
        yield result(f"line:{line.line}", not line.trouble, f"{line.status} {line.detail}".strip())
