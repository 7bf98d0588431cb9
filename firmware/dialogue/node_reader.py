"""Nodes out of a flow document, those written inline included."""

from collections.abc import Callable, Iterable, Mapping

from firmware.dialogue.conditions import Condition, parse_condition
from firmware.dialogue.document import Scalar, Tree
from firmware.dialogue.endings import ENDINGS, SUPPRESSES
from firmware.dialogue.fields import NAME, Fields, Problems
from firmware.dialogue.intents import ANYTIME_KEYS, MEANINGS
from firmware.dialogue.nodes import (
    Anytime,
    AskNode,
    ChooseNode,
    EndNode,
    LanguageNode,
    MessageNode,
    Node,
    Repeat,
    Resume,
    Retry,
    SayNode,
    SmsNode,
    Switch,
    Target,
    TransferNode,
    VerifyNode,
    VisitLimit,
)
from firmware.dialogue.slots import Asked
from firmware.dialogue.speaking import LANGUAGES
from firmware.dialogue.value_nodes import KEY_ANSWER, MAX_TRIES, ValueNodeReader
from firmware.dialogue.variables import Position
from firmware.values import Disposition

KINDS = ("ask", "verify", "capture", "plan", "choose", "transfer", "sms", "language", "message", "end", "say")
BARGE_INS = ("none", "dtmf", "speech")
MAX_REPROMPTS = 3
MAX_VISITS = 5


