"""Fields that well-known forks of Caffe added: enough to say whose prototxt this is.

Only fields whose origin is certain stand here. Fields that netcli itself has are not in the table.
"""

from __future__ import annotations

_SSD = "the SSD fork (weiliu89/caffe, branch ssd)"
_FAST_RCNN = "the Fast R-CNN fork (rbgirshick/caffe-fast-rcnn)"

FORK_FIELDS: dict[tuple[str, str], str] = {
    ("LayerParameter", "annotated_data_param"): _SSD,
    ("LayerParameter", "detection_evaluate_param"): _SSD,
    ("LayerParameter", "detection_output_param"): _SSD,
    ("LayerParameter", "multibox_loss_param"): _SSD,
    ("LayerParameter", "norm_param"): _SSD,
    ("LayerParameter", "permute_param"): _SSD,
    ("LayerParameter", "prior_box_param"): _SSD,
    ("LayerParameter", "video_data_param"): _SSD,
    ("LayerParameter", "roi_pooling_param"): _FAST_RCNN,
    ("LayerParameter", "smooth_l1_loss_param"): _FAST_RCNN,
}


def fork_of(message: str, field: str) -> str | None:
    """The fork that added ``field`` to ``message``, in words, or None."""
    return FORK_FIELDS.get((message, field))
