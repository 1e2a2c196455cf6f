"""Each lint rule: a net that breaks it alone, and one that breaks none."""

from __future__ import annotations

from pathlib import Path

import pytest

from netcli.cli.checking import check_paths

DATA = (
    'layer {{ name: "data" type: "Data" top: "data" top: "label" {rule} '
    'data_param {{ source: "builtin:digits/{split}" batch_size: 100 }} }}\n'
)
TRAIN = DATA.format(rule="include { phase: TRAIN }", split="train")
TEST = DATA.format(rule="include { phase: TEST }", split="test")
IP = (
    'layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" param { lr_mult: 1 } '
    "param { decay_mult: 0 } inner_product_param { num_output: 10 } }\n"
)
LOSS = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }\n'
ACCURACY = (
    'layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" include { phase: TEST } }\n'
)
NET = TRAIN + TEST + IP + ACCURACY + LOSS
SOLVER = (
    'net: "net.prototxt"\nbase_lr: 0.1\nlr_policy: "multistep"\ngamma: 0.1\nstepvalue: 50\nmax_iter: 100\n'
    "weight_decay: 0.0005\ntest_iter: 20\ntest_interval: 50\n"
)


def layer(kind: str, bottoms: str, top: str, extra: str = "", name: str = "") -> str:
    """One layer; ``bottoms`` are separated by commas."""
    reads = " ".join(f'bottom: "{blob}"' for blob in bottoms.split(",") if blob)
    return f'layer {{ name: "{name or kind.lower()}" type: "{kind}" {reads} top: "{top}" {extra} }}\n'


def margin(settings: str = "type: DOUBLE base: 1000 gamma: 1 lambda_min: 100") -> str:
    return IP.replace('bottom: "data"', 'bottom: "data"').replace('"ip"', '"fc"') + layer(
        "MarginInnerProduct",
        "fc,label",
        "ip",
        f"margin_inner_product_param {{ num_output: 10 {settings} }}",
        "margin",
    )


def codes(folder: Path, net: str, solver: str = SOLVER) -> list[str]:
    (folder / "net.prototxt").write_text(net)
    (folder / "solver.prototxt").write_text(solver)
    return [finding.code for finding in check_paths([str(folder / "solver.prototxt")]).findings]


def test_a_sound_solver_has_no_findings(tmp_path):
    assert codes(tmp_path, NET) == []


PLAIN_MARGIN = TRAIN + TEST + margin("type: DOUBLE base: 1000 gamma: 0.01 lambda_min: 100") + LOSS
CASES = {
    "NC301": NET + layer("Power", "ip", "unread"),
    "NC302": NET.replace(IP, layer("BatchNorm", "data", "bn") + IP.replace('bottom: "data"', 'bottom: "bn"')),
    "NC303": NET.replace("decay_mult: 0", "decay_mult: 1"),
    "NC304": NET.replace(
        IP,
        layer("BatchNorm", "data", "bn", "batch_norm_param { use_global_stats: true }")
        + layer("Scale", "bn", "bn")
        + IP.replace('bottom: "data"', 'bottom: "bn"'),
    ),
    "NC306": NET.replace("digits/test", "digits/train"),
    "NC309": PLAIN_MARGIN.replace('bottom: "fc" bottom: "label"', 'bottom: "fc" bottom: "power"').replace(
        IP.replace('"ip"', '"fc"'), IP.replace('"ip"', '"fc"') + layer("Power", "label", "power")
    ),
    "NC310": TRAIN + TEST + margin("type: DOUBLE") + LOSS,
    "NC311": TRAIN + TEST + margin() + LOSS,
    "NC312": NET.replace(LOSS, layer("Softmax", "ip", "p") + LOSS.replace('"ip"', '"p"')),
    "NC313": NET.replace(
        ACCURACY, layer("Dropout", "ip", "d", "include { phase: TEST }") + ACCURACY.replace('"ip"', '"d"')
    ),
    "NC314": NET.replace(ACCURACY, layer("Sigmoid", "ip", "s") + layer("ReLU", "s", "s") + ACCURACY).replace(
        LOSS, LOSS.replace('"ip"', '"s"')
    ),
    "NC315": PLAIN_MARGIN.replace(IP.replace('"ip"', '"fc"'), IP.replace('"ip"', '"fc"') + layer("ReLU", "fc", "fc")),
    "NC316": NET.replace(TRAIN, TRAIN.replace("data_param", "transform_param { mean_value: 128 } data_param")),
    "NC317": PLAIN_MARGIN + ACCURACY,
    "NC318": NET.replace(
        IP,
        layer("Pooling", "data", "pool", "pooling_param { kernel_size: 3 stride: 2 }")
        + IP.replace('bottom: "data"', 'bottom: "pool"'),
    ),
}


@pytest.mark.parametrize("code", CASES)
def test_nets(tmp_path, code):
    found = codes(tmp_path, CASES[code])
    assert set(found) == ({"NC306", "NC307"} if code == "NC306" else {code})


@pytest.mark.parametrize(
    "net",
    [
        PLAIN_MARGIN.replace("DOUBLE", "SINGLE") + ACCURACY,
        PLAIN_MARGIN.replace('bottom: "label" top: "ip"', 'bottom: "label" top: "ip" top: "lambda" top: "right"')
        + ACCURACY,
    ],
)
def test_accuracy_behind_a_margin_may_be_meant(tmp_path, net):
    """Without a margin there is nothing to say, and who asks for the other accuracy knows."""
    assert codes(tmp_path, net) == []


@pytest.mark.parametrize(
    ("code", "solver"),
    [
        ("NC305", SOLVER.replace("stepvalue: 50", "stepvalue: 50 stepvalue: 100")),
        ("NC305", SOLVER.replace('"multistep"', '"step" stepsize: 200').replace("stepvalue: 50", "")),
        ("NC307", SOLVER.replace("test_iter: 20", "test_iter: 19")),
        ("NC308", SOLVER + 'snapshot_prefix: "nowhere/model"\n'),
    ],
)
def test_solvers(tmp_path, code, solver):
    assert codes(tmp_path, NET, solver) == [code]


def test_crop_larger_than_the_image_is_more_than_a_doubt(tmp_path):
    images = (
        'layer { name: "data" type: "ImageData" top: "data" top: "label" transform_param { crop_size: 32 } '
        'image_data_param { source: "list.txt" batch_size: 1 new_height: 28 new_width: 28 } }\n'
    )
    assert codes(tmp_path, images + IP + LOSS, SOLVER.replace("test_iter: 20\ntest_interval: 50\n", "")) == ["NC215"]


@pytest.mark.parametrize(
    "net",
    [
        NET + "# netcli: ignore NC303 (as in the paper)\n",
        NET.replace(IP, IP.rstrip("\n") + " # netcli: ignore NC301, NC303\n"),
        NET.replace(IP, IP.replace('top: "ip"', 'top: "ip" # netcli: ignore NC303\n')),
        NET.replace(IP, IP.replace('top: "ip"', 'top: "ip"\n  # netcli: ignore NC303\n')),
    ],
)
def test_switched_off(tmp_path, net):
    assert codes(tmp_path, net.replace("decay_mult: 0", "decay_mult: 1")) == []


@pytest.mark.parametrize(
    "net",
    [
        NET + "# netcli: ignore NC302\n",
        NET.replace(TEST, TEST.replace("{", "{\n  # netcli: ignore NC303\n", 1)),
    ],
)
def test_switched_off_elsewhere_or_for_another_code(tmp_path, net):
    assert codes(tmp_path, net.replace("decay_mult: 0", "decay_mult: 1")) == ["NC303"]
