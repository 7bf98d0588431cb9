"""The shape of a flow as JSON Schema (2020-12), so that an editor completes and checks while somebody writes.

It says what `loader` says about shape and words; what only the checks can prove stays theirs.
"""

from typing import Any

from firmware.dialogue.endings import ENDINGS
from firmware.dialogue.intents import MEANINGS
from firmware.dialogue.node_reader import BARGE_INS, MAX_REPROMPTS, MAX_VISITS
from firmware.dialogue.nodes import DEBT_ROLE, DISCLOSURES, CaptureKind, Interval
from firmware.dialogue.plan_terms import MAX_INSTALMENTS, MIN_INSTALMENTS
from firmware.dialogue.slots import Asked
from firmware.dialogue.speaking import LANGUAGES
from firmware.dialogue.template import MAX_TEXT_CHARS
from firmware.dialogue.value_nodes import MAX_TRIES
from firmware.dialogue.variables import VarKind

Schema = dict[str, Any]
NAME: Schema = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,47}$"}
TRUE: Schema = {"enum": [True, "true"]}
FLAG: Schema = {"enum": [True, False, "true", "false"]}
TARGET: Schema = {
    "description": "The node that follows: its name, or the node itself.",
    "anyOf": [{"type": "string"}, {"$ref": "#/$defs/node"}],
}
TARGETS: Schema = {"type": "object", "additionalProperties": {"$ref": "#/$defs/target"}}
KEYS = "^dtmf [1-8#]$"
SECONDS: Schema = {"type": "number", "minimum": 3, "maximum": 20}


