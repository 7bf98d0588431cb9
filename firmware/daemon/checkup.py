"""`branchline check`: tries everything that the daemon needs, changes nothing and calls nobody."""

import asyncio
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from audio.errors import PortOpenError
from audio.listening.engines import LANGUAGES, how_to_install, installed_languages
from audio.models import default_models_folder
from firmware.clock import SystemClock
from firmware.compliance.errors import ComplianceError
from firmware.compliance.self_check import self_check
from firmware.daemon.inbound_in_settings import inbound_terms
from firmware.daemon.trunk_check import try_trunk
from firmware.daemon.worlds import HardwarePorts, pin_source
from firmware.data_dir import database_path
from firmware.host.credentials import CredentialMissingError, credential_file
from firmware.lines.line_card import LineCard
from firmware.lines.sim_pin import PinFileError
from firmware.rules.at_start import rules_here
from firmware.settings import Settings, SettingsError
from firmware.settings_sections import LineSection, TrunkSection
from firmware.speech.voices import BoxVoices, voices_of_box
from firmware.store.errors import StoreError
from firmware.sync.client_identity import ClientIdentity
from firmware.sync.connection import MqttSettings, TlsFiles, probe_broker
from firmware.sync.errors import BrokerRefusedError
from firmware.sync.signing import KeyFileError, load_public_key
from modem_drivers.errors import ModemError
from modem_drivers.modem import Modem
from modem_drivers.sim import SimState
from modem_drivers.slots import SlotFinder

MODEM_DEADLINE_S = 45.0


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
    key = _mqtt_key(settings)
    try:
        secret = hashlib.sha256(key.read_bytes()).hexdigest()[:24]
    except OSError as error:
        raise SettingsError(f"{key}: {error.strerror}: [mqtt] key names it") from None
    return MqttSettings(
        host=settings.mqtt.host,
        port=settings.mqtt.port,
        # Of the key that the box was issued with: a renewed one must find the broker's session again.
        client_id=f"{settings.box.id}-{secret}",
        tls=client_identity(settings).in_use(),
    )


def client_identity(settings: Settings) -> ClientIdentity:
    """Return by what the broker knows this box, as issued or renewed since. Raises SettingsError."""
    issued = TlsFiles(
        ca=Path(settings.mqtt.ca), certificate=Path(settings.mqtt.certificate), key=_mqtt_key(settings)
    )
    return ClientIdentity(Path(settings.box.data_dir) / "identity", issued)


def _mqtt_key(settings: Settings) -> Path:
    if settings.mqtt.key_credential is None:
        return Path(settings.mqtt.key)
    try:
        return credential_file(settings.mqtt.key_credential)
    except CredentialMissingError as error:
        raise SettingsError(f"[mqtt] key_credential: {error}") from None


async def check_running_box(settings: Settings) -> list[Finding]:
    """Return what is fit and what is not, without a look at the modems: the daemon has them."""
    return [
        _keys(settings),
        _gate(settings),
        *_speech(settings),
        _listening(settings),
        *_inbound(settings),
        _data_folder(settings),
        await _broker(settings),
    ]


async def check_box(settings: Settings) -> list[Finding]:
    """Return what is fit and what is not."""
    findings = await check_running_box(settings)
    if not settings.line and not settings.trunk:
        findings.append(
            Finding(
                what="lines",
                passed=False,
                detail="no [[line]] and no [[trunk]] in the settings: name each modem or SIP account",
            )
        )
    finder = SlotFinder(now_s=asyncio.get_running_loop().time)
    findings += [await _modem(line, finder) for line in settings.line]
    findings += [await _sound_card(line) for line in settings.line if line.sound_card]
    findings += [await _trunk(trunk) for trunk in settings.trunk]
    return findings + _unassigned(finder)


def _inbound(settings: Settings) -> list[Finding]:
    """Say whether callers will be answered, where the settings want it."""
    try:
        terms = inbound_terms(settings)
    except SettingsError as error:
        return [Finding(what="inbound", passed=False, detail=str(error))]
    if terms is None:
        return []
    detail = f"{terms.flow.name} version {terms.flow.version}, in {', '.join(terms.values)}"
    return [Finding(what="inbound", passed=True, detail=detail)]


def _keys(settings: Settings) -> Finding:
    try:
        for key in settings.console.keys:
            load_public_key(Path(key))
    except KeyFileError as error:
        return Finding(what="console keys", passed=False, detail=str(error))
    return Finding(what="console keys", passed=True, detail=f"{len(settings.console.keys)} known")


