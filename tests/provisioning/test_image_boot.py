"""The image, made by its one command's own function and booted: a serving box, watched from inside and on its console."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.authority import init_office, issue_box
from provisioning.debian_tree import MirrorError, machine_arch, machine_suite
from provisioning.image import make_tree
from provisioning.image_look import look_at_tree
from tests.provisioning.test_tree_boot import ROOT, boots_here  # noqa: F401

LOOKED_AT = {
    "first boot": {"claim code on the consoles", "own key is sealed", "claim page", "key kept"},
    "notify": {"ready by notify", "starts", "same process after reload", "polite stop"},
    "credential": {
        "credential unsealed",
        "credential is for the daemon alone",
        "without its credential it does not serve",
        "it says which credential",
    },
    "sandbox": {
        "user",
        "no capabilities",
        "no new privileges",
        "system call filter",
        "system is read-only",
        "settings are read-only",
        "data is private",
    },
    "watchdog": {
        "stuck daemon is restarted",
        "killed by the watchdog",
        "it told where it hung",
        "without a watchdog nobody restarts it",
    },
    "serial console": {"boot is shown on the serial console", "the technician's session there"},
    "page": {"status page", "metrics", "self-check"},
    "ways out": {
        "update is asked and answered",
        "factory reset",
        "data is gone",
        "another claim code",
        "power-off",
    },
}


@pytest.mark.in_real_time
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("boots_here")
def test_the_image_boots_to_a_serving_box(tmp_path: Path) -> None:
    """That each of these can fail is looked at in the same boot: without watchdog and without credential it is not so."""
    tree = tmp_path / "tree"
    if shutil.which("mmdebstrap") is None:
        pytest.skip("THE IMAGE WAS NOT BOOTED: apt-get install mmdebstrap")
    try:
        make_tree(tree, ROOT, arch=machine_arch(), suite=machine_suite(), wheels=None)
    except MirrorError as error:
        pytest.skip(f"THE IMAGE WAS NOT BOOTED: {error}")
    before = {path.relative_to(tree) for path in tree.rglob("*")}
    installed = {path.name for path in before}
    assert {"flow.schema.json", "name_readings.txt", "characters.txt", "rules.toml", "zh.npz"} <= installed
    assert not [path for path in before if "understanding/corpus" in path.as_posix()], (
        "only training needs it"
    )
    now = datetime.now(UTC)
    box = issue_box(init_office(tmp_path / "office", "look", "127.0.0.1", now=now), "look-1", now=now)
    found = {each.what: each for each in look_at_tree(tree, box)}
    assert [each for each in found.values() if not each.is_right] == []
    assert set().union(*LOOKED_AT.values()) - set(found) == set()
    assert {path.relative_to(tree) for path in tree.rglob("*")} == before
