"""`branchline demo` as a user runs it: in real time, on real PTYs and a real SIP engine, with a real broker."""

import json
import subprocess
from pathlib import Path

import pytest

from firmware.demo.processes import program

BUDGET_S = 90


@pytest.mark.timeout(240)
def test_the_demo_does_what_the_readme_says(tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    options = ("--sip-lines", "2", "--summary", str(summary), "--folder", str(tmp_path / "demo"))
    done = subprocess.run(
        program("branchline", "demo", *options),
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result = json.loads(summary.read_text(encoding="utf-8"))
    assert result["contacts"] == 12
    assert result["attempts"] == 11
    assert result["outcomes"] == {
        "busy": 1,
        "human_unavailable": 1,
        "hung_up_early": 1,
        "machine_no_message": 1,
        "no_answer": 1,
        "opt_out": 1,
        "powered_off": 1,
        "promise_full": 1,
        "silence": 1,
        "third_party": 1,
        "wrong_number": 1,
    }
    assert sum(result["refused"].values()) == 1
    assert [row["row"] for row in result["rejected_rows"]] == [4, 8, 12, 16]
    assert result["missing"] == []
    assert result["doubled"] == []
    assert result["unfinished"] == []
    # Recorded are those who heard the notice to its end; who hangs up or beeps near it may be or not be one.
    assert 6 <= result["recordings"] <= 8
    assert result["seconds"] <= BUDGET_S
    calls = [json.loads(line) for line in (tmp_path / "demo" / "network-calls.jsonl").open(encoding="utf-8")]
    # Nobody sees another number than the line's own, and every line has called.
    own = {call["modem"] for call in calls if call["event"] == "dialled"}
    assert own == {"+862134567800", "+862134567801", "+8613123456600", "+8613123456601"}
    assert "same ids, none missing, none twice" in " ".join(done.stdout.split())
    assert "+861312345" not in (tmp_path / "demo" / "logs" / "box.log").read_text(encoding="utf-8")