def _gate(settings: Settings) -> Finding:
    try:
        here = rules_here(settings, database_path(settings), SystemClock().now)
    except (ComplianceError, SettingsError, KeyFileError, StoreError) as error:
        return Finding(what="gate", passed=False, detail=str(error))
    if here.fault:
        return Finding(what="gate", passed=False, detail=here.fault)
    gate, overlay_refused = here.rules.gate, here.overlay_refused
    allowed = self_check(gate)
    if allowed:
        return Finding(
            what="gate", passed=False, detail="forbidden calls would be allowed: " + ", ".join(allowed)
        )
    warnings = gate.warnings(SystemClock().now())
    if overlay_refused:
        warnings = [f"the overlay is not in force: {overlay_refused}", *warnings]
    waiting = [f"{pack.pack.name} waits to be approved by name" for pack in here.rules.waiting]
    warnings = [*waiting, *warnings]
    if not here.rules.approvals:
        warnings = ["no rule pack is approved: nothing will be dialled", *warnings]
    return Finding(
        what="gate",
        passed=bool(here.rules.approvals),
        detail="; ".join(warnings) or "forbidden calls are refused",
    )


def _speech(settings: Settings) -> list[Finding]:
    """Say which engine speaks each language, and what would have spoken had it been there."""
    found = voices_of_box(settings.speech)
    findings = []
    for report in found.reports:
        missing = "; ".join(f"no {engine}: {why}" for engine, why in report.missing)
        spoken = ", then ".join(report.speaking)
        findings.append(
            Finding(
                what=f"speech {report.language}",
                passed=any(engine != "recordings" for engine in report.speaking),
                detail=" | ".join(part for part in (spoken, missing) if part),
            )
        )
    if found.recordings_fault or found.recordings is not None:
        findings.append(_recorded(found))
    return findings


def _recorded(found: BoxVoices) -> Finding:
    recordings = found.recordings
    if recordings is None:
        return Finding(what="recordings", passed=False, detail=found.recordings_fault)
    detail = f"{len(recordings.by_words)} phrases recorded, {recordings.unrecorded} texts without a sound"
    if recordings.unbound:
        first = recordings.unbound[0].name
        detail += (
            f"; {len(recordings.unbound)} sounds are not used: write what {first} says into a .txt beside it"
        )
    return Finding(what="recordings", passed=not recordings.unbound, detail=detail)


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
    """Return where the models for speaking and listening lie."""
    folder = settings.speech.models_dir
    return Path(folder) if folder else default_models_folder()


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


async def _modem(line: LineSection, finder: SlotFinder) -> Finding:
    what = f"modem {line.id}"
    try:
        async with asyncio.timeout(MODEM_DEADLINE_S):
            ports = HardwarePorts(line, finder)
            async with await ports.open_modem(finder.now_s) as modem:
                await modem.refresh()
                detail = f"{modem.identity.model}, SIM {modem.sim.value}, {modem.registration.value}, {modem.operator or 'no operator'}"
                return Finding(what=what, passed=_is_fit(modem, line), detail=detail + _pin(modem, line))
    except ModemError as error:
        return Finding(what=what, passed=False, detail=str(error))
    except TimeoutError:
        return Finding(what=what, passed=False, detail=f"{line.at_port or line.id} answers too slowly")


async def _trunk(section: TrunkSection) -> Finding:
    passed, detail = await try_trunk(section)
    return Finding(what=f"trunk {section.id}", passed=passed, detail=detail)


async def _sound_card(line: LineSection) -> Finding:
    """Open the card both ways and let it go; nothing is played."""
    what = f"sound card {line.id}"
    try:
        detail = await LineCard(line.sound_card or "", line.sound_rate_hz).try_it()
    except PortOpenError as error:
        return Finding(what=what, passed=False, detail=str(error))
    return Finding(what=what, passed=True, detail=detail)


def _is_fit(modem: Modem, line: LineSection) -> bool:
    if modem.sim is SimState.PIN_REQUIRED:  # `run` types it; here nothing is changed
        return pin_source(line) is not None and not _pin_trouble(line)
    return modem.registration.is_registered


def _pin(modem: Modem, line: LineSection) -> str:
    if modem.sim is not SimState.PIN_REQUIRED:
        return ""
    return "; " + (_pin_trouble(line) or "`run` types the PIN")


def _pin_trouble(line: LineSection) -> str:
    source = pin_source(line)
    if source is None:
        return "name the PIN's file with pin_file"
    try:
        source()
    except PinFileError as error:
        return str(error)
    return ""


def _unassigned(finder: SlotFinder) -> list[Finding]:
    """Say which modems no line names: not a fault, but worth a look."""
    return [
        Finding(
            what=f"modem at {ports.usb_path}",
            passed=True,
            detail=f'no line uses it; to use it: [[line]] id = "…" usb_path = "{ports.usb_path}"',
        )
        for ports in finder.unclaimed()
        if len(ports.at_candidates) == 1
    ]
