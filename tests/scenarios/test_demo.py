"""`branchline demo` as a user runs it: in real time, on real PTYs and a real SIP engine, with a real broker."""

import json
import subprocess
import wave
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from firmware.demo.processes import program


@pytest.mark.in_real_time
@pytest.mark.timeout(300)
def test_the_demo_does_what_the_readme_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = tmp_path / "summary.json"
    options = ("--sip-lines", "2", "--summary", str(summary), "--folder", str(tmp_path / "demo"))

    def console(*arguments: str) -> Any:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["--office", str(tmp_path / "demo" / "console"), *arguments])
        out = capsys.readouterr().out
        assert not ended.value.code, out
        return json.loads(out) if "--json" in arguments else out

    done = subprocess.run(
        program("branchline", "demo", *options),
        capture_output=True, text=True, timeout=260, check=False,
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
    second = result["instalments"]
    assert (second["contacts"], second["attempts"]) == (2, 2)
    assert second["outcomes"] == {"human_bridged": 1, "promise_plan": 1}
    assert second["text_states"] == ["delivered"]
    [text] = second["texts"]
    assert text.startswith(
        "to +86…21 (2 messages): 【晨光银行】您约定分3期支付，每期334.00元，最后一期332.00元"
    ), text
    told = " ".join(done.stdout.replace("│", " ").split())
    for words in ("3 x 334.00 CNY, last 332.00 CNY", "who could not be had, and was told so", "每期334.00元"):
        assert words in told, words
    # Recorded are those who heard the notice to its end; who hangs up or beeps near it may be or not be one.
    assert 8 <= result["recordings"] <= 10
    calls = [json.loads(line) for line in (tmp_path / "demo" / "network-calls.jsonl").open(encoding="utf-8")]
    # Nobody sees another number than the line's own, and every line has called.
    own = {call["modem"] for call in calls if call["event"] == "dialled"}
    assert own == {"+862134567800", "+862134567801", "+8613123456600", "+8613123456601"}
    rung = [call["number"] for call in calls if call["event"] == "dialled"]
    assert "+8613900000001" in rung, "the colleague"
    assert "+8613123456712" not in rung, "whose debt is disputed"
    assert {call["number"] for call in calls if call["event"] == "text"} == {"+8613123456721"}
    assert "same ids, none missing, none twice" in " ".join(done.stdout.split())
    total = console("report", "--month", "2026-11", "--zone", "Asia/Shanghai", "--json")["calendar"]["total"]
    assert (total["attempts"], total["opt_outs"], total["promised"].keys()) == (13, 1, {"CNY"})
    assert 0 < total["first_word_ms"] <= 5000 * total["first_words"]
    [promised] = [row for row in console("outcomes", "--json") if row["disposition"] == "promise_full"]
    sealed = tmp_path / "demo" / "console" / "boxes" / "branch-7" / "data" / "recordings"
    [recording] = [path for path in sealed.iterdir() if promised["recording"] in path.name]
    console("open-recording", str(recording), "--out", str(tmp_path / "call.wav"))
    with wave.open(str(tmp_path / "call.wav")) as sound:
        assert sound.getnframes() > 8000 * promised["talk_s"] * 0.3, "the call can be heard"
    assert "+861312345" not in (tmp_path / "demo" / "logs" / "box.log").read_text(encoding="utf-8")
