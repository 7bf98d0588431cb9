"""`branchline check`: tries everything that the daemon needs, changes nothing and calls nobody."""

import asyncio
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audio.listening.engines import LANGUAGES, how_to_install, installed_languages
from firmware.clock import SystemClock
from firmware.compliance.gate import Gate
from firmware.compliance.library import Approval, load_packs
from firmware.compliance.self_check import self_check
from firmware.settings import ComplianceSection, LineSection, Settings, SettingsError
from firmware.store import attempts
from firmware.store.database import read_only
from firmware.store.outcomes import list_outcomes
from firmware.sync.connection import MqttSettings, TlsFiles, probe_broker
from firmware.sync.errors import BrokerRefusedError
from firmware.sync.signing import KeyFileError, load_public_key
from modem_drivers.at.serial_port import open_serial_port
from modem_drivers.errors import ModemError
from modem_drivers.modem import Modem

MODEM_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing tried."""

    what: str
    passed: bool
    detail: str


def mqtt_settings(settings: Settings) -> MqttSettings:
    """Return how to reach the broker. Raises SettingsError when a file is missing.

    The client id is one that no other box can guess: whoever connects with ours throws us off.
    """
    try:
        secret = hashlib.sha256(Path(settings.mqtt.key).read_bytes()).hexdigest()[:24]
    except OSError as error:
        raise SettingsError(f"{settings.mqtt.key}: {error.strerror}: [mqtt] key names it") from None
    files = TlsFiles(
        ca=Path(settings.mqtt.ca), certificate=Path(settings.mqtt.certificate), key=Path(settings.mqtt.key)
    )
    return MqttSettings(
        host=settings.mqtt.host, port=settings.mqtt.port, client_id=f"{settings.box.id}-{secret}", tls=files
    )


def make_gate(section: ComplianceSection) -> Gate:
    """Return the gate with the packs of this firmware, as far as a person here has approved them."""
    approvals = [Approval(pack=given.pack, version=given.version, by=given.by) for given in section.approval]
    return Gate(load_packs(), approvals)


async def check_box(settings: Settings) -> list[Finding]:
    """Return what is fit and what is not."""
    findings = [
        _keys(settings),
        _gate(settings),
        _speech(),
        _listening(settings),
        _data_folder(settings),
        await _broker(settings),
    ]
    if not settings.line:
        findings.append(
            Finding(what="lines", passed=False, detail="no [[line]] in the settings: name each modem's ports")
        )
    findings += [await _modem(line) for line in settings.line]
    return findings


def read_outcomes(settings: Settings) -> list[dict[str, Any]]:
    """Return every outcome in the box's database, oldest first; the daemon may be running. Raises StoreError."""
    with read_only(database_path(settings)) as connection:
        found = [
            (outcome, attempts.get_attempt(connection, outcome.attempt))
            for outcome in list_outcomes(connection, limit=100_000)
        ]
    return [
        {
            "attempt": outcome.attempt,
            "campaign": outcome.campaign,
            "contact": outcome.contact,
            "disposition": outcome.disposition.value,
            "line": attempt.line if attempt else "",
            "talk_ms": outcome.talk_ms,
            "ended_at": outcome.ended_at.isoformat(timespec="seconds"),
            "promise": outcome.promise.due.isoformat() if outcome.promise else None,
        }
        for outcome, attempt in reversed(found)
    ]


def database_path(settings: Settings) -> Path:
    """Return where the box keeps its database."""
    return Path(settings.box.data_dir) / "box.db"


def _keys(settings: Settings) -> Finding:
    try:
        for key in settings.console.keys:
            load_public_key(Path(key))
    except KeyFileError as error:
        return Finding(what="console keys", passed=False, detail=str(error))
    return Finding(what="console keys", passed=True, detail=f"{len(settings.console.keys)} known")


def _gate(settings: Settings) -> Finding:
    gate = make_gate(settings.compliance)
    allowed = self_check(gate)
    if allowed:
        return Finding(
            what="gate", passed=False, detail="forbidden calls would be allowed: " + ", ".join(allowed)
        )
    warnings = gate.warnings(SystemClock().now())
    if not settings.compliance.approval:
        warnings = ["no rule pack is approved: nothing will be dialled", *warnings]
    return Finding(
        what="gate",
        passed=bool(settings.compliance.approval),
        detail="; ".join(warnings) or "forbidden calls are refused",
    )


def _speech() -> Finding:
    found = shutil.which("espeak-ng")
    return Finding(
        what="speech",
        passed=found is not None,
        detail=found or "espeak-ng is missing: apt-get install espeak-ng",
    )


def _listening(settings: Settings) -> Finding:
    """Say in which languages speech would be recognised; keys work in any case, so there is nothing to fail."""
    models = models_folder(settings)
    if not settings.listening.recognition:
        return Finding(what="listening", passed=True, detail="by keys alone, as the settings say")
    languages = installed_languages(models)
    missing = [language for language in LANGUAGES if language not in languages]
    detail = f"recognisers for {', '.join(sorted(languages)) or 'no language'}"
    if missing:
        detail += f"; {', '.join(missing)} by keys alone: {how_to_install(missing[0])}: {models}"
    return Finding(what="listening", passed=True, detail=detail)


def models_folder(settings: Settings) -> Path:
    """Return where recogniser models lie."""
    return Path(settings.box.data_dir) / settings.listening.models


def _data_folder(settings: Settings) -> Finding:
    folder = Path(settings.box.data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(what="data folder", passed=False, detail=f"{folder}: {error.strerror}")
    return Finding(what="data folder", passed=free > 200e6, detail=f"{folder}: {free / 1e9:.1f} GB free")


async def _broker(settings: Settings) -> Finding:
    try:
        await probe_broker(mqtt_settings(settings))
    except (BrokerRefusedError, SettingsError) as error:
        return Finding(what="broker", passed=False, detail=str(error))
    return Finding(
        what="broker",
        passed=True,
        detail=f"{settings.mqtt.host}:{settings.mqtt.port} takes this box's certificate",
    )


async def _modem(line: LineSection) -> Finding:
    what = f"modem {line.id}"
    loop = asyncio.get_running_loop()
    try:
        port = open_serial_port(line.at_port)
        try:
            async with asyncio.timeout(MODEM_DEADLINE_S), await Modem.open(port, now_s=loop.time) as modem:
                await modem.refresh()
                detail = f"{modem.identity.model}, SIM {modem.sim.value}, {modem.registration.value}, {modem.operator or 'no operator'}"
                return Finding(what=what, passed=modem.registration.is_registered, detail=detail)
        finally:
            port.close()
    except ModemError as error:
        return Finding(what=what, passed=False, detail=str(error))
    except TimeoutError:
        return Finding(what=what, passed=False, detail=f"{line.at_port} answers too slowly")
