"""Nodes that take a value from the callee: captures, promises, plans."""

import re
from collections.abc import Mapping
from datetime import time

from firmware.dialogue.document import Scalar, Tree
from firmware.dialogue.fields import Fields, Problems
from firmware.dialogue.intents import ANYTIME_KEYS
from firmware.dialogue.nodes import (
    CaptureKind,
    CaptureNode,
    Interval,
    Node,
    OfferedTime,
    PlanNode,
    PromiseNode,
    VisitLimit,
)
from firmware.dialogue.plan_terms import MAX_INSTALMENTS, MIN_INSTALMENTS
from firmware.dialogue.variables import CALLBACK_EARLIEST, CALLBACK_LATEST, Position

MAX_TRIES = 3
KEY_ANSWER = re.compile(r"dtmf ([0-9*#])")
_OFFER = re.compile(r"(today|tomorrow|day_after) ([0-9]{2}):([0-9]{2})")


class ValueNodeReader:
    """Reads the nodes that take a value; where a way leads is read by whoever reads nodes."""

    def __init__(self, problems: Problems) -> None:
        self.captures: dict[str, CaptureKind] = {}
        self.slots: dict[str, Position] = {}
        self._problems = problems

    def _read(self, id_: str, tree: Tree, at: Position) -> str:
        """Read one node written inline, and return its id."""
        raise NotImplementedError

    def _target(self, of: Fields, key: str, id_: str) -> str:
        tree = of.tree(key)
        if tree is None:
            return ""
        return self._target_of(tree, of.where(key), f"{id_}.{key}")

    def _target_of(self, tree: Tree, at: Position, inline_id: str) -> str:
        if isinstance(tree, Scalar):
            return tree.text
        return self._read(inline_id, tree, at)

    def _capture(self, of: Fields, id_: str, at: Position, limit: VisitLimit | None) -> Node | None:
        kind = of.choice("capture", ("promise", *map(str, CaptureKind)))
        if kind is None:
            return None
        wait_s = of.number("wait_s", float, 3.0, 20.0, 8.0)
        if kind == "promise":
            failed = self._target(of, "failed", id_)
            return PromiseNode(
                id=id_,
                at=at,
                limit=limit,
                due=of.name("due") or "",
                amount=of.name("amount", needed=False),
                read_back=of.name("read_back") or "",
                confirmed=self._target(of, "confirmed", id_),
                rejected=self._target(of, "rejected", id_),
                failed=failed,
                not_possible=self._target(of, "not_possible", id_) if "not_possible" in of else failed,
                wait_s=wait_s,
            )
        into = of.name("into") or ""
        if self.captures.setdefault(into, CaptureKind(kind)) != kind:
            of.problem(of.where("into"), f"the slot {into!r} is captured as {self.captures[into]} elsewhere")
        self.slots.setdefault(into, of.where("into"))
        read_back = of.name("read_back", needed=False)
        return CaptureNode(
            id=id_,
            at=at,
            limit=limit,
            kind=CaptureKind(kind),
            into=into,
            prompt=of.name("say") or "",
            invalid=of.name("invalid", needed=False),
            tries=of.number("tries", int, 1, MAX_TRIES),
            next=self._target(of, "next", id_),
            failed=self._target(of, "failed", id_),
            length=of.number("length", int, 1, 20) if kind == "digits" else None,
            at_most=of.name("at_most") if kind == "amount" else None,
            at_least=of.name("at_least", needed=False) if kind == "amount" else None,
            offers=self._offers(of, id_) if kind == "callback" else {},
            most=of.number("most", int, 2, 8, 5) if kind == "rating" else 5,
            keep=of.name("keep", needed=False),
            read_back=read_back,
            rejected=self._target(of, "rejected", id_) if read_back else None,
            wait_s=wait_s,
        )

    def _offers(self, of: Fields, id_: str) -> Mapping[str, OfferedTime]:
        """Read the times to ring back that one key each stands for, as in ``dtmf 1: tomorrow 10:00``."""
        offers: dict[str, OfferedTime] = {}
        tree = of.tree("offers", needed=False)
        if tree is None:
            return offers
        listed = Fields(tree, f"offers of {id_!r}", self._problems)
        for answer, where, value in listed.items():
            key = KEY_ANSWER.fullmatch(answer)
            offer = _OFFER.fullmatch(value.text) if isinstance(value, Scalar) else None
            if key is None or key[1] in (*ANYTIME_KEYS, "#"):
                listed.problem(where, f"{answer!r} is no key to choose with: `dtmf 1` to `dtmf 8`")
            elif offer is None or not _is_callback_time(int(offer[2]), int(offer[3])):
                listed.problem(
                    where,
                    "a time to ring back is `today 15:30` or `tomorrow 10:00`, from 09:00 to 20:00, half hours",
                )
            else:
                days = {"today": 0, "tomorrow": 1, "day_after": 2}[offer[1]]
                offers[key[1]] = OfferedTime(days=days, hour=int(offer[2]), minute=int(offer[3]))
        if not offers:
            listed.problem(listed.at, f"{id_!r} offers no time to ring back")
        return offers

    def _plan(self, of: Fields, id_: str, at: Position, limit: VisitLimit | None) -> Node:
        counts = of.words("offers", None)
        good = [int(count) for count in counts if re.fullmatch(r"[0-9]{1,2}", count)]
        if (
            len(good) < len(counts)
            or not good
            or not all(MIN_INSTALMENTS <= count <= MAX_INSTALMENTS for count in good)
        ):
            of.problem(
                of.where("offers"),
                f"`offers:` lists numbers of instalments from {MIN_INSTALMENTS} to {MAX_INSTALMENTS}, as in [3, 6]",
            )
        if sorted(set(good)) != good:
            of.problem(of.where("offers"), "`offers:` go from fewer instalments to more, each number once")
        declined = self._target(of, "declined", id_)
        return PlanNode(
            id=id_,
            at=at,
            limit=limit,
            amount=of.name("plan") or "",
            offers=tuple(good),
            most=of.name("most", needed=False),
            least=of.name("least", needed=False),
            first=of.name("first") or "",
            every=Interval(of.choice("every", [str(every) for every in Interval], "month") or "month"),
            prompt=of.name("say") or "",
            read_back=of.name("read_back") or "",
            confirmed=self._target(of, "confirmed", id_),
            declined=declined,
            failed=self._target(of, "failed", id_),
            not_possible=self._target(of, "not_possible", id_) if "not_possible" in of else declined,
            wait_s=of.number("wait_s", float, 3.0, 20.0, 8.0),
        )


def _is_callback_time(hour: int, minute: int) -> bool:
    return minute in (0, 30) and hour < 24 and CALLBACK_EARLIEST <= time(hour, minute) <= CALLBACK_LATEST
