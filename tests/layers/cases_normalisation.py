"""The normalising layers' rows of the layer table."""

from __future__ import annotations

import numpy as np
from layer_case import Bottom, LayerCase

from netcli.runtime.blob import Shape
from netcli.schema import caffe_pb2 as pb

_IMAGES = Bottom((2, 3, 4, 3))
_VECTORS = Bottom((5, 4))


def _positive(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Means, variances and weights that batches could have left."""
    return rng.uniform(0.5, 1.5, shape)


BATCH_NORM_BY_BATCH = [
    LayerCase(
        "BatchNorm",
        variant,
        "oracle_normalisation:batch_norm_by_batch",
        f"batch_norm_param {{ {text} }}",
        bottoms=(bottom,),
        phase=phase,
        batched=batched,
    )
    for variant, text, bottom, phase, batched in [
        ("images", "", _IMAGES, pb.TRAIN, True),
        ("vectors", "eps: 0.01 moving_average_fraction: 0.5", _VECTORS, pb.TRAIN, True),
        ("batch_in_testing", "use_global_stats: false", _IMAGES, pb.TEST, True),
        ("one_axis", "eps: 0.01", Bottom((6,)), pb.TRAIN, False),
    ]
]

BATCH_NORM_BY_STORED = [
    LayerCase(
        "BatchNorm",
        variant,
        "oracle_normalisation:batch_norm_by_stored",
        f"batch_norm_param {{ {text} }}",
        bottoms=(bottom,),
        phase=phase,
        make_param=_positive,
    )
    for variant, text, bottom, phase in [
        ("testing", "", _IMAGES, pb.TEST),
        ("stored_in_training", "use_global_stats: true eps: 0.1", _VECTORS, pb.TRAIN),
    ]
]

LRN = [
    LayerCase("LRN", variant, "oracle_normalisation:lrn", f"lrn_param {{ {text} }}", bottoms=(Bottom(shape),))
    for variant, text, shape in [
        ("default", "", (2, 7, 2, 3)),
        ("across", "local_size: 3 alpha: 0.5 beta: 0.5 k: 2", (2, 4, 3, 2)),
        ("across_more_than_there_are", "local_size: 9 alpha: 2 beta: 1.25", (1, 3, 2, 2)),
        ("within", "local_size: 3 alpha: 0.4 k: 7 norm_region: WITHIN_CHANNEL", (2, 2, 4, 5)),
        ("within_wide", "local_size: 7 alpha: 2 beta: 1 norm_region: WITHIN_CHANNEL", (1, 3, 5, 2)),
        ("itself", "local_size: 1", (2, 3, 2, 2)),
    ]
]

MVN = [
    LayerCase("MVN", variant, "oracle_normalisation:mvn", f"mvn_param {{ {text} }}", bottoms=(bottom,))
    for variant, text, bottom in [
        ("channels", "", _IMAGES),
        ("mean_only", "normalize_variance: false", _IMAGES),
        ("across", "across_channels: true", _IMAGES),
        ("across_vectors", "across_channels: true", _VECTORS),
        ("mean_only_across", "across_channels: true normalize_variance: false", Bottom((3, 2, 4))),
        ("eps", "eps: 0.5", _IMAGES),
    ]
]

SCALE = [
    LayerCase("Scale", variant, "oracle_normalisation:scale", f"scale_param {{ {text} }}", bottoms, batched=batched)
    for variant, text, bottoms, batched in [
        ("channels", "", (_IMAGES,), True),
        ("channels_and_bias", "bias_term: true", (_IMAGES,), True),
        ("vectors", "bias_term: true", (_VECTORS,), True),
        ("two_axes", "axis: 2 num_axes: 2 bias_term: true", (_IMAGES,), True),
        ("last_axis", "axis: -1", (_IMAGES,), True),
        ("all_axes", "axis: 1 num_axes: -1", (_IMAGES,), True),
        ("one_number", "num_axes: 0 bias_term: true", (_IMAGES,), True),
        ("batch_axis", "axis: 0", (_VECTORS,), False),
        ("second_bottom", "", (Bottom((2, 3, 4, 2)), Bottom((3, 4))), False),
        ("second_bottom_and_bias", "bias_term: true num_axes: 3", (Bottom((2, 3, 2, 2)), Bottom((3,))), False),
        ("second_bottom_of_the_batch", "axis: 0", (Bottom((2, 3, 2, 2)), Bottom((2, 3))), True),
        ("second_bottom_one_number", "axis: 1 bias_term: true", (Bottom((2, 3)), Bottom(())), False),
    ]
]

BIAS = [
    LayerCase("Bias", variant, "oracle_normalisation:bias", f"bias_param {{ {text} }}", bottoms, batched=batched)
    for variant, text, bottoms, batched in [
        ("channels", "", (_IMAGES,), True),
        ("vectors", "", (_VECTORS,), True),
        ("rest", "axis: -2 num_axes: -1", (_IMAGES,), True),
        ("one_number", "num_axes: 0", (_IMAGES,), True),
        ("batch_axes", "axis: 0 num_axes: 2", (_IMAGES,), False),
        ("second_bottom", "", (Bottom((2, 3, 4, 2)), Bottom((3, 4))), False),
        ("second_bottom_of_the_batch", "axis: 0", (Bottom((2, 3, 2)), Bottom((2,))), True),
        ("second_bottom_one_number", "", (Bottom((2, 3)), Bottom(())), False),
    ]
]

NORMALIZE = [
    LayerCase("Normalize", variant, "oracle_normalisation:normalize", text, bottoms=(bottom,))
    for variant, text, bottom in [
        ("vectors", "", _VECTORS),
        ("channels", "", _IMAGES),
        ("ssd_image", "norm_param { }", _IMAGES),
        ("ssd_channels", "norm_param { across_spatial: false channel_shared: false eps: 0.5 }", _IMAGES),
        ("ssd_channels_one_scale", "norm_param { across_spatial: false }", _VECTORS),
        ("ssd_image_scales", "norm_param { channel_shared: false }", _IMAGES),
    ]
]

NORMALISATION = [*BATCH_NORM_BY_BATCH, *BATCH_NORM_BY_STORED, *LRN, *MVN, *SCALE, *BIAS, *NORMALIZE]
