"""Logs of Caffe of every age."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from netcli.errors import RunError
from netcli.runs.best import best_results
from netcli.runs.caffe_log import read_caffe_log
from netcli.runs.history import Displayed, History, Measured

OF_2013 = """\
I1203 10:00:00.000001  4242 solver.cpp:44] Solving LeNet
I1203 10:00:01.000000  4242 solver.cpp:204] Iteration 100, lr = 0.00992565
I1203 10:00:01.000100  4242 solver.cpp:66] Iteration 100, loss = 0.25
I1203 10:00:02.000000  4242 solver.cpp:204] Iteration 200, lr = 0.00985258
I1203 10:00:02.000100  4242 solver.cpp:66] Iteration 200, loss = 0.125
I1203 10:00:02.000200  4242 solver.cpp:84] Testing net
I1203 10:00:02.500000  4242 solver.cpp:111] Test score #0: 0.9785
I1203 10:00:02.500001  4242 solver.cpp:111] Test score #1: 0.0606671
"""
OF_2015 = """\
I1231 23:59:30.000000 2008298256 solver.cpp:281] Solving Siamese
I1231 23:59:30.100000 2008298256 solver.cpp:337] Iteration 0, Testing net (#0)
I1231 23:59:31.000000 2008298256 solver.cpp:404]     Test net output #0: loss3/top-1 = 0.25
I1231 23:59:31.000000 2008298256 solver.cpp:404]     Test net output #1: loss3/loss3 = 2.5 (* 1 = 2.5 loss)
I1231 23:59:31.000000 2008298256 solver.cpp:337] Iteration 0, Testing net (#1)
I1231 23:59:32.000000 2008298256 solver.cpp:404]     Test net output #0: loss3/top-1 = 0.5
I1231 23:59:33.000000 2008298256 solver.cpp:228] Iteration 0, loss = 3.25
I1231 23:59:33.000000 2008298256 solver.cpp:244]     Train net output #0: loss1/loss1 = 2 (* 0.3 = 0.6 loss)
I1231 23:59:33.000000 2008298256 solver.cpp:244]     Train net output #1: loss3/loss3 = 2.4 (* 1 = 2.4 loss)
I1231 23:59:33.000000 2008298256 solver.cpp:486] Iteration 0, lr = 1e-05
I0101 00:00:30.000000 2008298256 solver.cpp:228] Iteration 20, loss = nan
I0101 00:00:30.000000 2008298256 solver.cpp:322] Optimization stopped early.
"""
OF_2017 = """\
I20170522 11:51:00.000000  7754 solver.cpp:45] Initializing solver from parameters:
test_iter: 100
max_iter: 10000
I20170522 11:51:02.000000  7754 solver.cpp:293] Solving LeNet
I20170522 11:51:02.000000  7754 solver.cpp:239] Iteration 0 (0 iter/s, 0.01s/100 iters), loss = 2.5
I20170522 11:51:02.000000  7754 solver.cpp:258]     Train net output #0: loss = 2.75 (* 1 = 2.75 loss)
I20170522 11:51:02.000000  7754 sgd_solver.cpp:112] Iteration 0, lr = 0.01
I20170522 11:51:03.000000  7774 data_layer.cpp:73] Restarting data prefetching from start.
I20170522 11:51:06.000000  7754 solver.cpp:468] Snapshotting to binary proto file lenet_iter_10000.caffemodel
I20170522 11:51:07.000000  7754 solver.cpp:331] Iteration 10000, loss = 0.0625
I20170522 11:51:07.000000  7754 solver.cpp:351] Iteration 10000, Testing net (#0)
I20170522 11:51:08.000000  7754 solver.cpp:418]     Test net output #0: accuracy = 0.9905
I20170522 11:51:08.000000  7754 solver.cpp:418]     Test net output #1: loss = 0.0294303 (* 1 = 0.0294303 loss)
I20170522 11:51:08.000000  7754 solver.cpp:336] Optimization Done.
"""


def _read(tmp_path: Path, text: str) -> History:
    path = tmp_path / "caffe.log"
    path.write_text(text)
    return read_caffe_log(path)


def test_a_log_of_2013_tells_the_rate_first_and_knows_no_names(tmp_path: Path) -> None:
    history = _read(tmp_path, OF_2013)
    assert history.train == [Displayed(100, 0.25, 0.25, 0.00992565), Displayed(200, 0.125, 0.125, 0.00985258)]
    assert history.tests == [Measured(200, 0, {"score 0": 0.9785, "score 1": 0.0606671})]
    assert (history.seconds, history.ended, history.max_iter) == (pytest.approx(2.5), None, None)


def test_a_log_of_2015_with_two_test_nets_several_losses_and_a_new_year(tmp_path: Path) -> None:
    history = _read(tmp_path, OF_2015)
    assert history.tests == [
        Measured(0, 0, {"loss3/top-1": 0.25, "loss3/loss3": 2.5}),
        Measured(0, 1, {"loss3/top-1": 0.5}),
    ]
    first, last = history.train
    assert first == Displayed(0, pytest.approx(3.0), 3.25, 1e-05, {"loss1/loss1": 2.0, "loss3/loss3": 2.4})
    assert last.iteration == 20
    assert math.isnan(last.loss)
    assert (history.ended, history.iteration, history.seconds) == ("interrupted", 20, pytest.approx(60))
    assert [(best.output, best.net, best.value, best.up) for best in best_results(history)] == [
        ("loss3/top-1", 0, 0.25, True), ("loss3/loss3", 0, 2.5, False), ("loss3/top-1", 1, 0.5, True),
    ]  # fmt: skip


def test_a_log_of_2017_with_iterations_per_second_and_years(tmp_path: Path) -> None:
    history = _read(tmp_path, OF_2017)
    assert history.train == [
        Displayed(0, 2.75, 2.5, 0.01, {"loss": 2.75}),
        Displayed(10000, 0.0625, 0.0625, pytest.approx(math.nan, nan_ok=True)),
    ]
    assert history.tests == [Measured(10000, 0, {"accuracy": 0.9905, "loss": 0.0294303})]
    assert (history.ended, history.max_iter, history.seconds) == ("max_iter", 10000, 6)
    assert history.started == 1495453862


def test_what_a_resumed_run_tells_again_counts_once(tmp_path: Path) -> None:
    lines = "".join(f"Iteration {i}, loss = {loss}\n" for i, loss in ((0, 4), (10, 3), (20, 2)))
    again = "solver.cpp] Resuming from x.solverstate\nIteration 10, loss = 5\nIteration 20, loss = 1\n"
    assert [(point.iteration, point.loss) for point in _read(tmp_path, lines + again).train] == [
        (0, 4), (10, 5), (20, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "Iterations went well\n", "\x00\xff"])
def test_what_is_no_log(tmp_path: Path, text: str) -> None:
    with pytest.raises(RunError) as caught:
        _read(tmp_path, text)
    assert caught.value.code == "NC531"
    with pytest.raises(RunError) as missing:
        read_caffe_log(tmp_path / "missing.log")
    assert missing.value.code == "NC531"
