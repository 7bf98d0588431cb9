"""The rule packs that ship with the firmware, as TOML, and what each file's content was when it was released."""

import hashlib
import json
from importlib import resources

SEALS = "seals.json"


def pack_texts() -> dict[str, str]:
    """Return the text of every pack file by its name, in order."""
    files = [file for file in resources.files(__name__).iterdir() if file.name.endswith(".toml")]
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(files, key=lambda file: file.name)}


def seal_of(text: str) -> str:
    """Return what stands for a file's content: the SHA-256 of it, whatever its line ends."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()


def seals() -> dict[str, str]:
    """Return the seal of every file as it was released."""
    text = (resources.files(__name__) / SEALS).read_text(encoding="utf-8")
    found: dict[str, str] = json.loads(text)
    return found
