"""The releases that boxes may become, in a repository signed as The Update Framework says (TUF 1.0.34).

Two kinds of keys. Release keys, of which a threshold must sign, say who they are (root) and what a release is
(targets); they belong to people and are not kept here. The online key says that this is the newest state (snapshot,
timestamp), again and again before that runs out; alone it can neither add a release nor change one.
"""

import copy
import re
import shutil
import tarfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from console.errors import ReleaseError
from console.private_files import folder_made_whole, replace_private, write_private

Signed = TypeVar("Signed", Root, Targets)
Change = Callable[[Targets], None]
ROOT_DAYS, TARGETS_DAYS, SNAPSHOT_DAYS = 730, 365, 60
WHEEL = re.compile(r"branchline-([0-9][A-Za-z0-9_.!+]{0,40})-py3-none-any\.whl")
ONLINE_KEY = "online.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release as boxes find it."""

    version: str
    arch: str
    size: int


class ReleaseRepository:
    """What boxes are served (`public/`), what waits for signatures (`staged/`), and the online key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.public = folder / "public"
        self._metadata = self.public / "metadata"
        self._targets = self.public / "targets"
        self._staged = folder / "staged"

    @classmethod
    def init(
        cls, folder: Path, keys: Path, *, n_keys: int, threshold: int, now: datetime, days: int
    ) -> "ReleaseRepository":
        """Make a repository, and the release keys in `keys`: one for each of the people who sign. Raises ReleaseError."""
        if not 1 <= threshold <= n_keys <= 20:
            raise ReleaseError("give --threshold between 1 and --keys, and at most 20 keys")
        signers = [CryptoSigner(Ed25519PrivateKey.generate()) for _ in range(n_keys)]
        online = CryptoSigner(Ed25519PrivateKey.generate())
        root = Root(expires=now + timedelta(days=ROOT_DAYS), consistent_snapshot=True)
        for role in ("root", "targets"):
            root.roles[role].threshold = threshold
            for signer in signers:
                root.add_key(signer.public_key, role)
        for role in ("snapshot", "timestamp"):
            root.add_key(online.public_key, role)
        try:
            with folder_made_whole(folder) as draft:
                for name in ("public/metadata", "public/targets", "staged"):
                    (draft / name).mkdir(parents=True)
                write_private(draft / ONLINE_KEY, _pem(online))
                with folder_made_whole(keys) as key_folder:
                    for number, signer in enumerate(signers, 1):
                        write_private(key_folder / f"release-{number}.pem", _pem(signer))
                first = Metadata(root)
                targets = Metadata(Targets(expires=now + timedelta(days=TARGETS_DAYS)))
                for signer in signers[:threshold]:
                    first.sign(signer, append=True)
                    targets.sign(signer, append=True)
                first.to_file(str(draft / "public/metadata/1.root.json"))
                targets.to_file(str(draft / "public/metadata/1.targets.json"))
        except FileExistsError as error:
            raise ReleaseError(f"{error.args[0]} is not empty; name a new folder") from None
        made = cls(folder)
        made.publish(now, days=days)
        return made

    # ---- what is there

    def first_root(self) -> bytes:
        """Return what a box must know beforehand; from it the box follows every later one."""
        path = self._metadata / "1.root.json"
        if not path.exists():
            raise ReleaseError(
                f"{self._folder} is no repository; make one with `branchline-console release init`"
            )
        return path.read_bytes()

    def releases(self) -> list[Release]:
        """Return what boxes may become now."""
        return [_release(each) for each in self._now("targets", Targets).signed.targets.values()]

    def expires_at(self) -> datetime:
        """Return until when boxes believe that this is the newest state."""
        return Metadata[Timestamp].from_file(str(self._metadata / "timestamp.json")).signed.expires

    def staged(self) -> dict[str, tuple[int, int]]:
        """Return what waits: a role, and how many of how many signatures it has."""
        next_root = self._waiting("root") or self._now("root", Root)
        assert isinstance(next_root.signed, Root)
        found = {}
        for role in ("root", "targets"):
            waiting = self._waiting(role)
            if waiting is not None:
                result = next_root.signed.get_verification_result(
                    role, waiting.signed_bytes, waiting.signatures
                )
                found[role] = (len(result.signed), result.threshold)
        return found

    # ---- changes: staged, signed, published

    def add(self, bundle: Path, *, version: str, arch: str, now: datetime) -> None:
        """Stage a release; whoever signed what was staged before must sign again. Raises ReleaseError."""
        name = f"branchline-{version}-{arch}.tar"
        file = TargetFile.from_file(name, str(bundle), ["sha256"])
        file.unrecognized_fields["custom"] = {"version": version, "arch": arch}

        def change(targets: Targets) -> None:
            known = targets.targets.get(name)
            if known is not None and known.hashes != file.hashes:
                raise ReleaseError(
                    f"{version} for {arch} was released with another content: give it a new version"
                )
            targets.targets[name] = file

        self._change_targets(change, now)
        target = self._targets / f"{file.hashes['sha256']}.{name}"
        if not target.exists():
            shutil.copyfile(bundle, target.with_name(f".{target.name}"))
            target.with_name(f".{target.name}").replace(target)

    def withdraw(self, version: str, now: datetime) -> None:
        """Stage that no box becomes this version any more. Raises ReleaseError."""

        def change(targets: Targets) -> None:
            gone = [name for name, file in targets.targets.items() if _release(file).version == version]
            if not gone:
                raise ReleaseError(f"there is no release {version}")
            for name in gone:
                del targets.targets[name]

        self._change_targets(change, now)

    def renew_root(self, now: datetime, *, drop: Sequence[str] = (), add: Iterable[bytes] = ()) -> None:
        """Stage who may sign from now on: enough of the old keys and enough of the new ones must sign. Raises ReleaseError."""
        root = self._now("root", Root).signed
        for key_id in drop:
            for role in ("root", "targets"):
                if key_id not in root.roles[role].keyids:
                    raise ReleaseError(
                        f"{key_id} is none of the release keys: {', '.join(root.roles[role].keyids)}"
                    )
                root.revoke_key(key_id, role)
        for pem in add:
            for role in ("root", "targets"):
                root.add_key(read_signer(pem).public_key, role)
        if len(root.roles["root"].keyids) < root.roles["root"].threshold:
            raise ReleaseError("fewer keys would be left than must sign: add some")
        root.version += 1
        root.expires = now + timedelta(days=ROOT_DAYS)
        self._put_staged("root", Metadata(root))
        # What a dropped key has signed must be signed by the others before boxes follow.
        self._change_targets(lambda targets: None, now)

    def sign(self, signer: CryptoSigner) -> list[str]:
        """Add a signature to whatever waits for this key; return the roles. Raises ReleaseError."""
        signed = []
        roots = [self._now("root", Root).signed]
        if (next_root := self._waiting("root")) is not None and isinstance(next_root.signed, Root):
            roots.append(next_root.signed)
        for role in ("root", "targets"):
            waiting = self._waiting(role)
            if waiting is None:
                continue
            known = {key for root in roots for key in root.roles[role].keyids}
            if signer.public_key.keyid in known:
                waiting.sign(signer, append=True)
                self._put_staged(role, waiting)
                signed.append(role)
        if not signed:
            raise ReleaseError("nothing waits for a signature by this key")
        return signed

    def publish(self, now: datetime, *, days: int) -> None:
        """Show boxes what was staged and signed, and that this is the newest state for so many days. Raises ReleaseError."""
        root, waiting = self._next_root(), self._waiting("targets")
        online = read_signer((self._folder / ONLINE_KEY).read_bytes())
        shown = waiting if waiting is not None else self._now("targets", Targets)
        try:
            root.signed.verify_delegate("targets", shown.signed_bytes, shown.signatures)
        except UnsignedMetadataError:
            n, wanted = self.staged().get("targets", (0, root.signed.roles["targets"].threshold))
            raise ReleaseError(
                f"{n} of {wanted} release keys have signed: `release sign KEYFILE` with the others"
            ) from None
        for role, content in (("root", root), ("targets", shown)):
            path = self._metadata / f"{content.signed.version}.{role}.json"
            if (self._staged / f"{role}.json").exists():
                content.to_file(str(path))
                (self._staged / f"{role}.json").unlink()
        targets = self._now("targets", Targets).signed
        before = self._metadata / "timestamp.json"
        number = 1
        if before.exists():
            old = Metadata[Timestamp].from_file(str(before)).signed
            number = max(old.version, old.snapshot_meta.version) + 1
        snapshot = Snapshot(
            version=number,
            expires=now + timedelta(days=max(SNAPSHOT_DAYS, days)),
            meta={"targets.json": MetaFile(version=targets.version)},
        )
        timestamp = Timestamp(
            version=number, expires=now + timedelta(days=days), snapshot_meta=MetaFile(version=number)
        )
        newest: list[tuple[str, Metadata[Snapshot] | Metadata[Timestamp]]] = [
            (f"{number}.snapshot", Metadata(snapshot)),
            # The last, and replaced whole: until then boxes see the state before.
            ("timestamp", Metadata(timestamp)),
        ]
        for name, state in newest:
            state.sign(online)
            fresh = self._metadata / f".{name}.json"
            state.to_file(str(fresh))
            fresh.replace(self._metadata / f"{name}.json")

    # ---- pieces

    def _next_root(self) -> Metadata[Root]:
        """Return who may sign once this is published. Raises ReleaseError."""
        current = self._now("root", Root)
        waiting = self._waiting("root")
        if waiting is None or not isinstance(waiting.signed, Root):
            return current
        for judge in (current.signed, waiting.signed):
            try:
                judge.verify_delegate("root", waiting.signed_bytes, waiting.signatures)
            except RepositoryError:
                raise ReleaseError(
                    "too few have signed the new keys: enough of the old and enough of the new ones must"
                ) from None
        return Metadata(waiting.signed, waiting.signatures)

    def _change_targets(self, change: Change, now: datetime) -> None:
        current = self._now("targets", Targets).signed
        waiting = self._waiting("targets")
        targets = waiting.signed if waiting is not None else copy.deepcopy(current)
        assert isinstance(targets, Targets)
        change(targets)
        targets.version = current.version + 1
        targets.expires = now + timedelta(days=TARGETS_DAYS)
        self._put_staged("targets", Metadata(targets))

    def _put_staged(self, role: str, content: "Metadata[Root] | Metadata[Targets]") -> None:
        replace_private(self._staged / f"{role}.json", content.to_bytes())

    def _waiting(self, role: str) -> "Metadata[Root] | Metadata[Targets] | None":
        path = self._staged / f"{role}.json"
        return Metadata.from_file(str(path)) if path.exists() else None

    def _now(self, role: str, kind: type[Signed]) -> "Metadata[Signed]":
        """Return what is published of a role, its highest version."""
        found = {int(path.name.split(".")[0]): path for path in self._metadata.glob(f"[0-9]*.{role}.json")}
        if not found:
            raise ReleaseError(
                f"{self._folder} is no repository; make one with `branchline-console release init`"
            )
        content = Metadata.from_file(str(found[max(found)]))
        if not isinstance(content.signed, kind):
            raise ReleaseError(f"{found[max(found)]} is damaged: restore it from a backup")
        return content


def bundle_of(wheel: Path, wheels: Sequence[Path], target: Path) -> str:
    """Write what a box downloads: our wheel and those it needs; return the version. Raises ReleaseError."""
    match = WHEEL.fullmatch(wheel.name)
    if match is None:
        raise ReleaseError(
            f"{wheel.name} is no wheel of branchline: give branchline-VERSION-py3-none-any.whl"
        )

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        # The same wheels make the same bytes, whoever bundles them.
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = ""
        info.mode = 0o644
        return info

    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.add(wheel, wheel.name, filter=plain)
        for each in sorted(wheels):
            archive.add(each, f"wheels/{each.name}", filter=plain)
    return match.group(1)


def read_signer(pem: bytes) -> CryptoSigner:
    """Return what signs with the key of a PEM. Raises ReleaseError."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ReleaseError(f"no release key can be read: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ReleaseError("a release key is an Ed25519 key: `release init` makes them")
    return CryptoSigner(key)


def _pem(signer: CryptoSigner) -> bytes:
    return signer.private_bytes


def _release(file: TargetFile) -> Release:
    custom = file.unrecognized_fields.get("custom", {})
    return Release(version=custom.get("version", ""), arch=custom.get("arch", ""), size=file.length)
