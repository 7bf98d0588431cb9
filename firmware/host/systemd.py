"""The service manager: ready, status, watchdog, stopping. The only importer of systemd-python.

Outside systemd (no NOTIFY_SOCKET) every call does nothing (sd_notify(3)).
"""

import os
import time
from collections.abc import Mapping

from systemd import daemon, journal  # type: ignore[import-untyped, attr-defined, unused-ignore]


def notify_ready(status: str) -> None:
    """Tell the manager that the daemon serves."""
    daemon.notify(f"READY=1\nSTATUS={status}")


def notify_stopping(why: str, *, within_s: float = 0.0) -> None:
    """Tell the manager that the daemon is on its way out, and why; ask for `within_s` to end what it does."""
    daemon.notify(f"STOPPING=1\nSTATUS={why}" + _more_time(within_s))


def notify_starting(what: str, *, within_s: float) -> None:
    """Tell the manager that something before READY takes up to `within_s`."""
    daemon.notify(f"STATUS={what}" + _more_time(within_s))


def notify_reloading() -> None:
    """Tell the manager that the settings are read again; `notify_ready` ends it."""
    now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    daemon.notify(f"RELOADING=1\nMONOTONIC_USEC={now_us}\nSTATUS=reading the settings again")


def feed_watchdog() -> None:
    """Say that every supervised loop still ticks."""
    daemon.notify("WATCHDOG=1")


def watchdog_interval_s() -> float | None:
    """Return how often to feed the watchdog (half of WATCHDOG_USEC, sd_watchdog_enabled(3)), None when there is none."""
    usec = os.environ.get("WATCHDOG_USEC", "")
    return int(usec) / 2e6 if usec.isdigit() and int(usec) > 0 else None


def is_on_journal() -> bool:
    """Return whether our standard error goes to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    return "JOURNAL_STREAM" in os.environ


def send_to_journal(message: str, fields: Mapping[str, str]) -> None:
    """Write one entry with fields of its own, such as ``PRIORITY`` and ``BRANCHLINE_LINE``."""
    journal.send(message, SYSLOG_IDENTIFIER="branchline", **fields)


def _more_time(within_s: float) -> str:
    return f"\nEXTEND_TIMEOUT_USEC={int(within_s * 1e6)}" if within_s > 0 else ""
