"""Who asks to be a box, what boxes may become, and what came of asking them: seen on a page, changed on none."""

import re
import shutil

import pytest

from console.release_repository import ReleaseRepository, read_signer
from console.web.roles import Role
from tests.console.web.web_world import NOW, Visitor, World


@pytest.fixture(scope="module")
def auditor(world: World) -> Visitor:
    return world.visitor(Role.AUDITOR)


def rows_of(page: str) -> list[str]:
    """Return a page's table rows as a person reads them."""
    found = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", each).split()) for each in found]


def test_machines_that_want_to_be_boxes(auditor: Visitor) -> None:
    page = auditor.text("/claims")
    waiting, settled = page.split("Settled", 1)
    assert "&lt;script&gt;" in waiting
    assert "SN-2" not in waiting
    rows = rows_of(settled)
    assert any(row.startswith("SN-2 is a box b1") for row in rows)
    assert any(row.startswith("SN-3 was sent away – its code has ended") for row in rows)
    assert any("whose code is approved b1" in row for row in rows)
    for secret in ("a secret", "a proof", "file-1"):
        assert secret not in page, "whoever has it may ask"


def test_what_came_of_asking_each_box(auditor: Visitor) -> None:
    """Asked twice with one message is asked once; the box's own end of an update counts for its own order."""
    page = auditor.text("/updates").split("Roll-outs")[-1]
    asked = [row for row in rows_of(page) if "1.4.0" in row]
    assert [re.search(r"b\d", row)[0] for row in asked] == ["b1", "b2", "b3"]  # type: ignore[index]
    assert "an update is in use it is 1.4.0 now" in asked[0]
    assert "1.4.0 was taken back: it did not run well on this box" in asked[1]
    assert asked[2].endswith("waits for the box")
    auditor.post("/language", {"language": "zh", "next": "/"}, form_at="/people")
    assert "1.4.0 已撤回：在该盒子上运行不正常" in auditor.text("/updates")
    auditor.post("/language", {"language": "en", "next": "/"}, form_at="/people")


def test_releases_until_they_are_signed_published_and_gone(world: World, auditor: Visitor) -> None:
    repository, keys = (
        ReleaseRepository(world.desk.office.releases),
        world.desk.office.folder / "release-keys",
    )
    page = auditor.text("/updates")
    assert "None is published." in page
    assert "0 of 2 have signed" in page
    for number in (1, 2):
        repository.sign(read_signer((keys / f"release-{number}.pem").read_bytes()))
    assert "2 of 2 have signed" in auditor.text("/updates")
    repository.publish(NOW, days=2)
    page = auditor.text("/updates")
    assert "have signed" not in page
    assert any(row.startswith("1.4.0 any") for row in rows_of(page))
    assert 'class="notice bad">Boxes believe it until' in page, "two days are soon over"
    shutil.rmtree(repository.public)
    assert "is no repository" in auditor.text("/updates"), "said on the page, which shows the rest"
    shutil.rmtree(world.desk.office.releases)
    assert "No repository of releases yet" in auditor.text("/updates")
