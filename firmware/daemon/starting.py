"""How a box comes to run: on the hardware that its settings name, or on simulated modems; its voices and ears are opened here."""

import asyncio
import contextlib
import faulthandler
import signal
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from audio.errors import RecogniserError
from audio.listening.engines import installed_languages
from audio.listening.pool import RecogniserPool, worker_command
from audio.listening.silero import speech_maker
from firmware.calls.listening import Hearing, Understands
from firmware.daemon.app import Box
from firmware.daemon.calling import Workers
from firmware.daemon.checkup import models_folder, mqtt_settings
from firmware.daemon.understanding_soon import UnderstanderSoon
from firmware.daemon.worlds import World, hardware_world
from firmware.data_dir import database_path
from firmware.host import start_pages, systemd
from firmware.host.heartbeats import Heartbeats
from firmware.host.journal import RecentEvents, set_up_journal
from firmware.local.opening import open_local_doors
from firmware.settings import Settings, SettingsError, load_settings
from firmware.speech.voices import voices_of_box
from firmware.store import restoring
from firmware.sync.connection import MqttConnection, MqttSettings, Will, probe_broker
from firmware.sync.errors import BrokerRefusedError
from firmware.sync.reports import renumbered
from firmware.sync.topics import BoxTopics

log = structlog.get_logger()

ESPEAK_WORDS_PER_MINUTE = 175
RESTORE_WITHIN_S = 600.0
"""For a damaged database, salvaged row by row from a slow card."""
SETTLED_AFTER_S = 10.0
"""Lines have been looked for and the broker has answered: what the start needed is needed no more."""
MQTT_WITHIN_S = 300.0
"""A name server that does not answer holds the thread up for a while."""


async def run_hardware_box(settings: Settings, *, config: Path | None = None) -> None:
    """Run the daemon on the ports and the broker that the settings name; SIGHUP reads them again from `config`.

    Raises BrokerRefusedError at a refused certificate.
    """
    loop = asyncio.get_running_loop()
    soon = UnderstanderSoon() if settings.listening.recognition else None
    await serve(
        settings,
        hardware_world(settings.line, loop.time, settings.trunk),
        log_file=None,
        understands=soon,
        config=config,
        when_ready=soon.load if soon else None,
    )


def _ready(then: Callable[[], object] | None) -> None:
    systemd.notify_ready("serving")
    loop = asyncio.get_running_loop()
    loop.call_later(SETTLED_AFTER_S, _settled)
    if then is not None:
        loop.call_soon(then)


def _settled() -> None:
    log.info("start_pages_given_back", kib=start_pages.give_back())


async def serve(
    settings: Settings,
    world: World[Any],
    *,
    log_file: Path | None,
    words_per_minute: int = ESPEAK_WORDS_PER_MINUTE,
    understands: Understands | None = None,
    config: Path | None = None,
    when_ready: Callable[[], object] | None = None,
) -> None:
    """Run the daemon on the lines of `world` until a signal ends it; without `understands` calls go by keys alone.

    `when_ready` is what need not be done before it serves.
    """
    data = Path(settings.box.data_dir)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    recent = RecentEvents()
    set_up_journal(log_file, recent)
    # The watchdog's SIGABRT leaves the stack of every thread in the journal.
    faulthandler.enable()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    reread = asyncio.Event()
    if config is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reread.set)
    broker = mqtt_settings(settings)
    await _ask_broker(broker)
    voices = voices_of_box(settings.speech, words_per_minute=words_per_minute)
    voices.warn()
    heartbeats = Heartbeats(time.monotonic)
    systemd.notify_starting("opening the database", within_s=RESTORE_WITHIN_S)
    database = restoring.open_or_restore(database_path(settings), at=world.clock.now(), renumber=renumbered)
    try:
        with (
            ThreadPoolExecutor(1, thread_name_prefix="recording") as recording,
            ThreadPoolExecutor(2, thread_name_prefix="speech") as speech,
        ):
            async with open_hearing(settings, understands) as hearing:
                box = Box(
                    settings,
                    world,
                    database=database,
                    connect=partial(_connect, broker, heartbeats),
                    synthesizer=voices.voices,
                    workers=Workers(recording=recording, speech=speech),
                    hearing=hearing,
                    recent=recent,
                    heartbeats=heartbeats,
                )
                rereading = asyncio.create_task(_reread(box, config, reread), name="reread-settings")
                try:
                    async with open_local_doors(settings, box.looker, box.deeds):
                        await box.run(stop, ready=partial(_ready, when_ready))
                finally:
                    rereading.cancel()
                    voices.close()  # before the executor waits for a phrase nobody will hear
    finally:
        await database.close()


def _connect(broker: MqttSettings, heartbeats: Heartbeats, topics: BoxTopics, will: Will) -> MqttConnection:
    """Return the connection, its thread under the watchdog's eye: it goes round each second, broker or not."""
    connection = MqttConnection(broker, subscriptions=topics.subscriptions(), will=will)
    heartbeats.probe(
        "mqtt", lambda: time.monotonic() - (connection.last_beat_s or time.monotonic()) < MQTT_WITHIN_S
    )
    return connection


async def _reread(box: Box[Any], config: Path | None, asked: asyncio.Event) -> None:
    """Read the settings again each time that is asked, and tell the manager what came of it."""
    while config is not None:
        await asked.wait()
        asked.clear()
        systemd.notify_reloading()
        try:
            said = (await box.reload(load_settings(config))).in_words()
        except SettingsError as error:
            log.error("settings_refused", reason=str(error))
            said = f"serving by the settings before: {error}"
        except Exception:
            # Whatever it was, calls go on by the settings before.
            log.exception("settings_not_read")
            said = "serving by the settings before: see the journal"
        systemd.notify_ready(said)


@contextlib.asynccontextmanager
async def open_hearing(settings: Settings, understands: Understands | None) -> AsyncIterator[Hearing | None]:
    """Have recognisers at work as the settings say; None where there are none, or nothing understands their texts.

    Raises SettingsError.
    """
    wanted = settings.listening
    models = models_folder(settings)
    languages = installed_languages(models)
    if not wanted.recognition or understands is None or not languages:
        log.info("listening", languages=[], by="keys alone")
        yield None
        return
    try:
        make_speech = speech_maker(wanted.speech)
    except RecogniserError as error:
        raise SettingsError(f"[listening] speech = {wanted.speech!r}: {error}") from None
    pool = RecogniserPool(worker_command(models, memory_mb=wanted.worker_memory_mb), n_workers=wanted.workers)
    async with pool:
        log.info("listening", languages=sorted(languages), workers=wanted.workers)
        yield Hearing(ears=pool, understands=understands, make_speech=make_speech, aside=pool)


async def _ask_broker(broker: MqttSettings) -> None:
    """Raise BrokerRefusedError if the broker is there and will not have this box; go on if it cannot be reached."""
    try:
        await probe_broker(broker)
    except BrokerRefusedError as error:
        try:
            async with asyncio.timeout(broker.connect_timeout_s):
                _reader, writer = await asyncio.open_connection(broker.host, broker.port)
        except (OSError, TimeoutError):
            # The box works through what it has for as long as its lease lasts.
            log.warning("broker_unreachable", reason=str(error))
            return
        writer.close()
        raise