def flow_schema() -> Schema:
    """Return the schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Branchline conversation",
        **_object(
            {
                "flow": {"type": "string", "description": "The conversation's name."},
                "version": _whole(1, 999_999),
                "languages": {
                    "type": "array",
                    "items": {"enum": list(LANGUAGES)},
                    "minItems": 1,
                    "uniqueItems": True,
                },
                "vars": {"type": "object", "propertyNames": NAME, "additionalProperties": _var()},
                "prompts": {"type": "object", "propertyNames": NAME, "additionalProperties": _prompt()},
                "start": NAME,
                "neutral": {**NAME, "description": "The prompt with which the box itself ends a call."},
                "on_machine": {**NAME, "description": "The message node for answering machines."},
                "nodes": {
                    "type": "object",
                    "propertyNames": NAME,
                    "additionalProperties": {"$ref": "#/$defs/node"},
                },
                "anytime": {
                    "type": "object",
                    "propertyNames": {"enum": sorted(MEANINGS)},
                    "additionalProperties": {"$ref": "#/$defs/handler"},
                },
            },
            needed=("flow", "version", "languages", "prompts", "start", "neutral", "nodes"),
        ),
        "$defs": {
            "target": TARGET,
            "retry": _object(
                {
                    "reprompt": _whole(0, MAX_REPROMPTS),
                    "say": NAME,
                    "menu": NAME,
                    "then": {"$ref": "#/$defs/target"},
                },
                needed=("reprompt", "then"),
            ),
            "handler": {
                "anyOf": [
                    {"type": "string"},
                    _object({"repeat": TRUE}, needed=("repeat",)),
                    _object({"say": NAME, "resume": TRUE}, needed=("say", "resume")),
                    _object({"switch": TRUE, "not_possible": {"$ref": "#/$defs/target"}}, needed=("switch",)),
                    {"$ref": "#/$defs/node"},
                ]
            },
            "node": {"anyOf": _nodes()},
        },
    }


def _var() -> Schema:
    fields = {
        "type": {"enum": [str(kind) for kind in VarKind]},
        "debt": {**FLAG, "description": "What third parties must never hear."},
        "secret": {**FLAG, "description": "Compared with what is keyed or said, never spoken."},
        "optional": {**FLAG, "description": "A contact may lack it."},
        "length": _whole(1, 32),
    }
    return _object(fields, needed=("type",))


def _prompt() -> Schema:
    wording = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_CHARS}
    roles = {"type": "array", "items": {"enum": sorted(DISCLOSURES | {DEBT_ROLE})}}
    return _object({"role": roles, **dict.fromkeys(LANGUAGES, wording)}, needed=())


def _nodes() -> list[Schema]:
    target: Schema = {"$ref": "#/$defs/target"}
    whens = {
        "type": "object",
        "propertyNames": {"type": "string", "description": "known, unknown, >= 500, < today+3, or a value"},
        "additionalProperties": target,
    }
    captured = {"into": NAME, "say": NAME, "invalid": NAME, "tries": _whole(1, MAX_TRIES), "next": target}
    captured |= {"failed": target, "read_back": NAME, "rejected": target, "keep": NAME, "wait_s": SECONDS}
    needed = ("capture", "into", "say", "tries", "next", "failed")
    offers = {
        "type": "object",
        "propertyNames": {"pattern": "^dtmf [1-8]$"},
        "additionalProperties": {"pattern": "^(today|tomorrow|day_after) [0-9]{2}:[03]0$"},
        "minProperties": 1,
    }
    counts = {"type": "array", "items": _whole(MIN_INSTALMENTS, MAX_INSTALMENTS), "minItems": 1}
    promise = dict.fromkeys(("due", "amount", "read_back"), NAME) | dict.fromkeys(
        ("confirmed", "rejected", "failed", "not_possible"), target
    )
    plan = dict.fromkeys(("plan", "most", "least", "first", "say", "read_back"), NAME) | dict.fromkeys(
        ("confirmed", "declined", "failed", "not_possible"), target
    )
    expect = {
        "type": "object",
        "patternProperties": {KEYS: target},
        "properties": dict.fromkeys(sorted(MEANINGS - {"opt_out", "want_human"}), target),
        "additionalProperties": False,
    }
    asks = {
        "ask": NAME,
        "expect": expect,
        "silence": {"$ref": "#/$defs/retry"},
        "no_match": {"$ref": "#/$defs/retry"},
    }
    asks |= {"asks": {"enum": [str(kind) for kind in Asked]}, "keep": NAME}
    how = _object(
        {"var": NAME, "by": {"enum": ["dtmf", "any"]}, "tries": _whole(1, MAX_TRIES)}, needed=("var", "tries")
    )
    barge_in = {"barge_in": {"enum": list(BARGE_INS)}}
    return [
        _node({"say": NAME, "next": target, **barge_in}, ("say", "next")),
        _node({**asks, **barge_in, "wait_s": SECONDS}, ("ask", "expect", "silence", "no_match")),
        _node(
            {
                "verify": how,
                "say": NAME,
                "again": NAME,
                "passed": target,
                "failed": target,
                "wait_s": SECONDS,
            },
            ("verify", "say", "passed", "failed"),
        ),
        _node({"capture": {"const": str(CaptureKind.DATE)}, **captured}, needed),
        _node(
            {"capture": {"const": str(CaptureKind.DIGITS)}, "length": _whole(1, 20), **captured},
            (*needed, "length"),
        ),
        _node(
            {"capture": {"const": str(CaptureKind.AMOUNT)}, "at_most": NAME, "at_least": NAME, **captured},
            (*needed, "at_most"),
        ),
        _node({"capture": {"const": str(CaptureKind.CALLBACK)}, "offers": offers, **captured}, needed),
        _node({"capture": {"const": str(CaptureKind.RATING)}, "most": _whole(2, 8), **captured}, needed),
        _node(
            {"capture": {"const": "promise"}, **promise, "wait_s": SECONDS},
            ("capture", "due", "read_back", "confirmed", "rejected", "failed"),
        ),
        _node(
            {
                **plan,
                "offers": counts,
                "every": {"enum": [str(every) for every in Interval]},
                "wait_s": SECONDS,
            },
            ("plan", "offers", "first", "say", "read_back", "confirmed", "declined", "failed"),
        ),
        _node({"choose": NAME, "when": whens, "else": target}, ("choose", "when", "else")),
        _node(
            {"transfer": NAME, "say": NAME, "waiting": NAME, "unavailable": target},
            ("transfer", "say", "unavailable"),
        ),
        _node({"sms": NAME, "next": target, "not_possible": target}, ("sms", "next")),
        _node(
            {"language": {"enum": list(LANGUAGES)}, "next": target, "not_possible": target},
            ("language", "next", "not_possible"),
        ),
        _node({"message": NAME}, ("message",)),
        _node(
            {
                "end": {"enum": sorted(map(str, ENDINGS))},
                "say": NAME,
                "suppress": {"enum": ["person", "number", "debt"]},
            },
            ("end",),
        ),
    ]


def _node(fields: Schema, needed: tuple[str, ...]) -> Schema:
    limit = _object(
        {"visits": _whole(1, MAX_VISITS), "then": {"$ref": "#/$defs/target"}}, needed=("visits", "then")
    )
    return _object({**fields, "limit": limit}, needed=needed)


def _whole(low: int, high: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high}


def _object(fields: Schema, *, needed: tuple[str, ...]) -> Schema:
    return {"type": "object", "properties": fields, "required": list(needed), "additionalProperties": False}
