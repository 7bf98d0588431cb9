"""A look at a tree running: booted as a throw-away box, watched from inside, talked to on its console. The tree stays as it was."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from provisioning.installing import InstallError
from provisioning.technician.words import SAID
from provisioning.tree_boot import Conversation, Reply, boot, scratch_folder

LOOK_LIMIT_S = 300.0
UPDATES_LIMIT_S = 1500.0
"""Two updates besides, of which one is tried three times for a minute each."""
PIN = "602214"
_SCRIPT = Path(__file__).with_suffix(".sh")
_FOLDER = "etc/branchline-look"
_ZH = 1
_UNIT = f"""[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh /{_FOLDER}/look
StandardOutput=file:/observed/found.txt
StandardError=journal
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at in the running machine."""

    what: str
    is_right: bool
    words: str
    """What was seen."""


def look_at_tree(tree: Path, box: Path, *, repository: str = "") -> list[Finding]:
    """Boot the tree with an issued box in it and return what was observed.

    `repository`: where it finds a good release and a bad one, to become them; the machine then shares this one's network.
    Raises InstallError, NoBootHereError.
    """
    with scratch_folder() as folder:
        (seed := folder / "seed").mkdir()
        (shared := folder / "shared").mkdir()
        _sow(seed, box, repository)
        talk = Conversation(
            [
                Reply(shown="2 中文 > ", typed="2\r"),
                Reply(shown=SAID["pin"][_ZH], typed=f"{PIN}\r"),
                Reply(shown=SAID["choose"][_ZH], typed="1\r"),
                Reply(shown=SAID["enter"][_ZH], typed="\r"),
                Reply(shown=SAID["choose"][_ZH], typed="8\r"),
                Reply(shown=SAID["more"][_ZH], typed="\r"),
                Reply(shown=SAID["more"][_ZH], typed="q\r"),
                Reply(shown=SAID["enter"][_ZH], typed="\r"),
                Reply(shown=SAID["choose"][_ZH], typed="0\r"),
            ],
            last=SAID["bye"][_ZH],
        )
        failed = ""
        try:
            boot(
                tree,
                talk=talk,
                limit_s=UPDATES_LIMIT_S if repository else LOOK_LIMIT_S,
                seed=seed,
                shared=shared,
                has_own_network=not repository,
            )
        except InstallError as error:
            if type(error) is not InstallError:
                raise
            failed = str(error)
        found = _read(shared / "found.txt")
    if not found:
        raise InstallError(f"the tree did not come as far as looking: {failed or talk.screen[-500:]}")
    return [
        *found,
        Finding(what="boot is shown on the serial console", is_right="Welcome to" in talk.screen, words=""),
        Finding(
            what="the technician's session there",
            is_right=talk.is_over,
            words="" if talk.is_over else talk.screen[-300:],
        ),
        Finding(what="power-off", is_right=not failed, words=failed or "by itself"),
    ]


def _sow(seed: Path, box: Path, repository: str) -> None:
    """Put what looks, and the box it looks at, where it is laid over the tree."""
    folder = seed / _FOLDER
    folder.mkdir(parents=True)
    shutil.copytree(box, folder / "box")
    shutil.copy(_SCRIPT, folder / "look")
    (folder / "pin").write_text(f"{PIN}\n{PIN}\n", encoding="ascii")
    with (folder / "box/box.toml").open("a", encoding="utf-8") as file:
        file.write('\n[status_page]\nbind = "127.0.0.1"\nport = 8480\n')
        if repository:
            file.write(f'\n[update]\nrepository = "{repository}"\ntrial_minutes = 1\n')
    wants = seed / "etc/systemd/system/default.target.wants"
    wants.mkdir(parents=True)
    unit = wants.with_name("branchline-look.service")
    unit.write_text(_UNIT, encoding="utf-8")
    (wants / unit.name).symlink_to(f"/{unit.relative_to(seed)}")


def _read(file: Path) -> list[Finding]:
    """Return what the script wrote: what, good or bad, and what was seen, parted by tabs."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    rows = [line.split("\t") for line in lines if line.count("\t") == 2]
    return [Finding(what=what, is_right=verdict == "good", words=words) for what, verdict, words in rows]
