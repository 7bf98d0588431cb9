"""What only the start needed goes back to the kernel: pages of program files read once, and what malloc holds empty.

A third of a daemon's resident memory is program files (OpenSSL, numpy, the interpreter) that were mapped around each first
touch. They lie in the page cache in any case; unmapped, the kernel may drop them for something that is needed.
"""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MADV_DONTNEED = 4
"""madvise(2): for a file's pages that nobody wrote to this only forgets where they lie; the next touch finds them again."""
MAPS = Path("/proc/self/smaps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """One mapping of a file into this process."""

    start: int
    end: int
    resident_kib: int
    is_as_in_file: bool
    """It cannot be written to, and no page of it was ever written to: relocated tables are not in the file."""


def give_back() -> int:
    """Return how many KiB of program files were resident and are not now; what is used of them comes back by itself."""
    try:
        text = MAPS.read_text(encoding="ascii", errors="replace")
        libc = ctypes.CDLL(None, use_errno=True)
    except OSError:  # /proc is hidden, or this is no Linux with a C library of its own
        return 0
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    given = 0
    for mapping in file_mappings(text):
        refused = not mapping.is_as_in_file or libc.madvise(
            mapping.start, mapping.end - mapping.start, MADV_DONTNEED
        )
        given += 0 if refused else mapping.resident_kib
    if hasattr(libc, "malloc_trim"):  # glibc
        libc.malloc_trim(0)
    return given


def file_mappings(smaps: str) -> Iterator[Mapping]:
    """Read the mappings of files out of /proc/PID/smaps (proc(5))."""
    head: list[str] = []
    figures: dict[str, int] = {}
    for line in [*smaps.splitlines(), "0-0 end"]:
        words = line.split()
        if not words[0].endswith(":"):
            if len(head) >= 6 and head[5].startswith("/"):
                start, _, end = head[0].partition("-")
                yield Mapping(
                    start=int(start, 16),
                    end=int(end, 16),
                    resident_kib=figures.get("Rss:", 0),
                    is_as_in_file="w" not in head[1]
                    and head[1].endswith("p")
                    and not any(
                        figures.get(name, 1) for name in ("Private_Dirty:", "Shared_Dirty:", "Anonymous:")
                    ),
                )
            head, figures = words, {}
        elif len(words) == 3 and words[2] == "kB":
            figures[words[0]] = int(words[1])
