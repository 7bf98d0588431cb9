"""The claim code for people: as lines for any terminal, as a QR code in letters, above every login prompt, and as JSON."""

from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
import segno

from firmware.local.words import Both, Language, say
from provisioning.layout import Layout

ClaimState = Literal[
    "no_file", "bad_file", "connecting", "asked", "waiting", "granted", "refused", "is_box", "resetting"
]
STATES: dict[str, Both] = {
    "no_file": (
        "Waiting for a claim file: plug in the USB stick with branchline-claim.toml.",
        "等待认领文件：请插入含有 branchline-claim.toml 的 U 盘。",
    ),
    "bad_file": (
        "The claim file cannot be used. Ask the office for another one.",
        "认领文件无法使用，请向总部索取新的文件。",
    ),
    "connecting": ("Connecting to head office.", "正在连接总部。"),
    "asked": ("Head office was asked and has not answered yet.", "已向总部申请，尚未收到答复。"),
    "waiting": (
        "Tell head office the code below. They approve it; then this box works.",
        "请把下面的认领码告知总部，批准后本机即可使用。",
    ),
    "granted": ("Approved: the box starts.", "已批准，设备正在启动。"),
    "refused": ("Head office refused. It is tried again.", "总部拒绝了申请，将再次尝试。"),
    "is_box": ("This machine is a box.", "本机已是 Branchline 设备。"),
    "resetting": ("The factory reset is not finished.", "恢复出厂设置尚未完成。"),
}
LABELS: dict[str, Both] = {
    "title": ("Branchline: not yet in service", "Branchline：尚未启用"),
    "code": ("Claim code", "认领码"),
    "serial": ("Serial number", "序列号"),
    "what": ("What to do", "下一步"),
    "detail": ("Detail", "详情"),
    "qr": ("The same as a QR code", "二维码"),
}


class ClaimStanding(msgspec.Struct, kw_only=True, frozen=True):
    """How the claim stands, as everybody at the machine may see it."""

    state: ClaimState
    code: str = ""
    serial: str = ""
    detail: str = ""
    at: datetime | None = None


def qr_content(standing: ClaimStanding) -> str:
    """Return what the QR code says."""
    return f"BRANCHLINE-CLAIM:{standing.code}:{standing.serial}".rstrip(":").upper()


def qr_lines(standing: ClaimStanding) -> list[str]:
    """Return the QR code as lines of half blocks, light on dark; with a quiet zone (ISO/IEC 18004 §9.1)."""
    # Written by hand: segno's own has colour codes that a dumb terminal shows as dirt.
    rows = [
        list(row) for row in segno.make(qr_content(standing), error="m", micro=False).matrix_iter(border=4)
    ]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    return [
        "".join(" ▀▄█"[(not above) + 2 * (not below)] for above, below in zip(upper, lower, strict=True))
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]


def qr_svg(standing: ClaimStanding) -> str:
    """Return the QR code as an inline picture that is dark on light whatever the page's colours are."""
    return str(
        segno.make(qr_content(standing), error="m", micro=False).svg_inline(
            scale=6, border=4, dark="#000", light="#fff", title=qr_content(standing)
        )
    )


def screen(standing: ClaimStanding, language: Language, *, with_qr: bool = True) -> list[str]:
    """Return the standing as lines of at most 80 columns."""
    lines = [say(LABELS["title"], language), "", say(STATES[standing.state], language)]
    if standing.detail:
        lines.append(f"  {standing.detail}")
    if standing.code:
        lines += ["", f"  {say(LABELS['code'], language)}: {standing.code}"]
    if standing.serial:
        lines.append(f"  {say(LABELS['serial'], language)}: {standing.serial}")
    if standing.code and with_qr:
        lines += ["", *qr_lines(standing)]
    return lines


class ClaimBoard:
    """Where the standing is written for others: a file for the page and the technician, and the consoles' greeting."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def put(self, standing: ClaimStanding) -> bool:
        """Show a standing; say whether it is another one than before."""
        before = self.read()
        body = msgspec.json.encode(standing)
        _write(self._layout.claim_status, body)
        is_new = before is None or msgspec.structs.replace(before, at=None) != msgspec.structs.replace(
            standing, at=None
        )
        if is_new:
            text = [*screen(standing, "en", with_qr=False), "", *screen(standing, "zh")]
            # agetty reads \ as the beginning of a code of its own.
            _write(self._layout.issue, "\n".join([*text, "", ""]).replace("\\", "\\\\").encode())
        return is_new

    def read(self) -> ClaimStanding | None:
        """Return the standing, None where nobody asks."""
        try:
            return msgspec.json.decode(self._layout.claim_status.read_bytes(), type=ClaimStanding)
        except (OSError, msgspec.MsgspecError):
            return None

    def clear(self) -> None:
        """Show nothing any more."""
        for path in (self._layout.claim_status, self._layout.issue):
            path.unlink(missing_ok=True)


def _write(path: Path, body: bytes) -> None:
    # It is in memory (/run) and gone at the next start: nothing to be written out.
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(body)
    fresh.chmod(0o644)
    fresh.replace(path)
