"""The topic names of API version 1: ``branchline/1/{tenant}/{box}/…`` (docs/mqtt-api.md)."""

import re
from dataclasses import dataclass

API = "branchline/1"
ALL_BOXES = "all"
_LEVEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class InvalidNameError(ValueError):
    """A tenant, box, campaign or recording name that cannot be a topic level."""


def topic_level(name: str) -> str:
    """Return `name` if it can be one topic level. Raises InvalidNameError."""
    if not _LEVEL.fullmatch(name):
        raise InvalidNameError(
            f"{name!r}: use 1 to 64 letters, digits, '.', '_' or '-', starting with a letter or digit"
        )
    return name


@dataclass(frozen=True, slots=True)
class BoxTopics:
    """The topics of one box, seen from either side."""

    tenant: str
    box: str

    def __post_init__(self) -> None:
        topic_level(self.tenant)
        if topic_level(self.box) == ALL_BOXES:
            raise InvalidNameError(f"{ALL_BOXES!r} addresses every box and cannot name one")

    @property
    def _root(self) -> str:
        return f"{API}/{self.tenant}/{self.box}"

    def campaign(self, campaign: str) -> str:
        """Return where a campaign's manifest goes down."""
        return f"{self._root}/down/campaign/{topic_level(campaign)}"

    def contacts(self, campaign: str) -> str:
        """Return where a campaign's contact batches go down."""
        return f"{self._root}/down/contacts/{topic_level(campaign)}"

    @property
    def any_contacts(self) -> str:
        """Return what the topic of every campaign's batches begins with."""
        return f"{self._root}/down/contacts/"

    def recording(self, recording: str) -> str:
        """Return where orders about a recording go down."""
        return f"{self._root}/down/recording/{topic_level(recording)}"

    def down(self, leaf: str) -> str:
        """Return a plain down topic: control, receipt, suppress, policy, config, command."""
        return f"{self._root}/down/{leaf}"

    def up(self, leaf: str) -> str:
        """Return a plain up topic: state, ack, outcome, event, telemetry, audit, request, response."""
        return f"{self._root}/up/{leaf}"

    def subscriptions(self) -> list[str]:
        """Return what a box subscribes to: its own down topics and those for all boxes."""
        return [f"{self._root}/down/#", f"{API}/{self.tenant}/{ALL_BOXES}/down/#"]


def up_filter(tenant: str, leaf: str = "#") -> str:
    """Return the console's subscription: everything every box of the tenant sends, or one leaf of it."""
    return f"{API}/{topic_level(tenant)}/+/up/{leaf}"


def shared(group: str, topic_filter: str) -> str:
    """Return the subscription of which each message goes to one member of the group alone (MQTT 5 §4.8.2)."""
    return f"$share/{topic_level(group)}/{topic_filter}"


def all_boxes_down(tenant: str, leaf: str) -> str:
    """Return the topic that reaches every box of a tenant."""
    return f"{API}/{topic_level(tenant)}/{ALL_BOXES}/down/{leaf}"


def split_up(topic: str) -> tuple[str, str, str] | None:
    """Return (tenant, box, leaf) of an up topic, None for anything else."""
    parts = topic.split("/")
    if len(parts) < 6 or "/".join(parts[:2]) != API or parts[4] != "up":
        return None
    return parts[2], parts[3], "/".join(parts[5:])


def split_down(topic: str) -> tuple[str, str, str] | None:
    """Return (tenant, box, leaf) of a down topic, None for anything else."""
    parts = topic.split("/")
    if len(parts) < 6 or "/".join(parts[:2]) != API or parts[4] != "down":
        return None
    return parts[2], parts[3], "/".join(parts[5:])


def topic_matches(topic_filter: str, topic: str) -> bool:
    """Say whether a subscription with ``+`` and ``#`` covers a topic (MQTT 5 §4.7)."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    for position, level in enumerate(wanted):
        if level == "#":
            return True
        if position >= len(given) or level not in {"+", given[position]}:
            return False
    return len(wanted) == len(given)
