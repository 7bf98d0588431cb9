"""Imports run one way: the arrows of docs/architecture.md, read from the source."""

import ast
import functools
import sys
from collections.abc import Mapping, Set
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("audio", "modem_drivers", "firmware", "console", "provisioning")

VALUES = {"firmware.values", "firmware.clock"}
ALLOWED: dict[str, set[str]] = {
    # A room, and what it may import of ours besides itself.
    "audio": set(),
    "modem_drivers.simulator": set(),
    "modem_drivers": set(),
    "firmware.values": set(),
    "firmware.clock": set(),
    "firmware.settings_sections": VALUES,
    "firmware.version": set(),
    "firmware.settings": VALUES | {"firmware.settings_sections"},
    "firmware.dialogue": VALUES,
    "firmware.compliance": VALUES,
    "firmware.rehearsal": VALUES
    | {"firmware.dialogue", "firmware.compliance", "firmware.rules.flow_rules", "audio"},
    "firmware.rules.flow_rules": VALUES | {"firmware.dialogue", "firmware.compliance"},
    "firmware.store": VALUES,
    "firmware.retention": VALUES | {"firmware.compliance", "firmware.store", "firmware.host.disk_space"},
    "firmware.retention.command": {"firmware"},
    "firmware.texts": VALUES | {"firmware.dialogue", "modem_drivers.pdu"},
    "firmware.sms": VALUES
    | {
        "firmware.calls",
        "firmware.compliance",
        "firmware.dialogue",
        "firmware.lines",
        "firmware.store",
        "firmware.texts",
    },
    "firmware.daemon.messenger": {"firmware"},
    "firmware.evidence": VALUES
    | {
        "firmware.compliance",
        "firmware.store",
        "firmware.calls",
        "firmware.dialogue",
        "firmware.texts",
        "firmware.sync.device_key",
        "firmware.sync.signing",
    },
    "firmware.evidence.command": {"firmware"},
    "firmware.evidence.report_command": {"firmware"},
    "firmware.host": VALUES | {"firmware.settings", "firmware.settings_sections"},
    "firmware.sip": VALUES,
    "firmware.daemon.sip_trunks": VALUES
    | {"firmware.settings", "firmware.settings_sections", "firmware.sip"},
    "firmware.lines": VALUES | {"audio", "modem_drivers", "firmware.sip"},
    "firmware.calls": VALUES
    | {
        "firmware.lines",
        "firmware.dialogue",
        "firmware.compliance",
        "firmware.rules.flow_rules",
        "firmware.store",
        "firmware.texts",
        "audio",
    },
    "firmware.speech": VALUES
    | {"audio", "firmware.settings", "firmware.settings_sections", "firmware.dialogue"},
    "firmware.sync": VALUES | {"firmware.store"},
    "firmware.daemon.worlds": VALUES
    | {
        "audio",
        "modem_drivers",
        "firmware.lines",
        "firmware.host",
        "firmware.settings",
        "firmware.settings_sections",
        "firmware.daemon.sip_trunks",
    },
    "firmware.daemon.configuration": VALUES | {"firmware.sync", "firmware.store"},
    "firmware.daemon.restored_alarm": {"firmware.store", "firmware.sync"},
    "firmware.daemon.campaign_checks": {"firmware.dialogue", "firmware.sync", "firmware.texts"},
    "firmware.daemon.upkeep": VALUES
    | {"firmware.compliance", "firmware.host", "firmware.store", "firmware.daemon.worlds"},
    "firmware.daemon.device_identity": {
        "firmware.host",
        "firmware.settings",
        "firmware.settings_sections",
        "firmware.sync",
    },
    "firmware.daemon.callers": {"firmware", "audio"},
    "firmware.daemon.calling": {"firmware", "audio"},
    "firmware.daemon.inbound_in_settings": VALUES
    | {"firmware.calls", "firmware.dialogue", "firmware.settings", "firmware.settings_sections"},
    "firmware.daemon.agents_in_settings": VALUES
    | {"firmware.calls", "firmware.settings", "firmware.settings_sections"},
    "firmware.daemon.health_watch": VALUES
    | {"firmware.host", "firmware.lines", "firmware.store", "firmware.sync"},
    "firmware.commands": {"firmware", "modem_drivers"},
    "firmware.local": {"firmware"},
    "firmware.daemon.state_report": VALUES
    | {
        "firmware.lines",
        "firmware.calls",
        "firmware.sync",
        "firmware.store",
        "firmware.daemon.configuration",
    },
    "firmware.rehearsal.understand_command": VALUES | {"firmware.dialogue"},
    "firmware.daemon.checkup": {"firmware", "modem_drivers", "audio"},
    "firmware.daemon.line_selftest": {"firmware", "modem_drivers"},
    "firmware.rules": VALUES,
    "firmware.rules.in_force": VALUES
    | {"firmware.compliance", "firmware.settings", "firmware.settings_sections"},
    "firmware.rules.policy_release": {"firmware.compliance", "firmware.sync"},
    "firmware.data_dir": {"firmware.settings"},
    "firmware.rules.kept_release": {"firmware.settings_sections", "firmware.store", "firmware.sync"},
    "firmware.rules.at_start": VALUES
    | {
        "firmware.compliance",
        "firmware.rules.kept_release",
        "firmware.rules.policy_release",
        "firmware.rules.in_force",
        "firmware.settings",
        "firmware.settings_sections",
        "firmware.store",
        "firmware.sync",
    },
    "firmware.rules.desk": {"firmware"},
    "firmware.rules.anchors": {"firmware.compliance", "firmware.sync"},
    "firmware.rules.policy_report": {"firmware.compliance"},
    "firmware.rules.policy_question": VALUES | {"firmware.compliance"},
    "firmware.rules.policy_command": {"firmware"},
    "firmware.rules.audit_command": {"firmware"},
    "firmware.daemon.app": {"firmware", "audio", "modem_drivers"},
    "firmware.daemon.starting": {"firmware", "audio"},
    "firmware.daemon.simulated_box": {"firmware", "audio", "modem_drivers"},
    "firmware.daemon": {"firmware"},
    "firmware.cli": {"firmware", "audio", "modem_drivers", "provisioning"},
    "provisioning": {"audio", "firmware", "modem_drivers"},
    "provisioning.image_command": {"provisioning", "console.authority"},
    "provisioning.image_updates": {"provisioning", "console.release_repository"},
    "firmware.demo": VALUES,
    "console": VALUES
    | {
        "firmware.sync",
        "firmware.dialogue",
        "firmware.texts",
        "firmware.compliance",
        "firmware.evidence.checking",
        "firmware.evidence.facts",
        "firmware.evidence.seal",
        "audio.recording",
        "audio.recording_marks",
        "audio.transcript",
        "audio.errors",
    },
}
OWNED_LIBRARIES = {
    # A library with side effects, and the only place that may import it.
    "serial": ("modem_drivers.at.serial_port", "audio.ports"),
    "sqlite3": tuple(
        f"firmware.store.{name}"
        for name in (
            "connection",
            "database",
            "migrating",
            "old_pages",
            "reading",
            "salvage",
            "snapshot",
            "soundness",
        )
    ),
    "sqlite_utils": (
        "firmware.store.migrating",
        "firmware.store.migration_list",
        "firmware.store.migrations",
    ),
    "paho": ("firmware.sync.mqtt_epoch", "firmware.sync.mqtt_properties"),
    "systemd": ("firmware.host.systemd",),
    "sqlalchemy": ("console",),
    "alembic": ("console.ledger_engine", "console.migrations"),
    "openpyxl": ("console.xlsx_table", "console.corrected_file"),
    "pyarrow": ("console.outcome_files",),
    "weasyprint": ("console.pdf_page",),
    "flask": ("console.web",),
    "gunicorn": ("console.web.server",),
    "h11": ("firmware.local.web", "firmware.sync.https_link"),
    "prometheus_client": ("firmware.local.metrics",),
    "tuf": ("console.release_repository", "provisioning.update_source"),
    "urllib3": ("provisioning.update_source",),
    "zstandard": ("firmware.sync.content_encoding",),
    "segno": ("provisioning.claim_screen",),
    "pyaudio": ("audio.ports.sound_card",),
    "baresip": ("firmware.sip.baresip_engine",),
    "pjsua2": tuple(f"firmware.sip.pjsua2_{part}" for part in ("engine", "sound", "account")),
    "pocketsphinx": ("audio.listening.sphinx",),
    "ctranslate2": ("audio.listening.whisper",),
    "faster_whisper": ("audio.listening.whisper",),
    "sherpa_onnx": ("audio.listening.sherpa",),
    "onnxruntime": ("audio.listening.silero", "audio.speech.kokoro"),
}
PURE = {
    # Rooms that take values and give values: no I/O, no clock, no event loop.
    "firmware.dialogue": {
        "asyncio",
        "socket",
        "time",
        "os",
        "serial",
        "logging",
        "structlog",
        "threading",
        "subprocess",
    },
    "firmware.compliance": {
        "asyncio",
        "socket",
        "time",
        "serial",
        "logging",
        "structlog",
        "threading",
        "subprocess",
    },
    "firmware.texts": {"asyncio", "socket", "time", "os", "serial", "logging", "structlog", "threading"},
    "audio.dsp": {"asyncio", "socket", "time", "os", "serial", "logging", "threading"},
    "audio.call_audio": {"asyncio", "socket", "time", "os", "serial", "logging", "threading"},
}


