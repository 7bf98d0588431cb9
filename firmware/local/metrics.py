"""The box's figures in Prometheus' text format: counts, codes and line ids, never a number or a name."""

from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from firmware.local.facts import BoxFacts
from firmware.local.trouble import GROUPS
from firmware.local.words import ALARMS, LINE_STATUS

CONTENT_TYPE = CONTENT_TYPE_LATEST


def metrics_of(facts: BoxFacts) -> bytes:
    """Return one scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape(facts))
    return generate_latest(registry)


class _Scrape(Collector):
    def __init__(self, facts: BoxFacts) -> None:
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        facts = self._facts
        info = GaugeMetricFamily("branchline_info", "The box and its software", labels=["box", "version"])
        info.add_metric([facts.box, facts.version], 1)
        yield info
        yield _gauge("uptime_seconds", "Since the daemon began", facts.uptime_s)
        yield _gauge("dialling", "1 while calls may be placed", float(facts.dialling == "yes"))
        yield _gauge("clock_trusted", "1 while the clock may be believed", float(facts.clock_trusted))
        yield _gauge("calls_active", "Calls under way", facts.calls_up)
        yield _gauge("contacts_waiting", "People still to be called", facts.queue.contacts)
        yield _gauge("console_connected", "1 while connected to the broker", float(facts.uplink.connected))
        yield _gauge("outbox_messages", "Messages that the console has not receipted", facts.uplink.waiting)
        yield _gauge("outbox_bytes", "Their size", facts.uplink.waiting_bytes)
        yield _gauge("outbox_oldest_seconds", "How long the oldest has waited", facts.uplink.oldest_s)
        yield from self._machine()
        yield from self._lines()
        calls = GaugeMetricFamily(
            "branchline_calls_today",
            "Calls ended since local midnight, by what came of them",
            labels=["group"],
        )
        for group in GROUPS:
            calls.add_metric([group], facts.today.groups.get(group, 0))
        yield calls
        alarms = GaugeMetricFamily("branchline_alarm", "Alarms that stand, by code", labels=["code"])
        for code in sorted(ALARMS):
            alarms.add_metric([code], sum(alarm.code == code for alarm in facts.alarms))
        yield alarms

    def _machine(self) -> Iterator[Metric]:
        machine = self._facts.machine
        for name, text, value in (
            ("cpu_temperature_celsius", "The hottest zone", machine.cpu_temp_c),
            ("load_1m", "Load average of one minute", machine.load_1m),
            ("memory_available_bytes", "Memory left", machine.memory_available_bytes),
            ("disk_free_bytes", "Room for the database and recordings", machine.disk_free_bytes),
        ):
            if value is not None:
                yield _gauge(name, text, value)

    def _lines(self) -> Iterator[Metric]:
        status = GaugeMetricFamily(
            "branchline_line_status", "1 for the state of each line", labels=["line", "status"]
        )
        rssi = GaugeMetricFamily("branchline_line_rssi_dbm", "Received signal", labels=["line"])
        for line in self._facts.lines:
            for each in LINE_STATUS:
                status.add_metric([line.line, each], float(line.status == each))
            if line.rssi_dbm is not None:
                rssi.add_metric([line.line], line.rssi_dbm)
        yield status
        yield rssi


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"branchline_{name}", text, value=value)
