"""A power cut before every step of becoming a box, and of ceasing to be one: the next start ends what was begun."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyte
import pytest
from typer.testing import CliRunner

from console.authority import admit_box, issue_box
from console.office import Office
from firmware.settings import load_settings
from firmware.sync.certificate_request import load_client_key, new_client_key, private_pem, public_der
from firmware.sync.claiming import CLAIM_FILE, ClaimFile, plain_code
from firmware.sync.messages_claim import ClaimAnswer
from provisioning.box_folder import put_box
from provisioning.claim_screen import ClaimStanding, qr_content, qr_lines, screen
from provisioning.claiming import Tell
from provisioning.disk import Disk
from provisioning.factory_reset import factory_reset, is_reset_begun
from provisioning.first_boot import FirstBoot
from provisioning.first_boot_command import claim_app, first_boot_app, reset_app
from provisioning.identity import Identity, IdentityFolder, machine_serial
from provisioning.key_store import MQTT_KEY, KeyLostError, KeyStore
from provisioning.layout import Layout
from provisioning.machine import MachineError
from tests.provisioning.claim_site import Hardware, issue, office_with_door, utc_now


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cuts here are between steps: nothing is gained by waiting for the platter hundreds of times."""
    monkeypatch.setattr("os.fsync", lambda handle: None)


class PowerCutError(BaseException):
    """Nothing of ours catches this."""


class CuttingDisk(Disk):
    """The power is cut before step `n`."""

    def __init__(self, n: int) -> None:
        super().__init__(self._step)
        self.left = n

    def _step(self, what: str) -> None:
        if self.left == 0:
            raise PowerCutError(what)
        self.left -= 1


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return office_with_door(tmp_path_factory.mktemp("office") / "office")


