"""A PostgreSQL server of its own: in a temporary folder, on a socket there, by no privileged user, gone afterwards."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

_CAREFREE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""Nothing here outlives the power."""
_START_S = 20.0


class ThrowawayPostgresql:
    """A running server; every ledger gets a schema of its own in one database."""

    def __init__(self, folder: Path, run: list[str]) -> None:
        self._folder = folder
        self._run = run
        self._n_schemas = 0

    def new_ledger(self) -> str:
        """Make an empty schema, and return the address under which it looks like a database."""
        self._n_schemas += 1
        schema = f"ledger_{self._n_schemas}"
        self.sql(f"CREATE SCHEMA {schema}")
        options = quote(f"-c search_path={schema} -c lock_timeout=60s")
        return f"{self.address}&options={options}"

    @property
    def address(self) -> str:
        """Return the database's address."""
        return f"postgresql:///postgres?host={quote(str(self._folder))}&user=office"

    def sql(self, statement: str) -> None:
        """Do something as a program of its own would."""
        import psycopg

        with psycopg.connect(
            host=str(self._folder), user="office", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)


@contextmanager
def throwaway_postgresql(*settings: str) -> Iterator[ThrowawayPostgresql]:
    """Yield a server while the block runs; `settings` such as ``fsync=on`` win over careless ones."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    folder = Path(tempfile.mkdtemp(prefix="bl-pg-"))
    run = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() == 0:  # the server will not run as root
        shutil.chown(folder, "postgres", "postgres")
        run += ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
    log = folder / "log"
    try:
        wishes = ["-U", "office", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run(
            [*run, str(programs / "initdb"), "-D", str(folder / "data"), *wishes],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        wanted = [part for setting in (*_CAREFREE, *settings) for part in ("-c", setting)]
        server = [str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder)]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*run, *server, "-c", "listen_addresses=", *wanted], stdout=output, stderr=output, cwd=folder
            )
        try:
            _wait(process, folder, programs, log)
            yield ThrowawayPostgresql(folder, run)
        finally:
            process.send_signal(signal.SIGINT)  # does not wait for its clients
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], folder: Path, programs: Path, log: Path) -> None:
    deadline_s = time.monotonic() + _START_S
    ask = [str(programs / "pg_isready"), "-q", "-h", str(folder)]
    while subprocess.run(ask, check=False).returncode:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline_s, log.read_text()
        time.sleep(0.05)