def is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


@functools.cache
def imports_of(path: Path, module: str) -> frozenset[str]:
    """Every module that a file imports, `from x import y` as x and as x.y, TYPE_CHECKING blocks included."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            source = ".".join(part for part in (start, node.module or "") if part)
            found |= {source} | {f"{source}.{alias.name}" for alias in node.names}
    return frozenset(found)


@functools.cache
def modules() -> dict[str, Path]:
    found = {}
    for room in OURS:
        for path in (ROOT / room).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room_of(module: str) -> str | None:
    return max((room for room in ALLOWED if is_in(module, room)), key=len, default=None)


def forbidden_arrows(all_modules: Mapping[str, Set[str]]) -> list[str]:
    wrong = []
    for module, imported in sorted(all_modules.items()):
        room = room_of(module)
        if room is None:
            if module not in OURS:
                wrong.append(f"{module} stands in no room of docs/architecture.md")
            continue
        for name in sorted(imported):
            if name.split(".")[0] not in OURS or name in set(OURS):
                continue
            # modem_drivers may hold its simulator, but may not lean on it.
            leans_on_simulator = room == "modem_drivers" and is_in(name, "modem_drivers.simulator")
            known = is_in(name, room) or any(is_in(name, other) for other in ALLOWED[room])
            if known and not leans_on_simulator:
                continue
            if any(is_in(other, name) for other in ALLOWED[room] | {room}):
                continue  # `from firmware import values`: the package that holds an allowed module
            wrong.append(f"{module} imports {name}, which {room} must not know")
    return wrong


def test_every_arrow_is_one_that_the_architecture_draws() -> None:
    assert forbidden_arrows({name: imports_of(path, name) for name, path in modules().items()}) == []


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("audio.player", "modem_drivers.modem"),
        ("modem_drivers.modem", "modem_drivers.simulator.modem"),
        ("modem_drivers.simulator.modem", "modem_drivers.at.tokenizer"),
        ("firmware.compliance.gate", "firmware.store.attempts"),
        ("firmware.calls.session", "firmware.sync.uplink"),
        ("firmware.store.outbox", "firmware.sync.messages"),
        ("console.ingest", "firmware.store.database"),
        ("firmware.newroom.thing", "firmware.values"),
    ],
)
def test_a_forbidden_arrow_is_found(module: str, imported: str) -> None:
    assert forbidden_arrows({module: {imported}})


@pytest.mark.parametrize("library", sorted(OWNED_LIBRARIES))
def test_a_library_with_side_effects_has_one_door(library: str) -> None:
    doors = OWNED_LIBRARIES[library]
    users = {
        name
        for name, path in modules().items()
        if any(is_in(imported, library) for imported in imports_of(path, name))
    }
    assert {user for user in users if not any(is_in(user, door) for door in doors)} == set()


@pytest.mark.parametrize("room", sorted(PURE))
def test_a_pure_room_does_no_io(room: str) -> None:
    wrong = {
        f"{name} imports {imported}"
        for name, path in modules().items()
        if is_in(name, room)
        for imported in imports_of(path, name)
        if imported.split(".")[0] in PURE[room]
    }
    assert wrong == set()


def test_no_package_shadows_a_library() -> None:
    assert not (ROOT / "systemd" / "__init__.py").exists()
    assert not {room for room in OURS if room in sys.stdlib_module_names}


def test_the_top_level_has_only_the_rooms() -> None:
    rooms = {
        "firmware", "modem_drivers", "audio", "provisioning", "systemd", "console",
        "docs", "benchmarks", "examples", "tests",
    }  # fmt: skip
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")}
    assert folders - rooms - {"__pycache__", "branchline.egg-info", "build"} == set()
