"""Seal the pack files after a change: `python -m firmware.compliance.packs` in a checkout. Raise their versions first."""

import json
from pathlib import Path

from firmware.compliance.packs import SEALS, pack_texts, seal_of

if __name__ == "__main__":
    sealed = {name: seal_of(text) for name, text in pack_texts().items()}
    Path(__file__).with_name(SEALS).write_text(json.dumps(sealed, indent=1) + "\n", encoding="utf-8")
