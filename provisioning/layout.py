"""Where an installation lies, in a machine or in a tree that becomes one."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Paths of an installation under `root`."""

    root: Path = Path("/")

    @property
    def releases(self) -> Path:
        """Return the folder with one virtual environment a release."""
        return self.root / "opt/branchline/releases"

    @property
    def current(self) -> Path:
        """Return the link to the release in use."""
        return self.root / "opt/branchline/current"

    @property
    def good(self) -> Path:
        """Return the link to the last release that proved good: what updates and goes back runs from there."""
        return self.root / "opt/branchline/good"

    @property
    def updates(self) -> Path:
        """Return root's folder for updating."""
        return self.root / "var/lib/branchline-update"

    @property
    def update_wanted(self) -> Path:
        """Return the file by which the daemon asks root for an update."""
        return self.data / "update-wanted.json"

    @property
    def update_trial(self) -> Path:
        """Return the file that holds calls back while a release is on trial."""
        return self.data / "update-trial"

    @property
    def update_outcome(self) -> Path:
        """Return the file by which root tells the daemon what came of an update."""
        return self.data / "update-outcome.json"

    @property
    def release_root(self) -> Path:
        """Return whom the box believes about releases, as it was told when it became one."""
        return self.settings / "release-root.json"

    @property
    def program(self) -> Path:
        """Return the command as a technician types it."""
        return self.root / "usr/local/bin/branchline"

    @property
    def settings(self) -> Path:
        """Return the folder of box.toml."""
        return self.root / "etc/branchline"

    @property
    def data(self) -> Path:
        """Return the daemon's own folder."""
        return self.root / "var/lib/branchline"

    @property
    def identity(self) -> Path:
        """Return the folder of what a machine knows of itself before it is a box: root's alone."""
        return self.root / "var/lib/branchline-identity"

    @property
    def reset_asked(self) -> Path:
        """Return the file by which the daemon's user asks root for a factory reset."""
        return self.data / "factory-reset-asked"

    @property
    def reboot_asked(self) -> Path:
        """Return the file by which the daemon's user asks root for a restart of the machine."""
        return self.data / "reboot-asked"

    @property
    def issue(self) -> Path:
        """Return what every login on a console shows above its prompt (agetty), made anew at each boot."""
        return self.root / "run/issue.d/branchline.issue"

    @property
    def claim_status(self) -> Path:
        """Return what says how the claim stands, to the page and the technician."""
        return self.root / "run/branchline-claim/standing.json"

    @property
    def stick_copies(self) -> Path:
        """Return where the claim files of sticks are put by the one service that may mount them."""
        return self.root / "run/branchline-sticks"

    @property
    def wanted_by(self) -> Path:
        """Return the link that starts the daemon at boot."""
        return self.root / "etc/systemd/system/multi-user.target.wants/branchline.service"

    def wanted(self, unit: str) -> Path:
        """Return the link that starts a unit at boot."""
        return self.wanted_by.with_name(unit)

    @property
    def drop_in(self) -> Path:
        """Return the drop-in that takes keys as they are, for a machine that cannot seal."""
        return self.root / "etc/systemd/system/branchline.service.d/plain-credentials.conf"

    def system_file(self, name: str) -> Path | None:
        """Return where a file of systemd/ belongs, None for one that is put in place by hand."""
        lib = self.root / "usr/local/lib"
        stem, _, kind = name.rpartition(".")
        match kind:
            case "service" | "path" | "timer" | "socket" | "target":
                return lib / "systemd/system" / name
            case "rules":
                return lib / "udev/rules.d" / name
            case "sysusers" | "tmpfiles":
                return lib / f"{kind}.d" / f"{stem}.conf"
        return None

    def inside(self, path: Path) -> Path:
        """Return a path as the installed machine sees it."""
        return Path("/") / path.relative_to(self.root)

    @property
    def is_live(self) -> bool:
        """Say whether this is the machine that runs, under systemd."""
        return self.root == Path("/") and Path("/run/systemd/system").is_dir()
