"""The network's own record of every call: the witness that nobody was rung twice."""

import json
import os
from pathlib import Path


class CallLog:
    """Rows in order of time, in memory and, given a path, appended to a JSON-lines file as they happen."""

    def __init__(self, path: Path | None = None) -> None:
        self.rows: list[dict[str, object]] = []
        self._path = path

    def add(self, *, at_s: float, event: str, number: str, modem: str, **details: object) -> None:
        """Record one event; on return the operating system has it, should this process die."""
        row: dict[str, object] = {
            "at_s": round(at_s, 3),
            "event": event,
            "number": number,
            "modem": modem,
            **details,
        }
        self.rows.append(row)
        if self._path is None:
            return
        # One write to a file opened for appending: processes may share the file without tearing a line.
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, (json.dumps(row, ensure_ascii=False) + "\n").encode())
        finally:
            os.close(file)

    def dialled(self, number: str) -> int:
        """Return how often `number` (international form) was dialled."""
        return sum(row["event"] == "dialled" and row["number"] == number for row in self.rows)
