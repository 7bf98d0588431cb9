"""The broker of an office under test."""

import signal
import socket
import subprocess
import time

from console.office import Office


class Broker:
    """mosquitto with the configuration that `init` wrote."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._process: subprocess.Popen[bytes] | None = None
        self.log = office.folder / "mosquitto.log"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["/usr/sbin/mosquitto", "-c", str(self._office.broker_folder / "mosquitto.conf")],
                stdout=log,
                stderr=log,
            )
        deadline_s = time.monotonic() + 5
        while time.monotonic() < deadline_s:
            assert self._process.poll() is None, self.log.read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._office.broker_port)) == 0:
                    return
            time.sleep(0.01)
        raise AssertionError(self.log.read_text())

    def reload(self) -> None:
        """Have it read certificates, revocations and rules again, as `systemctl reload mosquitto` does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(5)
            self._process = None
