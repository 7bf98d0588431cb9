"""Whoever does not go round in time is named, and the watchdog starves."""

from firmware.host.heartbeats import Heartbeats


def test_a_loop_is_late_only_after_its_time() -> None:
    now_s = 100.0
    heartbeats = Heartbeats(lambda: now_s)
    beat = heartbeats.expect("scheduler", within_s=60)
    heartbeats.expect("line:1", within_s=900)
    now_s = 160.0
    assert heartbeats.late() == []
    now_s = 161.0
    assert heartbeats.late() == ["scheduler"]
    beat()
    assert heartbeats.late() == []
    now_s = 1001.0
    beat()
    assert heartbeats.late() == ["line:1"]


def test_a_thread_is_asked() -> None:
    alive = True
    heartbeats = Heartbeats(lambda: 0.0)
    heartbeats.probe("mqtt", lambda: alive)
    assert heartbeats.late() == []
    alive = False
    assert heartbeats.late() == ["mqtt"]
