"""What each version of a flow says and does, by a digest in a table beside it: other words are another version.

Outcomes, comparisons of versions and the audit log name a flow by its `version`. Two wordings under one number could
not be told apart there, so a version is sealed: `versions.toml` in the flow's folder.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware.dialogue import document
from firmware.dialogue.document import Tree, read_document
from firmware.dialogue.flow import Flow

SEALS = "versions.toml"
_HEAD = "# Written by `branchline flow seal`: what each version says and does. A flow that changes needs a higher `version:`.\n"


class SealError(Exception):
    """A flow cannot be sealed, or its seal not read; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """One version of a flow, as it was sealed."""

    version: int
    digest: str


def content_digest(text: str) -> str:
    """Return a digest of what a flow says and does: comments, line breaks and its version do not count."""
    tree = read_document(text)
    plain = _plain(tree)
    if isinstance(plain, dict):
        plain.pop("version", None)
    return hashlib.sha256(json.dumps(plain, ensure_ascii=False).encode()).hexdigest()


def read_seals(folder: Path) -> dict[str, Seal]:
    """Return the sealed flows of a folder by name, none where it has no table. Raises SealError."""
    path = folder / SEALS
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return {
            name: Seal(version=int(row["version"]), digest=str(row["digest"])) for name, row in table.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SealError(f"{path} cannot be read ({error}): `branchline flow seal` writes it anew") from None


def broken_seal(file: Path, flow: Flow) -> str | None:
    """Return what is wrong where a flow is not what its version was sealed as, None: it is, or was never sealed.

    Raises SealError.
    """
    seal = read_seals(file.parent).get(flow.name)
    if seal is None or (
        seal.version == flow.version and seal.digest == content_digest(file.read_text(encoding="utf-8"))
    ):
        return None
    if seal.version == flow.version:
        return f"it changed and is still version {flow.version}: write `version: {flow.version + 1}`, then `branchline flow seal`"
    if seal.version > flow.version:
        return f"version {seal.version} was sealed before: a version only rises"
    return f"version {flow.version} is not sealed: `branchline flow seal {file}`"


def seal(flows: Sequence[tuple[Path, Flow]]) -> list[str]:
    """Seal these flows in the tables of their folders and return the names of those that were not yet. Raises SealError."""
    tables: dict[Path, dict[str, Seal]] = {}
    sealed: list[str] = []
    for file, flow in flows:
        table = tables.setdefault(file.parent, read_seals(file.parent))
        new = Seal(version=flow.version, digest=content_digest(file.read_text(encoding="utf-8")))
        old = table.get(flow.name)
        if old == new:
            continue
        if old is not None and old.version >= new.version:
            raise SealError(f"{file}: {broken_seal(file, flow)}")
        table[flow.name] = new
        sealed.append(flow.name)
    for folder, table in tables.items():
        (folder / SEALS).write_text("".join(_lines(table)), encoding="utf-8")
    return sealed


def _lines(table: Mapping[str, Seal]) -> Iterator[str]:
    yield _HEAD
    for name, each in sorted(table.items()):
        yield f'\n[{name}]\nversion = {each.version}\ndigest = "{each.digest}"\n'


def _plain(tree: Tree) -> object:
    match tree:
        case document.Scalar():
            return tree.text
        case document.Sequence():
            return [_plain(item) for item in tree.items]
        case document.Mapping():
            return {key: _plain(value) for key, (_, value) in tree.entries.items()}
