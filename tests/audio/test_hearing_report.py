"""One command measures what the box hears and writes a page of it, with what it ran on and what it left out."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

from audio.dsp.dtmf_generator import digits_clip
from benchmarks import hearing_report
from benchmarks.hearing_page import Grid, Section, page

app = typer.Typer()
app.command()(hearing_report.main)


def test_a_quick_run_has_all_parts_and_their_pictures(tmp_path: Path) -> None:
    spoken = tmp_path / "spoken"
    spoken.mkdir()
    soundfile.write(spoken / "keys.wav", np.concatenate([digits_clip("123"), np.zeros(800, np.int16)]), 8000)
    out = tmp_path / "report"
    done = CliRunner().invoke(app, ["--quick", "--jobs", "1", "--out", str(out), "--speech", str(spoken)])
    assert done.exit_code == 0, done.output
    written = (out / "index.html").read_text(encoding="utf-8")
    for picture in ("confusion", "decision_times", "keys", "tones"):
        assert (out / f"{picture}.png").read_bytes().startswith(b"\x89PNG")
        assert f"{picture}.png" in written
    for said in ("Who answered", "Keys", "Call progress", "press no key", "synthetic"):
        assert said in written
    figures = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert [one["calls"] for one in figures["answers"].values()] == [5, 5]
    assert all(sum(one["confusion"].values()) == 5 for one in figures["answers"].values())
    assert figures["keys"]["keys"]["as it should be"] == 1.0
    assert figures["keys"]["keys"]["both +3.5 %"] == 0.0
    assert figures["keys"]["keys_wrong_rows"] == 0
    assert figures["talk-off"]["talk_off"]["keys"] == 3, "the keys among what was given as speech are counted"
    assert figures["talk-off"]["talk_off"]["spandsp"] >= 6


def test_what_no_time_was_left_for_stands_at_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(0, 1_000_000, 100))
    monkeypatch.setattr("benchmarks.hearing_report.time.monotonic", lambda: next(ticks))
    done = CliRunner().invoke(app, ["--quick", "--out", str(tmp_path), "--limit-minutes", "1"])
    assert done.exit_code == 0, done.output
    written = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert re.search(r"<h2>Not run</h2>.*answers: no time was left", written, re.DOTALL)
    assert "Who answered" not in written


def test_a_page_shows_what_is_wrong_and_takes_no_markup_from_names() -> None:
    section = Section(
        title="Keys",
        ran_on="<b>",
        grids=(Grid(caption="c", head=("a", "b"), rows=[("!low", 1), ("x<y", 2)]),),
    )
    written = page([section], "now", [])
    assert "<tr class='wrong'><td>low</td><td>1</td></tr>" in written
    assert "x&lt;y" in written
    assert "&lt;b&gt;" in written
    assert "Not run" not in written
