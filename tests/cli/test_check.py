"""``netcli check``: all findings, each once, as text and as JSON."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

INPUT = 'layer { name: "in" type: "Input" top: "a" input_param { shape { dim: 2 dim: 4 } } }\n'


def test_nothing_to_report(tmp_path: Path, run: Any) -> None:
    file = tmp_path / "fine.prototxt"
    file.write_text(INPUT)
    result = run("check", file)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "1 file: nothing to report\n")


def test_json_is_as_promised(tmp_path: Path, run: Any) -> None:
    file = tmp_path / "typo.prototxt"
    file.write_text(INPUT + 'layer { name: "r" type: "RelU" bottom: "a" top: "b" }\n')
    result = run("check", file, "--format", "json")
    assert result.exit_code == 3
    found = json.loads(result.stdout)
    assert (found["schema"], found["files"]) == (1, 1)
    assert found["findings"] == [
        {
            "code": "NC101",
            "severity": "error",
            "file": str(file),
            "line": 2,
            "column": 25,
            "layer": "r",
            "layer_type": None,
            "message": "unknown layer type 'RelU'",
            "expected": None,
            "actual": None,
            "hint": "did you mean 'ReLU'?",
            "suggestion": "ReLU",
        }
    ]


def test_all_findings_and_none_twice(tmp_path: Path, run: Any) -> None:
    """Both phases meet the same mistakes; a solver that is checked with its net meets them again."""
    (tmp_path / "net.prototxt").write_text(
        INPUT
        + 'layer { name: "r" type: "RelU" bottom: "a" top: "b" }\n'
        + 'layer { name: "s" type: "Softmax" bottom: "aa" top: "c" }\n'
    )
    (tmp_path / "solver.prototxt").write_text('net: "net.prototxt"\nbase_lr: 0.1\nlr_policy: "fxed"\nmax_iter: 1\n')
    result = run("check", tmp_path)
    assert result.exit_code == 3
    codes = sorted(re.findall(r"\[(NC\d+)\]", result.stdout))
    assert codes == ["NC101", "NC104", "NC402"]
    assert result.stderr == "2 files: 3 errors\n"


def test_data_that_are_elsewhere_are_a_note(tiny: Path, run: Any) -> None:
    Path("net.prototxt").write_text(Path("net.prototxt").read_text().replace("_lmdb", "_nowhere"))
    result = run("check", "solver.prototxt")
    assert result.exit_code == 0
    first, second = (line for line in result.stdout.splitlines() if line.startswith("note: "))
    assert first.startswith("note: ")
    assert "net.prototxt:6:24: layer 'data' (Data): " in first
    assert first.endswith("hint: give the shape with --input-shape C,H,W [NC130]")
    assert "net.prototxt:11:24:" in second
    shaped = run("check", "solver.prototxt", "--input-shape", "1,4,4")
    assert (shaped.exit_code, shaped.stdout) == (0, "")


def test_a_net_of_one_phase_is_fine(tmp_path: Path, run: Any) -> None:
    file = tmp_path / "test_only.prototxt"
    file.write_text(INPUT.replace("input_param", "include { phase: TEST } input_param"))
    assert run("check", file).exit_code == 0
    file.write_text(INPUT.replace("input_param", 'include { stage: "never" } input_param'))
    result = run("check", file)
    assert result.exit_code == 3
    assert result.stdout.count("[NC113]") == 1


def test_a_folder_without_prototxts_is_an_error(tmp_path: Path, run: Any) -> None:
    result = run("check", tmp_path)
    assert result.exit_code == 3
    assert "without *.prototxt files" in result.stdout


def test_a_missing_net_is_found_at_the_solvers_line(tiny: Path, run: Any) -> None:
    Path("net.prototxt").unlink()
    result = run("check", "solver.prototxt")
    assert result.exit_code == 3
    assert "solver.prototxt:2:6: " in result.stdout
    assert result.stdout.count("[NC001]") == 1


def test_paths_are_needed(run: Any) -> None:
    assert run("check").exit_code == 2


def test_text_shows_the_line_and_a_caret(tmp_path: Path, run: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(INPUT + 'layer { name: "r" type: "RelU" bottom: "a" top: "b" }\n')
    assert run("check", "net.prototxt").stdout == (
        "error: net.prototxt:2:25: layer 'r': unknown layer type 'RelU'. hint: did you mean 'ReLU'? [NC101]\n"
        '     2 | layer { name: "r" type: "RelU" bottom: "a" top: "b" }\n'
        "       |                         ^^^^^^\n"
    )


def test_patterns(tmp_path: Path, run: Any) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.prototxt").write_text(INPUT)
    assert run("check", f"{tmp_path}/**/*.prototxt").stderr == "1 file: nothing to report\n"
    result = run("check", f"{tmp_path}/*.txt")
    assert result.exit_code == 3
    assert "a pattern that matches no file [NC001]" in result.stdout


def test_warnings_fail_a_strict_check(tmp_path: Path, run: Any) -> None:
    file = tmp_path / "net.prototxt"
    file.write_text(INPUT + 'layer { name: "bn" type: "BatchNorm" bottom: "a" top: "b" }\n')
    assert run("check", file).exit_code == 0
    assert run("check", file, "--strict").exit_code == 3
    file.write_text(file.read_text().replace("}\n", "} # netcli: ignore NC302\n"))
    assert run("check", file, "--strict").exit_code == 0


def test_mistakes_in_the_text_do_not_hide_those_behind(tmp_path: Path, run: Any) -> None:
    file = tmp_path / "net.prototxt"
    file.write_text(
        INPUT
        + 'layer { name: "r" type: "RelU" bottom: "a" top: "b" }\n'
        + 'layer { name: "s" tpye: "Softmax" bottom: "b" top: "c" }\n'
    )
    assert re.findall(r"\[(NC\d+)\]", run("check", file).stdout) == ["NC101", "NC012"]


def test_without_data_what_is_wrong_with_any_shape_is_found(tiny: Path, run: Any) -> None:
    text = Path("net.prototxt").read_text().replace("_lmdb", "_nowhere").replace("num_output: 3", "")
    Path("net.prototxt").write_text(text)
    result = run("check", "solver.prototxt")
    assert result.exit_code == 3
    assert result.stdout.count("[NC120]") == 1


def test_a_net_without_loss_cannot_be_trained(tiny: Path, run: Any) -> None:
    text = Path("net.prototxt").read_text().replace('type: "SoftmaxWithLoss"', 'type: "Accuracy"')
    Path("net.prototxt").write_text(text)
    result = run("check", "solver.prototxt")
    assert result.exit_code == 3
    assert "the net to train has no loss" in result.stdout


def test_weights_that_are_nowhere(tiny: Path, run: Any) -> None:
    Path("solver.prototxt").write_text(Path("solver.prototxt").read_text() + 'weights: "none.caffemodel"\n')
    result = run("check", "solver.prototxt")
    assert result.exit_code == 3
    assert "'none.caffemodel' does not exist. hint: tried none.caffemodel, " in result.stdout


def test_a_hundred_files_take_less_than_three_seconds(tmp_path: Path, run: Any) -> None:
    """Of 600 lines on average, as the nets of Caffe's zoo are. Takes 1 s, so that a slower machine passes too."""
    folder = Path(__file__).resolve().parents[2] / "configs" / "sphereface"
    for number in range(25):
        for net in ("sphereface4", "sphereface20", "sphereface36", "small"):
            (tmp_path / f"{net}_{number}.prototxt").write_bytes((folder / f"{net}_model.prototxt").read_bytes())
    begin = time.process_time()
    result = run("check", str(tmp_path))
    assert time.process_time() - begin < 3
    assert result.exit_code == 0
    assert result.stderr.splitlines()[-1].startswith("100 files: ")
