"""Where a box keeps what is its own."""

from pathlib import Path

from firmware.settings import Settings


def database_path(settings: Settings) -> Path:
    """Return where the box keeps its database."""
    return Path(settings.box.data_dir) / "box.db"
