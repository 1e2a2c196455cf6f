"""The rows of the layer table for layers over sliding windows, and for inner products."""

from __future__ import annotations

import numpy as np
from layer_case import Bottom, LayerCase, well_apart

from netcli.runtime.blob import Shape
from netcli.schema import caffe_pb2 as pb


def _positive(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    return rng.uniform(0.2, 2, shape)


CONVOLUTION = [
    LayerCase(
        "Convolution", variant, "oracle_convolution:convolution", f"convolution_param {{ {text} }}", bottoms, tops
    )
    for variant, text, bottoms, tops in [
        ("k3", "num_output: 3 kernel_size: 3", (Bottom((2, 3, 5, 4)),), 1),
        ("k1", "num_output: 9 kernel_size: 1", (Bottom((2, 2, 2, 3)),), 1),
        ("strided_padded", "num_output: 2 kernel_size: 3 stride: 2 pad: 1", (Bottom((2, 2, 5, 6)),), 1),
        ("dilated", "num_output: 2 kernel_size: 2 dilation: 3 pad: 2", (Bottom((1, 2, 4, 5)),), 1),
        ("each_axis", "num_output: 2 kernel_size: [2, 3] stride: [1, 2] pad: [1, 0]", (Bottom((1, 2, 4, 5)),), 1),
        (
            "h_and_w",
            "num_output: 2 kernel_h: 3 kernel_w: 1 stride_h: 1 stride_w: 2 pad_h: 1",
            (Bottom((2, 2, 3, 4)),),
            1,
        ),
        ("group", "num_output: 4 kernel_size: 2 group: 2", (Bottom((2, 6, 3, 3)),), 1),
        ("depthwise", "num_output: 3 kernel_size: 3 pad: 1 group: 3", (Bottom((2, 3, 3, 4)),), 1),
        ("one_axis", "num_output: 3 kernel_size: 3 pad: 1", (Bottom((2, 2, 7)),), 1),
        ("three_axes", "num_output: 2 kernel_size: 2 stride: 2 pad: 1", (Bottom((1, 2, 2, 3, 4)),), 1),
        ("no_axes", "num_output: 3", (Bottom((3, 4)),), 1),
        ("axis_2", "num_output: 2 kernel_size: 2 axis: 2", (Bottom((2, 2, 3, 3, 2)),), 1),
        ("no_bias", "num_output: 2 kernel_size: 2 bias_term: false engine: CUDNN", (Bottom((2, 1, 3, 3)),), 1),
        ("two_bottoms", "num_output: 2 kernel_size: 2", (Bottom((2, 2, 3, 3)), Bottom((2, 2, 3, 3))), 2),
    ]
]

POOLING = [
    LayerCase(
        "Pooling",
        variant,
        "oracle_pooling:pooling",
        f"pooling_param {{ {text} }}",
        bottoms=(Bottom(shape, well_apart),),
        tops=tops,
    )
    for variant, text, shape, tops in [
        ("max", "kernel_size: 2 stride: 2", (2, 3, 4, 5), 1),
        ("max_overlapping", "kernel_size: 3 stride: 2 pad: 1", (2, 2, 5, 6), 1),
        ("max_mask", "kernel_size: 3 stride: 2", (2, 2, 6, 5), 2),
        ("max_floor", "kernel_size: 3 stride: 2 round_mode: FLOOR", (2, 2, 6, 6), 1),
        ("max_ceil_mode_false", "kernel_size: 3 stride: 2 ceil_mode: false", (2, 2, 6, 6), 1),
        ("max_global", "global_pooling: true", (2, 3, 4, 3), 1),
        ("max_gap", "kernel_size: 1 stride: 3", (2, 2, 5, 5), 2),
        ("max_h_and_w", "kernel_h: 3 kernel_w: 2 stride_h: 1 stride_w: 2 pad_h: 1", (2, 2, 4, 4), 1),
        ("ave", "pool: AVE kernel_size: 2 stride: 2", (2, 3, 5, 4), 1),
        ("ave_overlapping", "pool: AVE kernel_size: 3 stride: 2 pad: 1", (2, 2, 5, 6), 1),
        ("ave_floor", "pool: AVE kernel_size: 3 stride: 2 pad: 1 round_mode: FLOOR", (2, 2, 6, 5), 1),
        ("ave_global", "pool: AVE global_pooling: true", (2, 3, 4, 3), 1),
        ("ave_gap", "pool: AVE kernel_size: 1 stride: 3", (2, 2, 5, 5), 1),
    ]
]

STOCHASTIC = [
    LayerCase(
        "Pooling",
        f"stochastic_{variant}",
        f"oracle_pooling:{oracle}",
        f"pooling_param {{ pool: STOCHASTIC {text} }}",
        bottoms=(Bottom(shape, _positive),),
        phase=phase,
    )
    for variant, oracle, text, shape, phase in [
        ("train", "stochastic", "kernel_size: 2 stride: 2", (2, 3, 4, 5), pb.TRAIN),
        ("train_overlapping", "stochastic", "kernel_size: 3 stride: 2", (2, 2, 6, 5), pb.TRAIN),
        ("train_gap", "stochastic", "kernel_size: 1 stride: 3", (2, 2, 5, 5), pb.TRAIN),
        ("test", "expected", "kernel_size: 2 stride: 2", (2, 3, 4, 5), pb.TEST),
        ("test_overlapping", "expected", "kernel_size: 3 stride: 2", (2, 2, 6, 5), pb.TEST),
        ("test_global", "expected", "global_pooling: true", (2, 2, 3, 4), pb.TEST),
    ]
]

SPP = [
    LayerCase(
        "SPP",
        variant,
        "oracle_pooling:spp",
        f"spp_param {{ {text} }}",
        bottoms=(Bottom(shape, _positive if "STOCHASTIC" in text else well_apart),),
        phase=pb.TEST,
    )
    for variant, text, shape in [
        ("max_1", "pyramid_height: 1", (2, 3, 3, 4)),
        ("max_2", "pyramid_height: 2", (2, 3, 4, 5)),
        ("max_3", "pyramid_height: 3", (2, 2, 7, 4)),
        ("ave_1", "pyramid_height: 1 pool: AVE", (2, 2, 3, 2)),
        ("ave_3", "pyramid_height: 3 pool: AVE engine: CUDNN", (2, 2, 4, 7)),
        ("expected", "pyramid_height: 2 pool: STOCHASTIC", (2, 2, 4, 6)),
    ]
]

DECONVOLUTION = [
    LayerCase(
        "Deconvolution",
        variant,
        "oracle_convolution:deconvolution",
        f"convolution_param {{ {text} }}",
        tuple(Bottom(shape) for _ in range(tops)),
        tops,
    )
    for variant, text, shape, tops in [
        ("k3", "num_output: 2 kernel_size: 3", (2, 3, 3, 2), 1),
        ("strided_padded", "num_output: 2 kernel_size: 4 stride: 2 pad: 1", (2, 3, 2, 3), 1),
        ("dilated", "num_output: 2 kernel_size: 2 stride: 3 dilation: 2 pad: 1", (1, 2, 3, 2), 1),
        ("h_and_w", "num_output: 3 kernel_h: 2 kernel_w: 3 stride_h: 2 stride_w: 1 pad_w: 1", (2, 2, 2, 3), 1),
        ("group", "num_output: 4 kernel_size: 2 group: 2", (2, 6, 2, 2), 1),
        ("depthwise", "num_output: 3 kernel_size: 4 stride: 2 pad: 1 group: 3 bias_term: false", (2, 3, 2, 2), 1),
        ("gaps", "num_output: 2 kernel_size: 1 stride: 2", (2, 2, 2, 2), 1),
        ("one_axis", "num_output: 2 kernel_size: 3 stride: 2", (2, 3, 4), 1),
        ("three_axes", "num_output: 2 kernel_size: 2 stride: 2", (1, 2, 1, 2, 2), 1),
        ("axis_2", "num_output: 2 kernel_size: 2 axis: 2", (2, 2, 3, 2, 2), 1),
        ("two_bottoms", "num_output: 2 kernel_size: 2", (2, 2, 2, 2), 2),
    ]
]

DEPTHWISE = [
    LayerCase(
        type_name, variant, "oracle_convolution:depthwise", f"convolution_param {{ {text} }}", (Bottom((2, 3, 4, 5)),)
    )
    for type_name in ("ConvolutionDepthwise", "DepthwiseConvolution")
    for variant, text in [
        ("k3", "kernel_size: 3"),
        ("strided", "num_output: 3 group: 3 kernel_size: 3 stride: 2 pad: 1 bias_term: false"),
    ]
]

IM2COL = [
    LayerCase(
        "Im2col", variant, "oracle_convolution:im2col", f"convolution_param {{ {text} }}", bottoms=(Bottom(shape),)
    )
    for variant, text, shape in [
        ("k3", "kernel_size: 3", (2, 2, 4, 5)),
        ("strided_padded", "kernel_size: 2 stride: 2 pad: 1", (2, 3, 3, 4)),
        ("dilated", "kernel_size: [3, 2] dilation: 2 pad: 1", (1, 2, 4, 3)),
        ("one_axis", "kernel_size: 3 pad: 1", (2, 2, 4)),
        ("axis_2", "kernel_size: 2 axis: 2", (2, 2, 3, 2, 2)),
    ]
]

INNER_PRODUCT = [
    LayerCase(
        "InnerProduct",
        variant,
        "oracle_inner_product:inner_product",
        f"inner_product_param {{ {text} }}",
        bottoms=(Bottom(shape),),
        batched=batched,
    )
    for variant, text, shape, batched in [
        ("vectors", "num_output: 3", (5, 7), True),
        ("images", "num_output: 10", (2, 3, 2, 4), True),
        ("transpose", "num_output: 3 transpose: true", (2, 3, 2, 2), True),
        ("no_bias", "num_output: 3 bias_term: false", (2, 3, 4), True),
        ("axis_2", "num_output: 3 axis: 2", (2, 3, 2, 3), True),
        ("last_axis", "num_output: 3 axis: -1 transpose: true", (2, 3, 4), True),
        ("axis_0", "num_output: 3 axis: 0", (2, 3, 2), False),
    ]
]

NORMALIZED = [
    LayerCase(
        "InnerProduct",
        f"normalize_{variant}",
        "oracle_inner_product:inner_product",
        "inner_product_param { num_output: 3 normalize: true }",
        bottoms=(Bottom((5, 2, 3)),),
        phase=phase,
    )
    for variant, phase in [("training", pb.TRAIN), ("testing", pb.TEST)]
]

WINDOWS = [*CONVOLUTION, *DECONVOLUTION, *DEPTHWISE, *IM2COL, *POOLING, *STOCHASTIC, *SPP, *INNER_PRODUCT, *NORMALIZED]
