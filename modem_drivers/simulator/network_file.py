"""A network from a YAML file, or by the name of a usual one."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import yaml

from modem_drivers.simulator.errors import SimulatorError
from modem_drivers.simulator.network import CHINA_MOBILE, Network, Operator
from modem_drivers.simulator.people import Person
from modem_drivers.simulator.ussd import USUAL_CODES, UssdAnswer

_STANDINGS = {"not_registered": 0, "home": 1, "searching": 2, "denied": 3, "roaming": 5}


class OperatorFields(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Who runs the network."""

    long_name: str = CHINA_MOBILE.long_name
    short_name: str = CHINA_MOBILE.short_name
    numeric: str = CHINA_MOBILE.numeric
    location_area: str = CHINA_MOBILE.location_area
    cell: str = CHINA_MOBILE.cell


class UssdFields(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a code brings, when it is more than a text."""

    text: str
    choices: dict[str, "str | UssdFields"] = {}


class NetworkFields(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """All a network file can say."""

    operator: OperatorFields = OperatorFields()
    registration: str = "home"
    rssi: int = 23
    congested: bool = False
    setup_s: float = 1.5
    ring_limit_s: float = 55.0
    country_code: str = "86"
    vacant_announcement: str | None = None
    tells_time: bool = True
    zone_hours: float = 8.0
    ussd: dict[str, str | UssdFields] | None = None


USUAL_NETWORKS = {
    "good": NetworkFields(),
    "weak": NetworkFields(rssi=4),
    "roaming": NetworkFields(registration="roaming"),
    "searching": NetworkFields(registration="searching", rssi=99),
    "denied": NetworkFields(registration="denied"),
    "congested": NetworkFields(congested=True),
}


def load_network(
    source: str,
    people: list[Person],
    *,
    voice: Callable[[str, str], bytes] | None = None,
    call_log_path: Path | None = None,
) -> Network:
    """Return the network `source` names or, as a file, describes. Raises SimulatorError saying what is wrong."""
    fields = USUAL_NETWORKS.get(source)
    if fields is None:
        fields = _read(Path(source))
    if fields.registration not in _STANDINGS:
        raise SimulatorError(f"registration `{fields.registration}` is unknown: use {', '.join(_STANDINGS)}")
    zone = timezone(timedelta(hours=fields.zone_hours))
    network = Network(
        people,
        voice=voice,
        call_log_path=call_log_path,
        setup_s=fields.setup_s,
        ring_limit_s=fields.ring_limit_s,
        operator=Operator(**msgspec.structs.asdict(fields.operator)),
        country_code=fields.country_code,
        vacant_announcement=fields.vacant_announcement,
        ussd=USUAL_CODES if fields.ussd is None else _answers(fields.ussd),
        clock=(lambda: datetime.now(UTC).astimezone(zone)) if fields.tells_time else None,
    )
    network.rssi, network.is_congested = fields.rssi, fields.congested
    network.registration = _STANDINGS[fields.registration]
    return network


def _read(path: Path) -> NetworkFields:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return msgspec.convert(document or {}, NetworkFields)
    except FileNotFoundError:
        names = ", ".join(USUAL_NETWORKS)
        raise SimulatorError(f"network {path}: no such file, and none of {names}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as problem:
        raise SimulatorError(f"network {path.name}: {problem}") from problem


def _answers(fields: Mapping[str, str | UssdFields]) -> dict[str, UssdAnswer]:
    return {
        code: UssdAnswer(text=given)
        if isinstance(given, str)
        else UssdAnswer(text=given.text, choices=_answers(given.choices))
        for code, given in fields.items()
    }