@pytest.fixture(scope="module")
def claim_file(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return issue(office, tmp_path_factory.mktemp("stick") / CLAIM_FILE)


class InstantClaim:
    """A console without a broker: it certifies whatever key asks, under one name for each."""

    def __init__(self, office: Office, identity: Identity) -> None:
        self._office = office
        self._identity = identity

    async def run(self, take: Callable[[ClaimAnswer], None]) -> str:
        box = f"b-{public_der(self._identity.key.public_key()).hex()[-12:]}"
        folder = admit_box(self._office, box, self._identity.key.public_key(), now=utc_now())
        files = {name: (folder / name).read_text("utf-8") for name in ("box.toml", "box.crt", "ca.crt")}
        take(ClaimAnswer(id="1", at=utc_now(), session="0" * 32, status="granted", box=box, files=files))
        return box


def boot(hardware: Hardware, office: Office, disk: Disk) -> None:
    """One start of the machine, as the command makes it."""

    def make(identity: Identity, file: ClaimFile, tell: Tell) -> InstantClaim:
        return InstantClaim(office, identity)

    async def run(first: FirstBoot) -> None:
        await first.run()

    first = hardware.boot(disk, make_claim=make)
    if first.begin() is not None:
        asyncio.run(run(first))
        first.finish()


def check_is_box(hardware: Hardware) -> None:
    settings = load_settings(hardware.layout.settings / "box.toml")
    key = load_client_key((hardware.credentials / MQTT_KEY).read_bytes())
    assert settings.box.id == f"b-{public_der(key.public_key()).hex()[-12:]}", "the key is the certificate's"
    assert list(hardware.layout.identity.iterdir()) == []
    assert hardware.machine.asked[-1] == "restart"


def test_a_power_cut_before_any_step_of_becoming_a_box(
    office: Office, claim_file: Path, tmp_path: Path
) -> None:
    n_steps = 0
    while True:
        hardware = Hardware(tmp_path / f"m{n_steps}")
        hardware.plug_in(claim_file)
        disk = CuttingDisk(n_steps)
        try:
            boot(hardware, office, disk)
        except PowerCutError:
            boot(hardware, office, Disk())
            check_is_box(hardware)
            n_steps += 1
            continue
        check_is_box(hardware)
        break
    assert n_steps >= 14, "key, state, claim file, certificate, authority, settings, and the clearing up"


def test_a_key_without_its_state_would_be_found(office: Office, claim_file: Path, tmp_path: Path) -> None:
    """The control: settings put in place before the certificate leave a box that is none after a cut."""
    hardware = Hardware(tmp_path / "m")
    hardware.plug_in(claim_file)
    boot(hardware, office, Disk())
    (hardware.layout.settings / "box.crt").unlink()
    KeyStore(hardware.layout, Disk()).save(MQTT_KEY, private_pem(new_client_key()))
    with pytest.raises(AssertionError, match="the key is the certificate's"):
        check_is_box(hardware)


@pytest.fixture(scope="module")
def used_box(office: Office, claim_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A box that has seen some life, to copy."""
    hardware = Hardware(tmp_path_factory.mktemp("used") / "machine")
    hardware.plug_in(claim_file)
    boot(hardware, office, Disk())
    layout = hardware.layout
    with (layout.settings / "box.toml").open("a", encoding="utf-8") as file:
        file.write(
            '\n[[line]]\nid = "l1"\nusb_path = "1-1"\npin_file = "/srv/l1.pin"\n'
            '[[line]]\nid = "l2"\nusb_path = "1-2"\npin_credential = "sim-2"\n'
        )
    KeyStore(layout, Disk()).save("sim-2", b"1234")
    (layout.settings / "l1.pin").write_text("1234", encoding="ascii")
    (layout.root / "srv").mkdir()
    (layout.root / "srv/l1.pin").write_text("1234", encoding="ascii")
    (layout.settings / "box.toml.example").write_text("sample", encoding="ascii")
    for folder in ("recordings", "identity/2"):
        (layout.data / folder).mkdir(parents=True)
    for name in ("identity/2/box.key", "box.db", "box.db-wal", "device.key", "recordings/one"):
        (layout.data / name).write_text("data", encoding="ascii")
    return layout.root


def copied(used_box: Path, folder: Path) -> Hardware:
    shutil.copytree(used_box, folder, symlinks=True)
    hardware = Hardware.__new__(Hardware)
    hardware.layout = Layout(root=folder)
    hardware.machine = Hardware(folder.with_name(f"{folder.name}-other")).machine
    return hardware


KEYS = (
    "etc/credstore/mqtt-key",
    "etc/credstore/sim-2",
    "var/lib/branchline/device.key",
    "var/lib/branchline/identity/2/box.key",
)


def test_a_power_cut_before_any_step_of_a_factory_reset(
    office: Office, used_box: Path, tmp_path: Path
) -> None:
    n_steps = 0
    while True:
        hardware = copied(used_box, tmp_path / f"r{n_steps}")
        layout = hardware.layout
        try:
            factory_reset(layout, hardware.machine, CuttingDisk(n_steps))
        except PowerCutError:
            if not (layout.data / "box.db").exists() or not (layout.settings / "box.toml").exists():
                assert not [name for name in KEYS if (layout.root / name).exists()], "keys go first"
            if not is_reset_begun(layout):
                assert (layout.settings / "box.toml").exists(), "not begun: nothing is gone"
                assert (layout.data / "box.db").exists()
            else:
                boot_after(hardware)
                check_is_factory_new(hardware)
            n_steps += 1
            continue
        check_is_factory_new(hardware)
        break
    assert n_steps >= 15


def boot_after(hardware: Hardware) -> None:
    identity = hardware.boot(Disk()).begin()
    assert identity is not None, "it wants to be claimed again"
    IdentityFolder(hardware.layout, Disk()).forget()
    KeyStore(hardware.layout, Disk()).wipe(MQTT_KEY)


def check_is_factory_new(hardware: Hardware) -> None:
    layout = hardware.layout
    assert not [name for name in KEYS if (layout.root / name).exists()]
    assert [path.name for path in layout.settings.iterdir()] == ["box.toml.example"]
    assert list(layout.data.iterdir()) == []
    assert list(layout.identity.iterdir()) == []
    assert not is_reset_begun(layout)
    assert hardware.machine.asked[-2:] == ["no updates", "stop"], "nobody writes into what is being wiped"
    assert (layout.releases / "1.0").is_dir(), "the software stays"


def test_a_reset_in_the_middle_of_an_update_ends_with_the_release_that_is_good(
    used_box: Path, tmp_path: Path
) -> None:
    hardware = copied(used_box, tmp_path / "box")
    layout = hardware.layout
    shutil.copytree(layout.releases / "1.0", layout.releases / "1.1")
    (layout.releases / "1.0/share/branchline/box.toml").write_text("", encoding="ascii")
    layout.good.symlink_to("releases/1.0")
    layout.current.unlink()
    layout.current.symlink_to("releases/1.1")
    layout.updates.mkdir(parents=True)
    (layout.updates / "state.json").write_text("{}", encoding="ascii")
    factory_reset(layout, hardware.machine, Disk())
    assert layout.current.readlink() == Path("releases/1.0")
    assert list(layout.updates.iterdir()) == []


def test_data_that_somebody_moved_goes_too(used_box: Path, tmp_path: Path) -> None:
    hardware = copied(used_box, tmp_path / "box")
    layout, moved = hardware.layout, tmp_path / "box/mnt/data"
    moved.parent.mkdir()
    layout.data.rename(moved)
    text = (layout.settings / "box.toml").read_text("utf-8")
    (layout.settings / "box.toml").write_text(text.replace("/var/lib/branchline", "/mnt/data"), "utf-8")
    (tmp_path / "box/mnt/other").mkdir()
    factory_reset(layout, hardware.machine, Disk())
    assert list(moved.iterdir()) == []


def test_a_daemon_that_does_not_stop_leaves_the_reset_begun(used_box: Path, tmp_path: Path) -> None:
    hardware = copied(used_box, tmp_path / "box")

    def stuck() -> None:
        raise MachineError("systemctl stop: timed out")

    hardware.machine.stop_daemon = stuck  # type: ignore[method-assign]
    with pytest.raises(MachineError):
        factory_reset(hardware.layout, hardware.machine, Disk())
    assert is_reset_begun(hardware.layout)
    assert (hardware.layout.root / KEYS[0]).exists()


def test_the_same_machine_keeps_its_key_and_code_over_starts(tmp_path: Path) -> None:
    hardware = Hardware(tmp_path / "m", serial="To Be Filled By O.E.M.")
    first, second = hardware.boot().begin(), hardware.boot().begin()
    assert first is not None
    assert second is not None
    assert (first.public_der, first.session, first.code) == (second.public_der, second.session, second.code)
    assert first.serial == "", "what every board says is no serial number"
    assert plain_code(first.code) == first.code
    # A code ends after a day of being shown; a lost state makes another; a torn key makes both anew.
    folder = IdentityFolder(hardware.layout, Disk())
    folder.note_shown(24 * 3600.0)
    third = folder.prepare()
    assert (third.public_der, third.code == first.code) == (first.public_der, False)
    (hardware.layout.identity / "claim.json").write_bytes(b"\0" * 40)
    assert folder.prepare().code != third.code
    (hardware.credentials / MQTT_KEY).write_bytes(b"")
    fourth = folder.prepare()
    assert fourth.public_der != first.public_der


def test_an_issued_box_that_is_installed_meanwhile_ends_the_waiting(office: Office, tmp_path: Path) -> None:
    hardware = Hardware(tmp_path / "m")
    issued = issue_box(office, "by-hand", now=utc_now())
    rounds = 0

    async def pause(seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            put_box(issued, hardware.layout)
        assert rounds < 5

    first = hardware.boot(pause=pause)
    assert first.begin() is not None
    assert asyncio.run(first.run()) == "by-hand"
    first.finish()
    assert load_settings(hardware.layout.settings / "box.toml").box.id == "by-hand"
    assert not (hardware.layout.identity / "claim.json").exists()


@pytest.mark.parametrize(
    ("said", "serial"),
    [
        (b"10000000a1b2c3d4\0", "10000000a1b2c3d4"),
        (b"Default string\n", ""),
        (b"0123456789\n", ""),
        (b"\xff\xfe", ""),
        (b"has space\n", ""),
    ],
)
def test_a_serial_number_is_one(said: bytes, serial: str, tmp_path: Path) -> None:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/serial-number").write_bytes(said)
    assert machine_serial(tmp_path) == serial


def test_a_key_is_sealed_to_this_machine(tmp_path: Path) -> None:
    """With systemd's own program; what it wrote is no key, and does not open once it was changed."""
    layout = Layout(root=tmp_path)
    store = KeyStore(layout, Disk(), seals=True)
    pem = private_pem(new_client_key())
    assert store.save(MQTT_KEY, pem).startswith("sealed to this machine")
    sealed = store.sealed(MQTT_KEY)
    assert b"PRIVATE" not in sealed.read_bytes()
    assert sealed.stat().st_mode & 0o777 == 0o600
    assert not store.plain(MQTT_KEY).exists()
    assert store.load(MQTT_KEY) == pem
    body = bytearray(sealed.read_bytes())
    body[len(body) // 2] ^= 1
    sealed.write_bytes(bytes(body))
    with pytest.raises(KeyLostError):
        store.load(MQTT_KEY)
    store.wipe(MQTT_KEY)
    assert store.load(MQTT_KEY) is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_code_fits_a_terminal(language: str) -> None:
    standing = ClaimStanding(state="waiting", code="7K3M-Q9XD-4TPA", serial="10000000a1b2c3d4")
    shown = screen(standing, "zh" if language == "zh" else "en")
    emulator = pyte.Screen(80, 40)
    pyte.Stream(emulator).feed("\r\n".join(shown))
    assert any("7K3M-Q9XD-4TPA" in line for line in emulator.display)
    assert max(len(line) for line in shown) <= 80
    # Each module of the QR code is a half block: quiet zone around, finder pattern in the corner.
    lines = qr_lines(standing)
    assert lines[0] == "█" * len(lines[0])
    assert lines[2][4:11] == " ▄▄▄▄▄ "
    assert qr_content(standing) == "BRANCHLINE-CLAIM:7K3M-Q9XD-4TPA:10000000A1B2C3D4"


def invoke(app: object, *arguments: str, typed: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments), input=typed)  # type: ignore[arg-type]
    return result.exit_code, result.output


def test_the_commands(tmp_path: Path, office: Office, claim_file: Path) -> None:
    hardware = Hardware(tmp_path / "m")
    root = ["--root", str(hardware.layout.root)]
    code, said = invoke(first_boot_app, *root, "--no-wait")
    assert (code, "Claim code" in said) == (0, True)
    standing = json.loads(invoke(claim_app, *root, "--json")[1])
    assert standing["code"] in said
    assert standing["code"] in hardware.layout.issue.read_text("utf-8")
    assert standing["state"] == "no_file"
    hardware.plug_in(claim_file)
    boot(hardware, office, Disk())
    assert "This machine is a box." in invoke(first_boot_app, *root)[1]
    assert "本机已是" in invoke(claim_app, *root, "--language", "zh")[1]
    name = load_settings(hardware.layout.settings / "box.toml").box.id
    assert invoke(reset_app, *root, typed="no\n")[0] == 1
    assert (hardware.layout.settings / "box.toml").exists()
    assert invoke(reset_app, *root, typed=f"{name}\n")[0] == 0
    assert not (hardware.layout.settings / "box.toml").exists()