class NodeReader(ValueNodeReader):
    """Collects the nodes, anytime handlers and slots of one document."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(problems)
        self.nodes: dict[str, Node] = {}
        self.anytime: dict[str, Anytime] = {}
        self._kinds: Mapping[str, Callable[[Fields, str, Position, VisitLimit | None], Node | None]] = {
            "ask": self._ask,
            "verify": self._verify,
            "capture": self._capture,
            "plan": self._plan,
            "choose": self._choose,
            "transfer": self._transfer,
            "sms": self._sms,
            "language": self._language,
            "message": self._message,
            "end": self._end,
            "say": self._say,
        }

    def read_nodes(self, flow: Fields) -> None:
        """Read `nodes:`."""
        tree = flow.tree("nodes")
        if tree is None:
            return
        listed = Fields(tree, "nodes", self._problems)
        for name, at, value in listed.items():
            if not NAME.fullmatch(name):
                listed.problem(at, f"{name!r} cannot name a node")
            self._read(name, value, at)

    def read_anytime(self, flow: Fields) -> None:
        """Read `anytime:`."""
        tree = flow.tree("anytime", needed=False)
        if tree is None:
            return
        listed = Fields(tree, "anytime", self._problems)
        for intent, at, value in listed.items():
            if intent not in MEANINGS:
                listed.problem(at, f"{intent!r} is no intent: there are {', '.join(sorted(MEANINGS))}")
            if isinstance(value, Scalar):
                self.anytime[intent] = Target(node=value.text, at=at)
                continue
            of = Fields(value, f"anytime {intent}", self._problems)
            if "repeat" in of:
                of.choice("repeat", ("true",))
                self.anytime[intent] = Repeat(at=at, is_slower=intent == "slower")
                of.close()
            elif "switch" in of:
                of.choice("switch", ("true",))
                otherwise = (
                    self._target(of, "not_possible", f"anytime.{intent}") if "not_possible" in of else None
                )
                self.anytime[intent] = Switch(not_possible=otherwise, at=at)
                of.close()
            elif "resume" in of:
                of.choice("resume", ("true",))
                self.anytime[intent] = Resume(prompt=of.name("say") or "", at=at)
                of.close()
            else:
                self.anytime[intent] = Target(node=self._read(f"anytime.{intent}", value, at), at=at)

    def _read(self, id_: str, tree: Tree, at: Position) -> str:
        """Read one node and return its id."""
        of = Fields(tree, f"the node {id_!r}", self._problems)
        kinds = [kind for kind in KINDS if kind in of]
        main = [kind for kind in kinds if kind != "say"] or kinds
        if len(main) != 1:
            have = f"has {' and '.join(main)}" if main else "has none"
            of.problem(at, f"the node {id_!r} must have one of {', '.join(KINDS)}; it {have}")
            return id_
        limit = None
        if (tree_ := of.tree("limit", needed=False)) is not None:
            bound = Fields(tree_, f"the limit of {id_!r}", self._problems)
            limit = VisitLimit(
                visits=bound.number("visits", int, 1, MAX_VISITS),
                then=self._target(bound, "then", f"{id_}.limit"),
            )
            bound.close()
        node = self._kinds[main[0]](of, id_, at, limit)
        of.close()
        if id_ in self.nodes:
            of.problem(at, f"two nodes would be called {id_!r}: give one of them a name of its own")
        if node is not None:
            self.nodes[id_] = node
        return id_

    def _say(self, of: Fields, id_: str, at: Position, limit: VisitLimit | None) -> Node:
        barge_in = of.choice("barge_in", BARGE_INS, "dtmf")
        return SayNode(
            id=id_,
            at=at,
            limit=limit,
            prompt=of.name("say") or "",
            next=self._target(of, "next", id_),
            barge_in="none" if barge_in == "none" else "speech" if barge_in == "speech" else "dtmf",
        )

    def _ask(self, of: Fields, id_: str, at: Position, limit: VisitLimit | None) -> Node:
        keys: dict[str, str] = {}
        intents: dict[str, str] = {}
        prompt = of.name("ask") or ""
        if (tree := of.tree("expect")) is not None:
            expect = Fields(tree, f"expect of {id_!r}", self._problems)
            for answer, where, value in expect.items():
                key = KEY_ANSWER.fullmatch(answer)
                if (key and key[1] in ANYTIME_KEYS) or answer in ("opt_out", "want_human"):
                    meaning = ANYTIME_KEYS[key[1]] if key else answer
                    expect.problem(
                        where, f"{answer!r} always means {meaning}: no node may give it another meaning"
                    )
                elif key:
                    keys[key[1]] = self._target_of(value, where, f"{id_}.{key[1]}")
                elif answer in MEANINGS:
                    intents[answer] = self._target_of(value, where, f"{id_}.{answer}")
                else:
                    expect.problem(where, f"{answer!r} is neither an intent nor a key (`dtmf 1`)")
            if not keys:
                expect.problem(
                    expect.at, f"{id_!r} must be answerable by keys: give at least one `dtmf` answer"
                )
        barge_in = of.choice("barge_in", BARGE_INS, "dtmf")
        return AskNode(
            id=id_,
            at=at,
            limit=limit,
            prompt=prompt,
            keys=keys,
            intents=intents,
            silence=self._retry(of, "silence", id_),
            no_match=self._retry(of, "no_match", id_),
            asked=Asked(
                of.choice("asks", [str(kind) for kind in Asked], _question(intents)) or Asked.NOTHING
            ),
            keep=of.name("keep", needed=False),
            barge_in="none" if barge_in == "none" else "speech" if barge_in == "speech" else "dtmf",
            wait_s=of.number("wait_s", float, 3.0, 20.0, 6.0),
        )

    def _retry(self, of: Fields, key: str, id_: str) -> Retry:
        tree = of.tree(key)
        if tree is None:
            return Retry(reprompt=0, then="")
        retry = Fields(tree, f"{key} of {id_!r}", self._problems)
        read = Retry(
            reprompt=retry.number("reprompt", int, 0, MAX_REPROMPTS),
            say=retry.name("say", needed=False),
            menu=retry.name("menu", needed=False),
            then=self._target(retry, "then", f"{id_}.{key}"),
        )
        retry.close()
        return read

    def _verify(self, of: Fields, id_: str, at: Position, limit: VisitLimit | None) -> Node | None:
        tree = of.tree("verify")
        assert tree is not None
        how = Fields(tree, f"verify of {id_!r}", self._problems)
        by = how.choice("by", ("dtmf", "any"), "dtmf")
        var, tries = how.name("var") or "", how.number("tries", int, 1, MAX_TRIES)
        how.close()
        return VerifyNode(
            id=id_,
            at=at,
            limit=limit,
            var=var,
            prompt=of.name("say") or "",
            again=of.name("again", needed=False),
            tries=tries,
            passed=self._target(of, "passed", id_),
            failed=self._target(of, "failed", id_),
            by_speech=by == "any",
            wait_s=of.number("wait_s", float, 3.0, 20.0, 8.0),
        )

    def _transfer(self, of: Fields, id_: str, at: Position, limit: VisitLimit | None) -> Node:
        return TransferNode(
            id=id_,
            at=at,
            limit=limit,
            reason=of.name("transfer") or "",
            prompt=of.name("say") or "",
            waiting=of.name("waiting", needed=False),
            unavailable=self._target(of, "unavailable", id_),
        )

    def _sms(self, of: Fields, id_: str, at: Position, limit: VisitLimit | None) -> Node:
        following = self._target(of, "next", id_)
        return SmsNode(
            id=id_,
            at=at,
            limit=limit,
            text=of.name("sms") or "",
            next=following,
            not_possible=self._target(of, "not_possible", id_) if "not_possible" in of else following,
        )

    def _language(self, of: Fields, id_: str, at: Position, limit: VisitLimit | None) -> Node:
        return LanguageNode(
            id=id_,
            at=at,
            limit=limit,
            language=of.choice("language", LANGUAGES) or "",
            next=self._target(of, "next", id_),
            not_possible=self._target(of, "not_possible", id_),
        )

    def _choose(self, of: Fields, id_: str, at: Position, limit: VisitLimit | None) -> Node:
        when: list[tuple[Condition, str]] = []
        on = of.name("choose") or ""
        if (tree := of.tree("when")) is not None:
            for value, where, target in Fields(tree, f"when of {id_!r}", self._problems).items():
                when.append((parse_condition(value), self._target_of(target, where, f"{id_}.{value}")))
        return ChooseNode(
            id=id_, at=at, limit=limit, on=on, when=tuple(when), otherwise=self._target(of, "else", id_)
        )

    def _message(self, of: Fields, id_: str, at: Position, limit: VisitLimit | None) -> Node:
        return MessageNode(id=id_, at=at, limit=limit, prompt=of.name("message") or "")

    def _end(self, of: Fields, id_: str, at: Position, limit: VisitLimit | None) -> Node | None:
        word = of.choice("end", sorted(map(str, ENDINGS)))
        suppress = of.choice("suppress", ("person", "number", "debt"), "")
        prompt = of.name("say", needed=False)
        if word is None:
            return None
        disposition = Disposition(word)
        must = SUPPRESSES.get(disposition)
        if must and suppress != must:
            of.problem(at, f"an end with {word} must say `suppress: {must}`")
        return EndNode(
            id=id_,
            at=at,
            limit=limit,
            disposition=disposition,
            prompt=prompt,
            suppress="person"
            if suppress == "person"
            else "number"
            if suppress == "number"
            else "debt"
            if suppress
            else None,
        )


def _question(intents: Iterable[str]) -> str:
    """Return what kind of question is asked by the answers it expects, for a node that does not say."""
    known = set(intents)
    if "confirm_identity" in known:
        return Asked.IDENTITY
    return Asked.ABILITY if known & {"promise_to_pay", "paying_now"} else Asked.NOTHING
