"""Ctrl-C: finish the iteration, write a snapshot, exit with 130; the second one quits at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from netcli.cli.interrupts import signal_effects
from netcli.solver.events import Request


def test_the_first_asks_and_the_second_quits(capfd: pytest.CaptureFixture[str]) -> None:
    asked = []
    before = signal.getsignal(signal.SIGINT)
    with signal_effects(asked.append):
        signal.raise_signal(signal.SIGINT)
        assert asked == [Request.STOP]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert asked == [Request.STOP]
    assert signal.getsignal(signal.SIGINT) is before
    assert "Ctrl-C again quits at once" in capfd.readouterr().err


def test_other_threads_leave_signals_alone() -> None:
    before = signal.getsignal(signal.SIGINT)

    def work() -> None:
        with signal_effects(print):
            assert signal.getsignal(signal.SIGINT) is before

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_a_run_that_is_interrupted_can_go_on(tiny: Path) -> None:
    """A real process and a real signal."""
    command = [sys.executable, "-m", "netcli", "train", "solver.prototxt", "--out", "run", "--threads", "1"]
    with subprocess.Popen([*command, "--max-iter", "100000000"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("iteration 5"):
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
    assert process.returncode == 130, rest
    assert "Traceback" not in rest
    records = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert [record["event"] for record in records[-2:]] == ["snapshot", "finished"]
    assert records[-1]["reason"] == "interrupted"
    stopped_at = records[-1]["iteration"]
    state = Path(f"run/model_iter_{stopped_at}.solverstate")
    assert state.exists()
    assert state.with_suffix(".caffemodel").exists()
    more = [*command, "--resume", str(state), "--max-iter", str(stopped_at + 5), "-q"]
    assert subprocess.run(more, check=False).returncode == 0
    assert Path(f"run/model_iter_{stopped_at + 5}.caffemodel").exists()
