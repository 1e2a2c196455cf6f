"""Fields that well-known forks of Caffe added: enough to say whose prototxt this is.

Only fields whose origin is certain stand here. Fields that netcli itself has are not in the table.
"""

from __future__ import annotations

_SSD = "the SSD fork (weiliu89/caffe, branch ssd)"
_FAST_RCNN = "the Fast R-CNN fork (rbgirshick/caffe-fast-rcnn)"
_RFCN = "the R-FCN fork (daijifeng001/caffe-rfcn)"
_AM_SOFTMAX = "the AM-Softmax fork (happynear/caffe-windows)"
_SEGNET = "SegNet's fork (alexgkendall/caffe-segnet)"
_NVIDIA = "NVIDIA's fork (NVIDIA/caffe)"

_BY_MESSAGE: dict[str, dict[str, tuple[str, ...]]] = {
    "LayerParameter": {
        _SSD: (
            "annotated_data_param",
            "detection_evaluate_param",
            "detection_output_param",
            "multibox_loss_param",
            "prior_box_param",
            "video_data_param",
        ),
        _FAST_RCNN: ("roi_pooling_param", "smooth_l1_loss_param"),
        _RFCN: ("box_annotator_ohem_param", "psroi_pooling_param"),
        _NVIDIA: ("detectnet_augmentation_param", "detectnet_groundtruth_param"),
        "SegNet's and PSPNet's forks": ("bn_param",),
    },
    "LabelSpecificAddParameter": {
        _AM_SOFTMAX: ("bias_base", "bias_gamma", "bias_max", "bias_min", "bias_power", "iteration"),
    },
    "UpsampleParameter": {
        _SEGNET: ("pad_out_h", "pad_out_w", "scale_h", "scale_w", "upsample_h", "upsample_w"),
    },
    "TransformationParameter": {
        _SSD: ("distort_param", "emit_constraint", "expand_param", "noise_param", "resize_param"),
    },
    "SolverParameter": {
        _SSD: ("ap_version", "eval_type", "plateau_winsize", "show_per_class_result"),
    },
}

FORK_FIELDS = {
    (message, field): fork
    for message, forks in _BY_MESSAGE.items()
    for fork, fields in forks.items()
    for field in fields
}
"""The fork, in words, by message and field."""


def fork_of(message: str, field: str) -> str | None:
    """The fork that added ``field`` to ``message``, in words, or None."""
    return FORK_FIELDS.get((message, field))
