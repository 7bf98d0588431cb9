"""The catalogue of models is well formed, and a model is found only when it is whole and as pinned."""

import hashlib
from pathlib import Path

import pytest

from audio.errors import ModelsError
from audio.models import ModelShelf, default_models_folder, load_catalogue

PINNED = {
    "whisper-base": {"model.bin", "config.json", "tokenizer.json", "vocabulary.txt"},
    "silero-vad": {"silero_vad.onnx"},
    "piper-joe": {"voice.onnx", "voice.onnx.json"},
}
SMALL = """
[[model]]
id = "small"
job = "speaking"
languages = ["en"]
licence = "CC0"
about = "two files"
runtime = ["json", "no_such_module_here"]
package = [{{registry = "pypi", name = "small", version = "1.0", file = "small-1.0.whl", n_bytes = 9, sha256 = "{zeros}"}}]
file = [
  {{path = "a.bin", parts = ["small:a"], n_bytes = 3, sha256 = "{abc}"}},
  {{path = "sub/b.bin", parts = ["small:b1", "small:b2"], n_bytes = 3, sha256 = "{xyz}"}},
]
"""


def small(**changes: str) -> str:
    values = {
        "zeros": "0" * 64,
        "abc": hashlib.sha256(b"abc").hexdigest(),
        "xyz": hashlib.sha256(b"xyz").hexdigest(),
    }
    return SMALL.format(**(values | changes))


def test_every_model_is_pinned_to_version_size_and_hash() -> None:
    catalogue = load_catalogue()
    for model, files in PINNED.items():
        assert {file.path for file in catalogue[model].file} == files
    kokoro = catalogue["kokoro-82m-int8"]
    assert {"voices/zf_xiaoxiao.bin", "voices/af_heart.bin", "kokoro.onnx"} <= {f.path for f in kokoro.file}
    assert all(f.n_bytes == 510 * 256 * 4 for f in kokoro.file if f.path.startswith("voices/"))
    assert all(model.licence and model.about for model in catalogue.values())
    names = [package.name for model in catalogue.values() for package in model.package]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[[model]]", id="fields missing"),
        pytest.param(small(abc="12"), id="no hash"),
        pytest.param(small().replace("small:b2", "other:b2"), id="part of no package"),
        pytest.param(small().replace("sub/b.bin", "../b.bin"), id="path that leaves the folder"),
        pytest.param(small() + small(), id="id twice"),
        pytest.param("model =", id="no TOML"),
    ],
)
def test_a_wrong_catalogue_is_refused(text: str) -> None:
    with pytest.raises(ModelsError, match="catalogue"):
        load_catalogue(text)


def test_a_model_is_there_only_when_whole_and_as_pinned(tmp_path: Path) -> None:
    shelf = ModelShelf(tmp_path, load_catalogue(small()))
    assert shelf.find("small") is None
    assert len(shelf.faults("small")) == 2
    folder = tmp_path / "small"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"abc")
    (folder / "sub" / "b.bin").write_bytes(b"xy")
    assert shelf.find("small") is None
    (folder / "sub" / "b.bin").write_bytes(b"xyz")
    assert shelf.find("small") == folder
    assert shelf.faults("small") == []
    (folder / "a.bin").write_bytes(b"abd")
    assert "not what was pinned" in shelf.faults("small")[0]
    assert shelf.model("small").missing_runtime == ["no_such_module_here"]
    with pytest.raises(ModelsError, match="there are small"):
        shelf.find("other")


def test_the_folder_can_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BRANCHLINE_MODELS", str(tmp_path))
    assert default_models_folder() == tmp_path
