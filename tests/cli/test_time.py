"""``netcli time``: the promised keys, no data needed, and sums that add up."""

from __future__ import annotations

import functools
import json
import re
from argparse import Namespace
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest

from netcli.cli import timing
from netcli.cli.measuring import DataTiming, NetTimer, Spread
from netcli.cli.time_comparison import compared
from netcli.report.timing_chart import timing_chart


def _time(run: Any, *arguments: object) -> dict[str, Any]:
    result = run("time", *arguments, "--iterations", 3, "--threads", 1, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def away(tiny: Path) -> Path:
    """``tiny`` without its data."""
    net = Path("net.prototxt")
    net.write_text(net.read_text().replace("_lmdb", "_nowhere"))
    return tiny


def test_json_of_a_solver_without_its_data(away: Path, run: Any) -> None:
    found = _time(run, "solver.prototxt", "--input-shape", "1,4,4", "--batch", 8)
    assert set(found) == {
        "schema", "file", "cpu", "batch", "threads", "device", "iterations", "phase", "compile_s", "warm_up_s",
        "forward_ms", "backward_ms", "forward_backward_ms", "training_iteration_ms", "images_per_s", "gflops",
        "of_peak", "layers", "unattributed_ms", "peak_gflops", "data",
    }  # fmt: skip
    assert (found["schema"], found["batch"], found["threads"], found["device"]) == (1, 8, 1, "cpu")
    for key in ("forward_ms", "backward_ms", "forward_backward_ms", "training_iteration_ms"):
        spread = found[key]
        assert set(spread) == {"median", "min", "iqr"}
        assert 0 < spread["min"] <= spread["median"]
    assert [layer["name"] for layer in found["layers"]] == ["data", "ip", "loss"]
    ip = found["layers"][1]
    assert set(ip) == {"name", "type", "forward_ms", "backward_ms", "share", "gflops", "of_peak"}
    assert ip["gflops"] == pytest.approx(2 * 8 * 16 * 3 / ip["forward_ms"]["median"] / 1e6, abs=0.006)
    assert found["layers"][2]["gflops"] is None
    per_layer = sum(layer["forward_ms"]["median"] + layer["backward_ms"]["median"] for layer in found["layers"])
    assert found["unattributed_ms"] == pytest.approx(found["forward_backward_ms"]["median"] - per_layer, abs=0.01)
    assert found["images_per_s"] == pytest.approx(8000 / found["training_iteration_ms"]["median"], rel=0.01)
    assert found["peak_gflops"] > 0


def test_a_net_has_no_training_iteration(tiny: Path, run: Any) -> None:
    found = _time(run, "net.prototxt")
    assert "training_iteration_ms" not in found
    assert found["batch"] == 4
    assert found["phase"] == "TRAIN"


def test_a_net_that_a_program_feeds(tiny: Path, run: Any) -> None:
    Path("memory.prototxt").write_text(
        Path("net.prototxt").read_text().replace('type: "Data"', 'type: "MemoryData"')
        .replace('source: "train_lmdb" batch_size: 4 backend: LMDB', "batch_size: 4 channels: 1 height: 4 width: 4")
        .replace('source: "test_lmdb" batch_size: 4 backend: LMDB', "batch_size: 4 channels: 1 height: 4 width: 4")
        .replace("data_param", "memory_data_param")
    )  # fmt: skip
    found = _time(run, "memory.prototxt", "--batch", 3)
    assert (found["batch"], found["layers"][0]["type"]) == (3, "MemoryData")


def test_forward_only(tiny: Path, run: Any) -> None:
    found = _time(run, "solver.prototxt", "--forward-only")
    assert found["backward_ms"] is found["forward_backward_ms"] is None
    assert "training_iteration_ms" not in found
    assert all(layer["backward_ms"] is None for layer in found["layers"])


def test_the_shape_must_be_known(away: Path, run: Any) -> None:
    result = run("time", "solver.prototxt")
    assert result.exit_code == 3
    assert "--input-shape C,H,W" in result.stderr


class _Clock:
    """A clock by which the k-th thing that is timed takes ``durations[k]`` milliseconds."""

    def __init__(self, durations: list[float]) -> None:
        self._durations = iter(durations)
        self._now = 0.0
        self._running = False

    def __call__(self) -> float:
        if self._running:
            self._now += next(self._durations) / 1000
        self._running = not self._running
        return self._now


FIRST = [1500, 20, 30]
"""The first iteration and two to warm up."""
PASSES = [[2, 4], [2, 6], [3, 4], [2, 5]]
"""Forward and backward: medians 2 and 4.5, together 7."""
LAYERS = [0.25, 1, 0.25, 0.25, 2.5, 0.25]
"""data, ip, loss forward; loss, ip, data backward."""


def _turns(*parts: list[list[float]]) -> list[float]:
    """What is timed first, then turn by turn one of each of ``parts``."""
    return [*FIRST, *(duration for turn in zip(*parts, strict=True) for part in turn for duration in part)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes ``netcli time`` tell the durations that it is given, a peak of 1 GFLOP/s, and the CPU "any"."""

    def use(durations: list[float]) -> None:
        monkeypatch.setattr(timing, "NetTimer", functools.partial(NetTimer, clock=_Clock(durations)))

    monkeypatch.setattr(timing, "peak_gflops", lambda threads: float(threads))
    monkeypatch.setattr(timing, "cpu_name", lambda: "any")
    return use


def test_what_is_printed(away: Path, run: Any, clock: Any) -> None:
    clock(_turns(PASSES, [[8], [9], [8], [9]], [LAYERS] * 4))
    result = run("time", "solver.prototxt", "--input-shape", "1,4,4", "--iterations", 4, "--threads", 1)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == (
        "layer\ttype\tforward ms\tiqr\tmin\tbackward ms\tiqr\tmin\tshare\tGFLOP/s\tof peak\n"
        "data\tData\t0.250\t0.000\t0.250\t0.250\t0.000\t0.250\t7.1%\t\t\n"
        "ip\tInnerProduct\t1.000\t0.000\t1.000\t2.500\t0.000\t2.500\t50.0%\t0.00\t0.0%\n"
        "loss\tSoftmaxWithLoss\t0.250\t0.000\t0.250\t0.250\t0.000\t0.250\t7.1%\t\t\n"
        "unattributed\t\t2.500\t\t\t\t\t\t35.7%\t\t\n"
    )
    assert result.stderr == (
        "forward               2.000 ms, min 2.000, iqr 0.250\n"
        "backward              4.500 ms, min 4.000, iqr 1.250\n"
        "forward and backward  7.000 ms, min 6.000, iqr 0.500\n"
        "training iteration    8.500 ms, min 8.000, iqr 1.000\n"
        "data                  generated data: 'train_nowhere' does not exist [NC001]\n"
        "images                471 a second\n"
        "rate                  forward 0.0 GFLOP/s, 0.0% of the measured peak 1.0 GFLOP/s (sgemm)\n"
        "first iteration       1.5 s, compiling included; not counted\n"
        "warm-up               0.1 s; not counted\n"
        "phase TRAIN, batch 4, threads 1, medians of 4 iterations\n"
        "the iterations vary by more than a tenth: the machine has other things to do\n"
    )


def test_threads_one_by_one(tiny: Path, run: Any, clock: Any) -> None:
    durations = [*_turns([[6, 2]] * 2), 5, 5, 5, *[3, 1, *[0.25] * 6] * 2, 5, 5]
    clock(durations)
    arguments = ["time", "net.prototxt", "--iterations", 2, "--threads", 2, "--sweep-threads"]
    result = run(*arguments)
    if "[NC502]" in result.stderr:
        pytest.skip("one thread only")
    assert result.stdout == (
        "threads\tforward ms\tbackward ms\titeration ms\tiqr\tmin\timages/s\tspeed-up\tGFLOP/s\tof peak\n"
        "1\t6.000\t2.000\t8.000\t0.000\t8.000\t500.0\t1.00\t0.00\t0.0%\n"
        "2\t3.000\t1.000\t4.000\t0.000\t4.000\t1,000.0\t2.00\t0.00\t0.0%\n"
    )
    assert "first iteration       1.5 s, compiling included; not counted\n" in result.stderr
    clock(durations)
    found = json.loads(run(*arguments, "--json").stdout)
    assert [(step["threads"], step["images_per_s"]) for step in found["sweep"]] == [(1, 500.0), (2, 1000.0)]
    assert (found["threads"], found["images_per_s"], found["compile_s"]) == (2, 1000.0, 1.5)


@pytest.mark.parametrize(
    ("threads", "fewer"), [(1, []), (2, [1]), (3, [1, 2]), (4, [1, 2]), (5, [1, 2, 4]), (8, [1, 2, 4])]
)
def test_powers_of_two_below_the_threads(threads: int, fewer: list[int]) -> None:
    assert timing._fewer(threads) == fewer


def test_iterations_with_the_nets_own_data(tiny: Path, run: Any) -> None:
    found = _time(run, "solver.prototxt")
    data = found["data"]
    assert data["source"] == "real"
    assert 0 < data["iteration_ms"]["min"] <= data["iteration_ms"]["median"]
    assert 0 < data["wait_share"] < 1
    printed = run("time", "solver.prototxt", "--iterations", 2, "--threads", 1).stderr
    assert re.search(r"^with its own data     [\d.]+ ms, min [\d.]+, iqr [\d.]+$", printed, re.M)
    assert re.search(r"^waiting for data      \d+\.\d% of that$", printed, re.M)


def test_data_wait_is_what_the_feed_takes(tiny: Path) -> None:
    """A feed that takes all the time there is, and then one that takes none, by a clock that stands still else."""
    for cost, share in ((0.5, 1.0), (0.0, 0.0)):
        now = [1.0]

        class Slow:
            cuda = None
            waited = 0.0

            def forward(self, *layers: int, cost: float = cost, now: list[float] = now) -> None:
                self.waited += cost
                now[0] += cost or 0.25

        net: Any = Slow()
        net.graph = Namespace(steps=[])
        timer = NetTimer(net, None, 1, forward_only=True, clock=lambda now=now: now[0])
        assert timer.time_with_data(4, net) == DataTiming(Spread(250 * share + 250, 250 * share + 250, 0), share)


def test_a_built_in_set_is_not_drawn_for_it(tiny: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETCLI_CACHE_DIR", str(tiny / "cache"))
    net = Path("net.prototxt")
    net.write_text(net.read_text().replace("train_lmdb", "builtin:digits/train"))
    assert _time(run, "net.prototxt")["data"] == {
        "source": "generated",
        "reason": "builtin:digits/train has not been drawn yet [NC219]",
    }


def test_data_that_cannot_be_read_are_no_obstacle(tiny: Path, run: Any) -> None:
    with lmdb.open("train_lmdb", map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        transaction.put([bytes(key) for key, _ in transaction.cursor()][5], b"\xff garbage")
    data = _time(run, "net.prototxt")["data"]
    assert data["source"] == "generated"
    assert data["reason"].endswith("[NC203]")


def test_images_of_any_size(tiny: Path, run: Any) -> None:
    cv2 = pytest.importorskip("cv2")
    for item, shape in enumerate([(4, 4), (6, 5), (5, 8)]):
        cv2.imwrite(f"{item}.png", np.full(shape, 50 * item, np.uint8))
    Path("list.txt").write_text("".join(f"{item}.png {item}\n" for item in range(3)))
    Path("any.prototxt").write_text(
        'layer { name: "data" type: "ImageData" top: "data" top: "label"\n'
        '  image_data_param { source: "list.txt" is_color: false } }\n'
        'layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param { global_pooling: true } }\n'
        'layer { name: "ip" type: "InnerProduct" bottom: "pool" top: "ip" inner_product_param { num_output: 3 } }\n'
        'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }\n'
    )
    found = _time(run, "any.prototxt")
    assert (found["batch"], found["data"]["source"]) == (1, "real")


def test_a_net_without_a_set_says_nothing_of_data(tiny: Path, run: Any) -> None:
    Path("deploy.prototxt").write_text(
        'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 1 dim: 4 dim: 4 } } }\n'
        'layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 } }\n'
    )
    assert _time(run, "deploy.prototxt", "--forward-only")["data"] == {"source": "none"}


def test_a_net_that_has_become_slower(away: Path, run: Any, clock: Any) -> None:
    arguments = ["time", "net.prototxt", "--input-shape", "1,4,4", "--iterations", 4, "--threads", 1]
    clock(_turns(PASSES, [LAYERS] * 4))
    Path("old.json").write_text(run(*arguments, "--json").stdout)
    clock(_turns([[2, 9], [2, 9], [3, 9], [2, 9]], [[0.25, 1, 0.25, 0.25, 6, 0.25]] * 4))
    result = run(*arguments, "--compare", "old.json", "--tolerance", 12.5)
    assert result.exit_code == 1
    assert result.stdout == (
        "what\tpass\told ms\tnew ms\tchange\tverdict\n"
        "whole net\tforward\t2.000\t2.000\t+0.0%\tsame\n"
        "whole net\tbackward\t4.500\t9.000\t+100.0%\tslower\n"
        "whole net\tforward and backward\t7.000\t11.000\t+57.1%\tslower\n"
        "data\tforward\t0.250\t0.250\t+0.0%\tsame\n"
        "data\tbackward\t0.250\t0.250\t+0.0%\tsame\n"
        "ip\tforward\t1.000\t1.000\t+0.0%\tsame\n"
        "ip\tbackward\t2.500\t6.000\t+140.0%\tslower\n"
        "loss\tforward\t0.250\t0.250\t+0.0%\tsame\n"
        "loss\tbackward\t0.250\t0.250\t+0.0%\tsame\n"
    )
    *_, rule, first, second = result.stderr.splitlines()
    assert rule == (
        "compared with old.json: slower means that median and least time are both more than 12.5% above the old ones; "
        "only the whole net's passes decide"
    )
    assert first == (
        "error: backward is slower than in 'old.json', expected 4.500 ms, or up to 12.5% more, actual 9.000 ms "
        "(+100.0%). hint: measure again on a quiet machine before you believe it [NC570]"
    )
    assert second.startswith("error: forward and backward is slower than in 'old.json'")
    clock(_turns(PASSES, [LAYERS] * 4))
    again = run(*arguments, "--compare", "old.json", "--json")
    assert again.exit_code == 0
    assert json.loads(again.stdout)["compare"]["regression"] is False


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        ((11.0, 10.0), "same"),
        ((11.1, 9.0), "same"),
        ((11.1, 9.95), "slower"),
        ((9.0, 8.1), "faster"),
        ((8.0, 8.9), "same"),
    ],
)
def test_median_and_least_time_must_agree(new: tuple[float, float], verdict: str) -> None:
    old = {"forward_ms": {"median": 10.0, "min": 9.0, "iqr": 0.0}, "layers": [], "cpu": "a"}
    now = {"forward_ms": {"median": new[0], "min": new[1], "iqr": 0.0}, "layers": [{"name": "x"}], "cpu": "b"}
    found = compared(old, now | {"layers": [{"name": "x", "forward_ms": None, "backward_ms": None}]}, Path("o"), 0.1)
    assert [row["verdict"] for row in found["passes"]] == [verdict]
    assert found["regression"] == (verdict == "slower")
    assert (found["only_old"], found["only_new"], found["other_cpu"]) == ([], ["x"], "a")


@pytest.mark.parametrize(
    "content", [None, "no json", "[]", "{}", '{"forward_ms": {"median": 1.0}}', '{"layers": [3], "forward_ms": null}']
)
def test_what_cannot_be_compared_with(tiny: Path, run: Any, content: str | None) -> None:
    if content is not None:
        Path("old.json").write_text(content)
    result = run("time", "net.prototxt", "--compare", "old.json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "[NC571]" in result.stderr


def test_measurements_from_before_there_was_a_cpu_in_them(away: Path, run: Any, clock: Any) -> None:
    arguments = ["time", "net.prototxt", "--input-shape", "1,4,4", "--iterations", 4, "--threads", 1, "--json"]
    clock(_turns(PASSES, [LAYERS] * 4))
    old = json.loads(run(*arguments).stdout)
    del old["cpu"]
    Path("old.json").write_text(json.dumps(old))
    clock(_turns(PASSES, [LAYERS] * 4))
    result = run(*arguments, "--compare", "old.json")
    assert (result.exit_code, json.loads(result.stdout)["compare"]["other_cpu"]) == (0, None)


def test_other_settings_are_not_compared(tiny: Path, run: Any) -> None:
    Path("old.json").write_text(run("time", "net.prototxt", "--iterations", 1, "--batch", 2, "--json").stdout)
    result = run("time", "net.prototxt", "--iterations", 1, "--compare", "old.json")
    assert result.exit_code == 1
    assert "'old.json' was measured with another batch, expected 4, actual 2" in result.stderr


def test_bars(away: Path, run: Any, clock: Any) -> None:
    pytest.importorskip("matplotlib")
    clock(_turns(PASSES, [LAYERS] * 4))
    arguments = ["time", "net.prototxt", "--input-shape", "1,4,4", "--iterations", 4, "--threads", 1]
    result = run(*arguments, "--plot", "bars.png", "--json")
    assert Path("bars.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads(result.stdout)
    (axes,) = timing_chart(found).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["data", "ip", "loss", "unattributed"]
    widths = [round(bar.get_width(), 3) for bar in axes.patches]
    assert widths == [0.25, 1, 0.25, 0, 0.25, 2.5, 0.25, 0, 2.5]
    assert [text.get_text() for text in axes.texts] == ["7.1%", "50.0%", "7.1%", "35.7%"]
    refused = run(*arguments, "--plot", "bars.txt")
    assert (refused.exit_code, refused.stdout) == (1, "")


def test_many_layers_share_a_bar() -> None:
    pytest.importorskip("matplotlib")
    spread = {"median": 100.0, "min": 100.0, "iqr": 0.0}
    layers = [{"name": f"l{i}", "forward_ms": {"median": 1.0 + i}, "backward_ms": None} for i in range(60)]
    result = {
        "file": "f", "layers": layers, "forward_ms": spread, "forward_backward_ms": None, "backward_ms": None,
        "unattributed_ms": -1.0, "images_per_s": 10.0, "phase": "TEST", "batch": 1, "threads": 1, "iterations": 1,
    }  # fmt: skip
    (axes,) = timing_chart(result).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [*(f"l{i}" for i in range(21, 60)), "21 others", "unattributed"]
    assert axes.patches[39].get_width() == sum(range(1, 22))


def test_spread() -> None:
    assert Spread.of([0.004, 0.001, 0.002, 0.003, 0.005]) == Spread(3.0, 1.0, 2.0)
    assert Spread.of([0.002]) == Spread(2.0, 2.0, 0)
