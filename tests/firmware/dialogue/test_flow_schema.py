"""The JSON Schema that ships for editors says of shape what the loader says."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from firmware.dialogue import loader, schema
from firmware.dialogue.errors import FlowRefusedError

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "firmware" / "dialogue" / "flow.schema.json"
HOSTILE = sorted((Path(__file__).parent / "hostile").glob("*.yaml"))
FLOWS = [
    path
    for path in sorted((ROOT / "examples").glob("*.yaml"))
    if path.name != "people.yaml" and not path.name.endswith(".test.yaml")
]
VALIDATOR = jsonschema.Draft202012Validator(json.loads(SHIPPED.read_text(encoding="utf-8")))
BEYOND_A_SCHEMA = {
    # What the loader calls shape and no schema of this kind can say.
    "two_kinds_in_one",
    "wrong_number_kept",
    "slot_named_like_a_var",
    "plan_counts_not_rising",
    "length_of_a_name",
    "callback_at_night",
    "secret_optional",
    "captured_twice_differently",
    "read_back_without_rejected",
    "not_answerable_by_keys",
}


def as_json(value: Any) -> Any:
    """YAML as an editor sees it: keys are strings."""
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list) else value


def complaints(path: Path) -> list[str]:
    document = as_json(yaml.safe_load(path.read_text(encoding="utf-8")))
    return [error.message for error in VALIDATOR.iter_errors(document)]


def test_what_ships_is_what_the_loader_knows() -> None:
    assert json.loads(SHIPPED.read_text(encoding="utf-8")) == schema.flow_schema()


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.flow_schema())


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
def test_it_takes_every_flow_that_ships(path: Path) -> None:
    assert complaints(path) == []


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.stem)
def test_it_agrees_with_the_loader_on_the_corpus(path: Path) -> None:
    try:
        loader.load_flow(path.read_text(encoding="utf-8"))
        checks = set()
    except FlowRefusedError as error:
        checks = {problem.check for problem in error.problems}
    if checks == {"syntax"}:
        return  # an editor's YAML parser says so
    if checks == {"shape"} and path.stem not in BEYOND_A_SCHEMA:
        assert complaints(path), "the loader refuses its shape and the schema takes it"
    elif not checks & {"shape", "syntax"}:
        assert not complaints(path), "the schema refuses what only the checks may refuse"
