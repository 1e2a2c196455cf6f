"""The table of layers: every registered type stands here, and so gets all the tests of ``test_table``.

To add a layer, write an oracle (``oracle_*.py``: plain NumPy, from the equations) and a case for every variant
that takes another path.
"""

from __future__ import annotations

from cases_activation import ACTIVATIONS
from cases_arrangement import ARRANGEMENT
from cases_losses import LOSSES
from cases_margin import MARGIN
from cases_normalisation import NORMALISATION
from cases_python import MEMORY_DATA, PYTHON
from cases_recurrent import RECURRENT
from cases_selection import SELECTION
from cases_windows import WINDOWS
from layer_case import Bottom, LayerCase, away_from_zero, labels, well_apart
from oracle_source import counting_feeds

from netcli.schema import caffe_pb2 as pb

IMAGES = Bottom((2, 3, 5, 4))
VECTORS = Bottom((5, 7))


def _scores(*shape: int, classes: int, label_shape: tuple[int, ...]) -> tuple[Bottom, Bottom]:
    return Bottom(shape), Bottom(label_shape, labels(classes), differentiable=False)


NEURON = [
    LayerCase("ReLU", "plain", "oracle_neuron:relu", bottoms=(Bottom((2, 3, 5, 4), away_from_zero),)),
    LayerCase(
        "ReLU",
        "leaky",
        "oracle_neuron:relu",
        "relu_param { negative_slope: 0.1 }",
        bottoms=(Bottom((5, 7), away_from_zero),),
    ),
    LayerCase("Dropout", "training", "oracle_neuron:dropout_training", bottoms=(IMAGES,)),
    LayerCase(
        "Dropout",
        "ratio",
        "oracle_neuron:dropout_training",
        "dropout_param { dropout_ratio: 0.25 }",
        bottoms=(VECTORS,),
    ),
    LayerCase("Dropout", "testing", "oracle_neuron:dropout_testing", bottoms=(VECTORS,), phase=pb.TEST),
]

SOFTMAX = [
    LayerCase("Softmax", "vectors", "oracle_softmax:softmax", bottoms=(VECTORS,)),
    LayerCase("Softmax", "channels", "oracle_softmax:softmax", bottoms=(IMAGES,)),
    LayerCase(
        "Softmax", "last_axis", "oracle_softmax:softmax", "softmax_param { axis: -1 }", bottoms=(Bottom((2, 3, 2, 4)),)
    ),
    LayerCase(
        "Softmax", "batch_axis", "oracle_softmax:softmax", "softmax_param { axis: 0 }", bottoms=(Bottom((4, 3)),)
    ),
]

_LOSS_VARIANTS = {
    "plain": "",
    "ignore": "loss_param { ignore_label: 1 }",
    "full": "loss_param { ignore_label: 1 normalization: FULL }",
    "batch_size": "loss_param { normalization: BATCH_SIZE }",
    "none": "loss_param { ignore_label: 1 normalization: NONE }",
    "normalize_false": "loss_param { ignore_label: 1 normalize: false }",
}

LOSS = [
    *(
        LayerCase(
            "SoftmaxWithLoss",
            variant,
            "oracle_softmax:softmax_with_loss",
            text,
            bottoms=_scores(6, 5, classes=5, label_shape=(6,)),
        )
        for variant, text in _LOSS_VARIANTS.items()
    ),
    *(
        LayerCase(
            "SoftmaxWithLoss",
            f"spatial_{variant}",
            "oracle_softmax:softmax_with_loss",
            _LOSS_VARIANTS[variant],
            bottoms=_scores(2, 4, 3, 2, classes=4, label_shape=(2, 1, 3, 2)),
        )
        for variant in ("ignore", "batch_size")
    ),
    LayerCase(
        "SoftmaxWithLoss",
        "probabilities",
        "oracle_softmax:softmax_with_loss",
        bottoms=_scores(2, 4, 3, 2, classes=4, label_shape=(2, 3, 2)),
        tops=2,
    ),
    LayerCase(
        "SoftmaxWithLoss",
        "last_axis",
        "oracle_softmax:softmax_with_loss",
        "softmax_param { axis: -1 } loss_param { ignore_label: 0 }",
        bottoms=_scores(2, 3, 4, classes=4, label_shape=(2, 3)),
    ),
]

