"""The service manager: ready, status, watchdog, stopping. The only importer of systemd-python.

Outside systemd (no NOTIFY_SOCKET) every call does nothing (sd_notify(3)).
"""

import logging
import os

from systemd import daemon, journal  # type: ignore[import-untyped, attr-defined, unused-ignore]


def notify_ready(status: str) -> None:
    """Tell the manager that the daemon serves."""
    daemon.notify(f"READY=1\nSTATUS={status}")


def notify_status(status: str) -> None:
    """Show one line in `systemctl status`."""
    daemon.notify(f"STATUS={status}")


def notify_stopping() -> None:
    """Tell the manager that the daemon is on its way out."""
    daemon.notify("STOPPING=1")


def feed_watchdog() -> None:
    """Say that every supervised loop still ticks."""
    daemon.notify("WATCHDOG=1")


def watchdog_interval_s() -> float | None:
    """Return how often to feed the watchdog (half of WATCHDOG_USEC, sd_watchdog_enabled(3)), None when there is none."""
    usec = os.environ.get("WATCHDOG_USEC", "")
    return int(usec) / 2e6 if usec.isdigit() and int(usec) > 0 else None


def journal_handler() -> logging.Handler | None:
    """Return a handler that writes to the journal when our standard error goes there, else None."""
    if "JOURNAL_STREAM" not in os.environ:
        return None
    handler: logging.Handler = journal.JournalHandler(SYSLOG_IDENTIFIER="branchline")
    return handler
