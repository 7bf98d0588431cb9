"""Memory that only the start needed goes back, and nothing that was written is lost."""

import mmap
import subprocess
import sys
from pathlib import Path

from firmware.host.start_pages import file_mappings, give_back

SMAPS = """\
55d0c0000000-55d0c0200000 r-xp 0001f000 fe:00 1234                       /usr/bin/python3.11
Size:               2048 kB
Rss:                1900 kB
Shared_Dirty:          0 kB
Private_Dirty:         0 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me sd
7f0000000000-7f0000010000 r--p 00000000 fe:00 99                         /usr/lib/libcrypto.so.3
Rss:                  64 kB
Shared_Dirty:          0 kB
Private_Dirty:        64 kB
Anonymous:            64 kB
7f0000020000-7f0000030000 rw-p 00000000 fe:00 99                         /usr/lib/a file (deleted)
Rss:                  64 kB
Shared_Dirty:          0 kB
Private_Dirty:         0 kB
Anonymous:             0 kB
7f0000040000-7f0000050000 rw-p 00000000 00:00 0                          [heap]
Rss:                  64 kB
Private_Dirty:        64 kB
"""
PROGRAM = """
import hashlib, ssl, sqlite3, sys
from firmware.host.start_pages import give_back
rows = lambda: [line.split()[1] for line in open('/proc/self/smaps_rollup') if line.startswith('Rss:')]
before = int(rows()[0])
given = give_back()
after = int(rows()[0])
assert hashlib.sha256(b'x').hexdigest().startswith('2d711642') and ssl.create_default_context()
assert sqlite3.connect(':memory:').execute('SELECT 7').fetchone() == (7,)
print(given, before - after)
"""


def test_only_what_is_as_in_its_file_is_named() -> None:
    """Relocated tables (RELRO) cannot be written to any more, and are not in the file: they would be lost."""
    found = list(file_mappings(SMAPS))
    assert [(each.resident_kib, each.is_as_in_file) for each in found] == [
        (1900, True),
        (64, False),
        (64, False),
    ]
    assert (found[0].start, found[0].end) == (0x55D0C0000000, 0x55D0C0200000)


def test_a_kernel_that_counts_nothing_is_believed_nothing() -> None:
    assert [each.is_as_in_file for each in file_mappings("0-1000 r--p 0 fe:00 1 /x\nRss: 4 kB\n")] == [False]


def test_a_program_goes_on_with_less() -> None:
    """OpenSSL, SQLite and Python itself are found again when they are called."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    given, less = map(int, done.stdout.split())
    assert given > 2000
    assert less > 1000


def test_what_was_written_into_a_private_mapping_stays(tmp_path: Path) -> None:
    """Also once it cannot be written to any more, as with what the loader relocated."""
    path = tmp_path / "file"
    path.write_bytes(b"old" * 4096)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as written:
        written[:3] = b"new"
        give_back()
        assert written[:3] == b"new"
