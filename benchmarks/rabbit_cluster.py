"""Three RabbitMQ nodes on this machine, one cluster, each with its MQTT port; one of them can be killed."""

import os
import secrets
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

from benchmarks.local_broker import free_port, wait_for_port

PROGRAMS = Path("/usr/lib/rabbitmq/bin")
N_NODES = 3
START_TIMEOUT_S = 180.0
COMMAND_TIMEOUT_S = 120


class RabbitCluster:
    """Runs while entered. The first node starts alone, the others join it."""

    def __init__(self, folder: Path) -> None:
        if not (PROGRAMS / "rabbitmq-server").exists():
            raise RuntimeError("RabbitMQ is not installed: apt-get install rabbitmq-server")
        self._folder = folder
        self._cookie = secrets.token_hex(16)
        self._epmd_port = free_port()
        tag = secrets.token_hex(3)
        self._names = [f"fleet{tag}{number}@localhost" for number in range(N_NODES)]
        self.ports = [free_port() for _ in range(N_NODES)]
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "RabbitCluster":
        try:
            for number in range(N_NODES):
                self._start(number)
            # Sessions live on two nodes each, so that a killed one takes none with it.
            policy = '{"ha-mode":"exactly","ha-params":2,"ha-sync-mode":"automatic"}'
            self._control(0, "set_policy", "sessions", "^mqtt-subscription-", policy)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def kill_last(self) -> None:
        """Kill the last node as a power cut would."""
        os.killpg(self._processes[-1].pid, signal.SIGKILL)
        self._processes[-1].wait()

    def _environment(self, number: int) -> dict[str, str]:
        home = self._folder / f"node-{number}"
        return {
            **os.environ,
            "HOME": str(home),
            "RABBITMQ_NODENAME": self._names[number],
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "LC_ALL": "C.UTF-8",
        }

    def _start(self, number: int) -> None:
        home = self._folder / f"node-{number}"
        home.mkdir()
        cookie = home / ".erlang.cookie"
        cookie.write_text(self._cookie)
        cookie.chmod(0o400)
        (home / "plugins").write_text("[rabbitmq_mqtt].\n")
        nodes = "".join(
            f"cluster_formation.classic_config.nodes.{place} = {name}\n"
            for place, name in enumerate(self._names, 1)
        )
        (home / "rabbitmq.conf").write_text(
            f"listeners.tcp = none\nmqtt.listeners.tcp.1 = 127.0.0.1:{self.ports[number]}\n"
            "mqtt.allow_anonymous = true\nmqtt.prefetch = 64\nmqtt.exchange = amq.topic\nlog.file.level = error\n"
            f"cluster_formation.peer_discovery_backend = classic_config\n{nodes}"
        )
        process = subprocess.Popen(
            [str(PROGRAMS / "rabbitmq-server")],
            env=self._environment(number),
            start_new_session=True,
            stdout=(home / "out").open("wb"),
            stderr=subprocess.STDOUT,
        )
        self._processes.append(process)
        wait_for_port(self.ports[number], process, timeout_s=START_TIMEOUT_S)
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while self._names[number] not in self._control(0, "cluster_status", "--formatter", "json"):
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{self._names[number]} did not join the cluster")

    def _control(self, number: int, *arguments: str) -> str:
        done = subprocess.run(
            [str(PROGRAMS / "rabbitmqctl"), "-n", self._names[number], *arguments],
            env=self._environment(number),
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"rabbitmqctl {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _stop(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        # Its own port mapper stays when the nodes are gone, and will not end before it has noticed that they are.
        for _ in range(40):
            ended = subprocess.run(
                ["epmd", "-port", str(self._epmd_port), "-kill"],
                capture_output=True,
                text=True,
                timeout=10,
                check=False,
            )
            if "not allowed" not in ended.stdout + ended.stderr:
                return
            time.sleep(0.25)
