"""The MQTT API as documents, made from the message types: ``python -m firmware.sync.api_document docs``.

Writes AsyncAPI 3.0 (``asyncapi.json``: channels, operations, JSON Schemas, examples) for programs, and
``mqtt-api.md`` for people. A test fails when either is not what the types say.
"""

import ast
import inspect
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from firmware.sync import messages
from firmware.sync.api_channel import Channel
from firmware.sync.api_channels import CHANNELS
from firmware.sync.api_claims import CLAIM_CHANNELS
from firmware.sync.content_encoding import ENCODING_PROPERTY, ZSTD
from firmware.sync.envelope import Message
from firmware.sync.messages import MAX_MESSAGE_BYTES, ContactRow, encode
from firmware.sync.signing import KID_PROPERTY, SIGNATURE_PROPERTY
from firmware.sync.topics import ALL_BOXES, API

EVERY_CHANNEL = (*CHANNELS, *CLAIM_CHANNELS)
ASYNCAPI, PAGE = "asyncapi.json", "mqtt-api.md"
_REFERENCE = "#/components/schemas/{name}"
_INTRODUCTION = f"""\
# MQTT API

Made from the message types by `python -m firmware.sync.api_document docs`; for programs: [asyncapi.json](asyncapi.json).

The broker must speak MQTT 5: earlier versions have no user properties and so cannot carry a signature.
A box and a console refuse such a broker and say so.
Topics are `{API}/{{tenant}}/{{box}}/…`. Everything is UTF-8 JSON, at QoS 1 but for telemetry, at most {MAX_MESSAGE_BYTES // 1024} KiB.
Contact batches may be packed as one zstd frame (`{ENCODING_PROPERTY}: {ZSTD}`) for a box whose state lists it under `encodings`; what
travels is what is signed, and unpacked it is not larger either.
Unknown fields are ignored, except inside a configuration's `settings` and a command's `arguments`: a misspelt limit must not be a
missing limit. A missing or ill-typed field refuses the message, and the answer on `up/ack` names the reason and the JSON path.

A `config` is tried: acknowledged `on_trial`, then once more `in_force` when a receipt covered what the box sent under it, or
`rolled_back` when none came in time, the broker was out of reach or the box restarted. Versions only rise. A `command` is done once;
its `response` goes to the Response Topic, which must be `up/response` of the same box or lie below it, with the Correlation Data.

Every message **down** carries the user properties `{KID_PROPERTY}` and `{SIGNATURE_PROPERTY}`: the key's id, and the base64 Ed25519
signature over topic + NUL + payload. One without them, or by a key that the box does not know, has no effect. A message id that the
box has applied is answered again and not applied again. Every durable message **up** has a `stream` (the id of the box's database)
and within it a gapless `seq`; the box keeps it until a `receipt` of the console covers it.
"""


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document."""
    types = list({channel.message: None for channel in EVERY_CHANNEL})
    _, schemas = msgspec.json.schema_components([*types, ContactRow], ref_template=_REFERENCE)
    for name, schema in schemas.items():
        _describe(schema, _struct_called(name))
    # The box checks rows one by one, so its type leaves them raw; what a row must be is this.
    schemas["ContactBatch"]["properties"]["contacts"]["items"] = {
        "$ref": _REFERENCE.format(name="ContactRow")
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Branchline MQTT API",
            "version": "1",
            "description": "Between a box and the central console. UTF-8 JSON, unknown fields ignored, QoS 1 both ways (telemetry: 0). "
            f"At most {MAX_MESSAGE_BYTES} bytes a message.",
        },
        "defaultContentType": "application/json",
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "schemas": schemas,
            "messages": {channel.message.__name__: _message(channel) for channel in EVERY_CHANNEL},
        },
    }


def page() -> str:
    """Return the page for people, Markdown."""
    lines = [*_INTRODUCTION.splitlines(), ""]
    lines += ["| topic | message | what it says |", "|---|---|---|"]
    for channel in EVERY_CHANNEL:
        notes = (
            ["QoS 0"] * (channel.qos == 0)
            + ["retained"] * channel.is_retained
            + [f"also `{ALL_BOXES}/down/{channel.leaf}`"] * channel.reaches_all
        )
        note = f" ({', '.join(notes)})" if notes else ""
        lines.append(
            f"| `{_shown(channel)}` | [{channel.message.__name__}](#{channel.message.__name__.lower()}) | "
            f"{_first_line(channel.message)}{note} |"
        )
    schemas = asyncapi()["components"]["schemas"]
    examples = {channel.message.__name__: channel.example for channel in EVERY_CHANNEL}
    for name in sorted(schemas, key=lambda name: (name not in examples, name)):
        lines += ["", f"## {name}", "", schemas[name].get("description", ""), ""]
        if "enum" in schemas[name]:
            lines.append(", ".join(f"`{value}`" for value in schemas[name]["enum"]))
            continue
        lines += ["| field | type | must | |", "|---|---|---|---|"]
        required = schemas[name].get("required", [])
        for field, schema in schemas[name]["properties"].items():
            must = "yes" if field in required else ""
            lines.append(f"| `{field}` | {_type_of(schema)} | {must} | {schema.get('description', '')} |")
        if name in examples:
            pretty = json.dumps(json.loads(encode(examples[name])), ensure_ascii=False, indent=1)
            lines += ["", "```json", pretty, "```"]
    return "\n".join(lines) + "\n"


def write(folder: Path) -> None:
    """Write both documents."""
    text = json.dumps(asyncapi(), ensure_ascii=False, indent=1) + "\n"
    (folder / ASYNCAPI).write_text(text, encoding="utf-8")
    (folder / PAGE).write_text(page(), encoding="utf-8")


def _channels() -> dict[str, Any]:
    channels: dict[str, Any] = {}
    for channel in EVERY_CHANNEL:
        found = channels.setdefault(
            _name(channel),
            {
                "address": f"{API}/{{tenant}}/{_below_tenant(channel)}",
                "parameters": {name: {"description": text} for name, text in _parameters(channel)},
                "messages": {},
            },
        )
        found["messages"][channel.message.__name__] = {
            "$ref": f"#/components/messages/{channel.message.__name__}"
        }
    return channels


def _operations() -> dict[str, Any]:
    """Operations as the box performs them: it receives what goes down and sends what goes up."""
    operations: dict[str, Any] = {}
    for channel in EVERY_CHANNEL:
        name = _name(channel)
        operations.setdefault(
            name,
            {
                "action": "receive" if channel.direction == "down" else "send",
                "channel": {"$ref": f"#/channels/{name}"},
                "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.is_retained}},
            },
        )
    return operations


def _message(channel: Channel) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": channel.message.__name__,
        "summary": _first_line(channel.message),
        "contentType": "application/json",
        "payload": {"$ref": _REFERENCE.format(name=channel.message.__name__)},
        "examples": [{"payload": json.loads(encode(channel.example))}],
    }
    if channel.direction == "down":
        signature = {
            KID_PROPERTY: {"type": "string", "description": "Which of the console's keys signed."},
            SIGNATURE_PROPERTY: {
                "type": "string",
                "description": "Base64 Ed25519 over topic + NUL + payload.",
            },
        }
        message["headers"] = {"type": "object", "properties": signature, "required": [*signature]}
    return message


def _is_claim(channel: Channel) -> bool:
    return channel in CLAIM_CHANNELS


def _below_tenant(channel: Channel) -> str:
    return channel.leaf if _is_claim(channel) else f"{{box}}/{channel.direction}/{channel.leaf}"


def _shown(channel: Channel) -> str:
    return f"…/{channel.leaf}" if _is_claim(channel) else f"{channel.direction}/{channel.leaf}"


def _name(channel: Channel) -> str:
    if _is_claim(channel):
        return f"claim_{channel.leaf.rpartition('/')[2]}"
    return f"{channel.direction}_{channel.leaf.partition('/')[0]}"


def _parameters(channel: Channel) -> Iterable[tuple[str, str]]:
    yield "tenant", "Whose boxes these are."
    if _is_claim(channel):
        yield "file", "The id of the claim file."
        yield "session", "What the machine calls this try: its MQTT client id."
        return
    also = f", or {ALL_BOXES} for every box of the tenant" if channel.reaches_all else ""
    yield "box", f"The box's id{also}."
    if "{campaign}" in channel.leaf:
        yield "campaign", "The console's id of the campaign."


def _struct_called(name: str) -> Any:
    """Return a type of one of the message files."""
    files = [module for path, module in sys.modules.items() if path.startswith(messages.__name__)]
    return next((vars(file)[name] for file in files if name in vars(file)), None)


def _describe(schema: dict[str, Any], struct: Any) -> None:
    """Give fields the strings that stand under them in the source."""
    if struct is None or not issubclass(struct, msgspec.Struct):
        return
    for owner in struct.__mro__:
        if not owner.__module__.startswith("firmware.sync."):
            continue
        (body,) = ast.parse(inspect.getsource(owner)).body
        assert isinstance(body, ast.ClassDef)
        for field, after in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
            ):
                assert isinstance(field.target, ast.Name)
                text = " ".join(str(after.value.value).split())
                schema["properties"][field.target.id].setdefault("description", text)


def _first_line(message: type[Message]) -> str:
    return (inspect.getdoc(message) or "").partition("\n")[0]


def _type_of(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type_of(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type_of(schema['items'])}"
    return str(schema.get("format") or schema.get("type") or "any")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
