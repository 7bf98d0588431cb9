"""Changes to the disk that a power cut finds either not begun or done: whole files, links, removals, each written out.

Everything that must survive a cut goes through one `Disk`, so that a test can cut the power before every one of them.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path


class Disk:
    """Durable steps, one after the other."""

    def __init__(self, before_step: Callable[[str], None] = lambda what: None) -> None:
        """`before_step` hears of each step before it is taken; a test raises there."""
        self._before_step = before_step

    def write(self, path: Path, body: bytes, *, mode: int = 0o600) -> None:
        """Put `body` in the place of whatever `path` was."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        self._before_step(f"write {fresh.name}")
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask says
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        self._before_step(f"rename {path.name}")
        fresh.replace(path)
        self._sync(path.parent)

    def link(self, link: Path, target: Path) -> None:
        """Have `link` point to `target`, all at once."""
        fresh = link.with_name(f".{link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        self._before_step(f"link {link.name}")
        fresh.replace(link)
        self._sync(link.parent)

    def rename(self, source: Path, target: Path) -> None:
        """Have `source`, whose content was written out, be `target`."""
        self._before_step(f"rename {target.name}")
        source.replace(target)
        self._sync(target.parent)

    def remove(self, path: Path) -> None:
        """Have `path` not be there, a folder with all that is in it."""
        if not path.is_symlink() and not path.exists():
            return
        self._before_step(f"remove {path.name}")
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        self._sync(path.parent)

    def shred(self, path: Path) -> None:
        """Remove a file after writing over it: on flash old copies may stay, which is why keys are sealed where they can be."""
        if path.is_file() and not path.is_symlink():
            self._before_step(f"shred {path.name}")
            with path.open("r+b") as file:
                file.write(bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
        self.remove(path)

    def empty(self, folder: Path, *, last: str = "") -> None:
        """Have nothing be in `folder`, which stays: a service's folder may be a mount or a link."""
        if not folder.is_dir():
            return
        for path in sorted(folder.iterdir(), key=lambda path: (path.name == last, path.name)):
            self.remove(path)

    @staticmethod
    def _sync(folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
