"""Files that others must not read, and folders that appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Create `path` with mode 0600 from its first byte. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_private(path: Path, content: bytes) -> None:
    """Put `content` in the place of whatever `path` was, whole or not at all; mode 0600."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    write_private(fresh, content)
    fresh.replace(path)
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def folder_made_whole(folder: Path) -> Iterator[Path]:
    """Yield a folder to fill that becomes `folder` at the end; a failure leaves nothing behind.

    Raises FileExistsError if `folder` is there already and is not an empty folder.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(folder)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))  # 0700
    try:
        yield draft
        os.rename(draft, folder)  # replaces an empty folder, nothing else
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
