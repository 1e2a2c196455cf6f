"""NC300 to NC399: what is allowed, and most likely not meant. `# netcli: ignore NC301` switches a code off."""

from __future__ import annotations

from netcli.catalogue.entry import DATA, DUMMY, IP, LOSS, SOLVER, TRAINABLE, Entry, Example, net, solver

_MARGIN = """layer { name: "fc" type: "MarginInnerProduct" bottom: "data" bottom: "label" top: "ip"
        margin_inner_product_param { num_output: 4 type: QUADRUPLE %s } }
"""
_ACCURACY = """layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy"
        include { phase: TEST } }
"""
_DIGITS = """layer { name: "digits" type: "Data" top: "data" top: "label"
        data_param { source: "digits/digits_test_lmdb" batch_size: 2 backend: LMDB } }
"""
_TEN = IP.replace("num_output: 4", "num_output: 10")

ENTRIES: dict[str, Entry] = {
    "NC301": Entry(
        "a blob that nothing reads",
        "In a net with a loss, a top that leads nowhere is computed for nothing; often a bottom is misspelt.",
        "Name the blob where it was meant, or consume it with a Silence layer.",
        net(TRAINABLE + 'layer { name: "relu" type: "ReLU" bottom: "ip" top: "relu" }\n'),
    ),
    "NC302": Entry(
        "BatchNorm without Scale",
        "Caffe's BatchNorm only normalises; the factor and the shift of the paper are a Scale layer behind it.",
        "Add a Scale layer with bias_term: true.",
        net(DATA + 'layer { name: "bn" type: "BatchNorm" bottom: "data" top: "bn" }\n'),
    ),
    "NC303": Entry(
        "biases under weight decay",
        "Decay is for weights; Caffe's own nets set decay_mult: 0 for the second param.",
        "Add param { lr_mult: 1 } param { lr_mult: 2 decay_mult: 0 }.",
        solver(SOLVER + "weight_decay: 0.0005\n", TRAINABLE.replace(" decay_mult: 0", "")),
    ),
    "NC304": Entry(
        "use_global_stats: true in TRAIN",
        "The layer then never learns its mean and variance.",
        "Leave use_global_stats out; Caffe chooses by the phase.",
        net(
            DUMMY + IP + 'layer { name: "bn" type: "BatchNorm" bottom: "ip" top: "bn" '
            "batch_norm_param { use_global_stats: true } }\n"
            'layer { name: "scale" type: "Scale" bottom: "bn" top: "bn" scale_param { bias_term: true } '
            "param { lr_mult: 1 } param { lr_mult: 1 decay_mult: 0 } }\n" + LOSS.replace('"ip"', '"bn"')
        ),
    ),
    "NC305": Entry(
        "steps of the learning rate beyond max_iter",
        "The run ends before the rate drops.",
        "Raise max_iter, or move the steps.",
        solver(SOLVER.replace('"fixed"', '"multistep"') + "gamma: 0.1 stepvalue: 1 stepvalue: 100\n", TRAINABLE),
    ),
    "NC306": Entry(
        "test_iter without a test net",
        "The test reads the data that are trained on, and says nothing of any others.",
        "Give the net a data layer with include { phase: TEST }.",
        Example(
            {
                "solver.prototxt": SOLVER + "test_iter: 1000 test_interval: 1\n",
                "net.prototxt": _DIGITS + _TEN + LOSS + _ACCURACY,
            },
            "check solver.prototxt",
            before=("data digits digits",),
        ),
    ),
    "NC307": Entry(
        "a test that does not cover the set",
        "test_iter times the batch size is less than the set, or more, so that items count twice.",
        "Set test_iter to the size of the set over the batch size; `netcli test` covers it exactly by itself.",
        Example(
            {
                "solver.prototxt": SOLVER + "test_iter: 3 test_interval: 1\n",
                "net.prototxt": _DIGITS.replace('top: "label"', 'top: "label" include { phase: TEST }')
                + DUMMY.replace('top: "label"', 'top: "label" include { phase: TRAIN }').replace(
                    "dim: 3 }", "dim: 784 }"
                )
                + _TEN
                + LOSS
                + _ACCURACY,
            },
            "check solver.prototxt",
            before=("data digits digits",),
        ),
    ),
    "NC308": Entry(
        "the folder of the snapshots is missing",
        "Caffe would train and then fail to write; netcli makes the folder, if it may.",
        "Make the folder, or correct snapshot_prefix.",
        solver(SOLVER + 'snapshot: 1 snapshot_prefix: "snapshots/lenet"\n', TRAINABLE),
    ),
    "NC309": Entry(
        "a margin layer whose second bottom is no label",
        "The margin is put between the class of the label and the others.",
        "Give the labels as the second bottom.",
        net(
            DUMMY
            + 'layer { name: "max" type: "ReLU" bottom: "label" top: "no_label" }\n'
            + _MARGIN.replace('bottom: "label"', 'bottom: "no_label"') % "base: 10 gamma: 1 lambda_min: 5"
            + LOSS
        ),
    ),
    "NC310": Entry(
        "lambda that never anneals",
        "With gamma 0 lambda stays where it begins, and the margin hardly counts.",
        "Set gamma, or a small base; `netcli schedule` shows the values.",
        net(DUMMY + _MARGIN % "base: 1000 gamma: 0 lambda_min: 5" + LOSS),
    ),
    "NC311": Entry(
        "lambda at its floor before the first drop of the learning rate",
        "The margin is at its full strength while the rate is still high, and many runs diverge then.",
        "Let lambda fall more slowly; `netcli schedule` shows both.",
        solver(
            SOLVER.replace("max_iter: 2", "max_iter: 20000").replace('"fixed"', '"step"')
            + "gamma: 0.1 stepsize: 16000\n",
            DUMMY + _MARGIN % "base: 1000 gamma: 0.12 power: 1 lambda_min: 5" + LOSS,
        ),
    ),
    "NC312": Entry(
        "softmax (or sigmoid) applied twice",
        "The loss applies it itself, so its input should be the scores.",
        "Feed the loss what the Softmax layer reads.",
        net(
            TRAINABLE.replace(LOSS, "")
            + 'layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }\n'
            + LOSS.replace('"ip"', '"prob"')
        ),
    ),
    "NC313": Entry(
        "Dropout in TEST only",
        "Dropout does nothing in TEST; here it is left out of TRAIN.",
        "Remove the include rule.",
        net(
            DUMMY
            + IP
            + 'layer { name: "drop" type: "Dropout" bottom: "ip" top: "ip" include { phase: TEST } }\n'
            + LOSS
        ),
    ),
    "NC314": Entry(
        "in place on a blob that another layer still needs",
        "A layer before this one needs the blob for its gradient, as it was before it is overwritten.",
        "Give the layer a top of its own.",
        net(
            DUMMY + IP + 'layer { name: "sigmoid" type: "Sigmoid" bottom: "ip" top: "s" }\n'
            'layer { name: "power" type: "Power" bottom: "s" top: "s" power_param { scale: 2 } }\n'
            + LOSS.replace('"ip"', '"s"')
        ),
    ),
    "NC315": Entry(
        "ReLU before the features of a margin layer",
        "ReLU keeps features in one corner of the space, and angles need all of it.",
        "Take the ReLU out, as SphereFace does.",
        net(
            DUMMY
            + IP
            + 'layer { name: "relu" type: "ReLU" bottom: "ip" top: "f" }\n'
            + (_MARGIN % "base: 10 gamma: 1 lambda_min: 5")
            .replace('bottom: "data"', 'bottom: "f"')
            .replace('top: "ip"', 'top: "fc"')
            + LOSS.replace('"ip"', '"fc"')
        ),
    ),
    "NC316": Entry(
        "training and test data with different means",
        "One phase subtracts a mean that the other does not.",
        "Use the same transform in both.",
        net(
            'layer { name: "data" type: "ImageData" top: "data" top: "label" include { phase: TRAIN } '
            'transform_param { mean_value: 127.5 } image_data_param { source: "a.txt" batch_size: 2 '
            "new_height: 8 new_width: 8 } }\n"
            'layer { name: "data" type: "ImageData" top: "data" top: "label" include { phase: TEST } '
            'transform_param { mean_value: 104 } image_data_param { source: "b.txt" batch_size: 2 '
            "new_height: 8 new_width: 8 } }\n" + IP + LOSS
        ),
    ),
    "NC317": Entry(
        "an accuracy of scores with a margin",
        "The margin lowers the score of the right class, so this accuracy is lower than that in use.",
        "Give the margin layer a third top, the accuracy without the margin.",
        net(
            DUMMY
            + _MARGIN % "base: 10 gamma: 1 lambda_min: 5"
            + _ACCURACY.replace("\n        include { phase: TEST }", "")
            + LOSS
        ),
    ),
    "NC318": Entry(
        "pooling whose size depends on the rounding",
        "Caffe rounds the size of a pooling up, most other programs down.",
        "Nothing must be done here; weights from elsewhere may need round_mode: FLOOR.",
        net(
            DATA + 'layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" '
            "pooling_param { kernel_size: 3 stride: 2 } }\n"
        ),
    ),
}