ACCURACY = [
    LayerCase(
        "Accuracy",
        variant,
        "oracle_accuracy:accuracy",
        text,
        bottoms=(Bottom(shape, well_apart, differentiable=False), Bottom(label_shape, labels(5), differentiable=False)),
        tops=2,
        carries_nan=False,
    )
    for variant, text, shape, label_shape in [
        ("vectors", "", (6, 5), (6,)),
        ("top_3", "accuracy_param { top_k: 3 }", (6, 5), (6,)),
        ("ignore", "accuracy_param { ignore_label: 1 }", (6, 5), (6,)),
        ("spatial", "accuracy_param { ignore_label: 2 }", (2, 5, 3, 2), (2, 1, 3, 2)),
        ("last_axis", "accuracy_param { axis: -1 top_k: 2 }", (2, 3, 5), (2, 3)),
    ]
]

STRUCTURE = [
    LayerCase("Split", "three", "oracle_structure:split", bottoms=(IMAGES,), tops=3, differentiable_tops=(0, 1, 2)),
    LayerCase("Split", "one", "oracle_structure:split", bottoms=(VECTORS,)),
    LayerCase("Silence", "two", "oracle_structure:silence", bottoms=(IMAGES, VECTORS), tops=0, carries_nan=False),
]

SOURCES = [
    LayerCase(
        "Input",
        "one_shape_for_all",
        "oracle_source:input_blobs",
        "input_param { shape { dim: 2 dim: 3 } }",
        tops=2,
    ),
    LayerCase(
        "Input",
        "shapes",
        "oracle_source:input_blobs",
        "input_param { shape { dim: 2 dim: 3 } shape { dim: 4 } }",
        tops=2,
    ),
    LayerCase(
        "DummyData",
        "zeros",
        "oracle_source:dummy_data",
        "dummy_data_param { shape { dim: 2 dim: 3 dim: 2 dim: 2 } }",
    ),
    LayerCase(
        "DummyData",
        "constants",
        "oracle_source:dummy_data",
        "dummy_data_param { shape { dim: 2 dim: 3 } data_filler { value: 2 } data_filler { value: -1 } }",
        tops=2,
    ),
    *(
        LayerCase(
            type_name,
            f"{tops}_tops",
            "oracle_source:data",
            text,
            tops=tops,
            feeds=counting_feeds((1, 2, 3)),
        )
        for type_name, text, tops in [
            ("Data", "data_param { batch_size: 3 }", 2),
            ("Data", "data_param { batch_size: 2 }", 1),
            ("ImageData", "image_data_param { batch_size: 3 }", 2),
            ("ImageData", "image_data_param { batch_size: 2 }", 1),
            ("HDF5Data", "hdf5_data_param { batch_size: 3 }", 3),
            ("HDF5Data", "hdf5_data_param { batch_size: 2 }", 1),
            ("WindowData", "window_data_param { batch_size: 3 } transform_param { crop_size: 2 }", 2),
        ]
    ),
    LayerCase(
        "HDF5Output",
        "features",
        "oracle_structure:silence",
        "hdf5_output_param { file_name: 'out.h5' }",
        bottoms=(Bottom((3, 4)), Bottom((3,))),
        tops=0,
        carries_nan=False,
        allocates="batches are kept",
        feeds=counting_feeds(()),
    ),
]

CASES: list[LayerCase] = [
    *NEURON,
    *SOFTMAX,
    *LOSS,
    *ACCURACY,
    *STRUCTURE,
    *SOURCES,
    *WINDOWS,
    *ACTIVATIONS,
    *LOSSES,
    *MARGIN,
    *NORMALISATION,
    *RECURRENT,
    *PYTHON,
    *MEMORY_DATA,
    *ARRANGEMENT,
    *SELECTION,
]
