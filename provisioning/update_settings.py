"""`box.toml` while releases change: read whatever release it was written for, and put back for one that cannot read it.

A release refuses settings with a key that it does not know, as a misspelt limit must be no missing limit. An updater that
did so could not go back from the release that knows the key, and the one gone back to would not start.
"""

import structlog

from firmware.settings import Settings, SettingsError, load_known_settings, load_settings
from provisioning.disk import Disk
from provisioning.layout import Layout

log = structlog.get_logger()


class UpdateSettings:
    """The settings of a box, as the updater treats them."""

    def __init__(self, layout: Layout, disk: Disk) -> None:
        self._config = layout.settings / "box.toml"
        self._newer = layout.settings / "box.toml.newer"
        self._kept = layout.updates / "box.toml.before"
        self._disk = disk

    def read(self) -> Settings:
        """Return the settings by what this release knows of them, else those before the update. Raises SettingsError."""
        try:
            settings, unknown = load_known_settings(self._config)
        except SettingsError as error:
            if not self._kept.is_file():
                raise
            log.warning("settings_before_update_used", reason=str(error))
            return load_known_settings(self._kept)[0]
        if unknown:
            log.warning("settings_not_known", keys=unknown)
        return settings

    def keep(self) -> None:
        """Keep them as they are, before another release is switched to."""
        if self._config.is_file():
            self._disk.write(self._kept, self._config.read_bytes())

    def put_back(self) -> str:
        """Put back those before the update if this release cannot start by what is there now; return what was done, in words."""
        try:
            load_settings(self._config)
        except SettingsError as error:
            if not self._kept.is_file() or self._kept.read_bytes() == self._config_bytes():
                return ""  # it was so before
            log.warning("settings_put_back", reason=str(error))
            self._disk.write(self._newer, self._config_bytes())
            # Everybody may read the file, and few its folder.
            self._disk.write(self._config, self._kept.read_bytes(), mode=0o644)
            return f", settings as before (what was there: {self._newer.name})"
        return ""

    def forget(self) -> None:
        """Keep nothing any more."""
        self._disk.remove(self._kept)

    def _config_bytes(self) -> bytes:
        return self._config.read_bytes() if self._config.is_file() else b""
