"""`python -m firmware.daemon`: the process that a service manager keeps. `branchline run` becomes it.

It has none of the command line's libraries in its memory, which is counted in megabytes on a small board (docs/install.md).
"""

import firmware.daemon.spared_imports  # noqa: F401  # before any of what it spares

# isort: split
import argparse
import asyncio
import gc
import sys
from pathlib import Path

import structlog

from firmware.compliance.errors import ComplianceError
from firmware.daemon.starting import run_hardware_box
from firmware.settings import SettingsError, load_settings
from firmware.store.errors import StoreError
from firmware.sync.errors import BrokerRefusedError
from firmware.sync.signing import KeyFileError

EXIT_SETTINGS = 2
EXIT_BROKER = 3


def main() -> int:
    """Serve until told to stop, and return the exit status; errors are one line that says what to do."""
    gc.freeze()  # what was imported is never garbage
    gc.enable()
    parser = argparse.ArgumentParser(prog="branchline run")
    parser.add_argument("--config", type=Path, required=True)
    config = parser.parse_args().config
    # As on the command line: what the parts log is no part of an answer; `serve` sends it to the journal.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    try:
        asyncio.run(run_hardware_box(load_settings(config), config=config))
    except BrokerRefusedError as error:
        return _failed(error, EXIT_BROKER)
    except (KeyFileError, StoreError, SettingsError, ComplianceError) as error:
        return _failed(error, EXIT_SETTINGS)
    return 0


def _failed(error: Exception, status: int) -> int:
    print(f"branchline: {error}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
