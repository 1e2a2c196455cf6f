"""What the sum of a loss is divided by (``loss_param { normalization }``), as in Caffe's GetNormalizer.

    FULL         items
    VALID        items whose label is not ignored
    BATCH_SIZE   outer: the product of the dimensions before the axis
    NONE         1

and never by less than 1. Where several processes share a batch, what counts as valid is counted over all of it.
"""

from __future__ import annotations

from netcli.layers.share import WHOLE, Share
from netcli.schema import caffe_pb2 as pb


def normalisation_mode(param: pb.LossParameter, default: int = pb.LossParameter.VALID) -> int:
    """The mode in force; the old ``normalize`` counts where ``normalization`` is not given."""
    if param.HasField("normalization"):
        return param.normalization
    if param.HasField("normalize"):
        return pb.LossParameter.VALID if param.normalize else pb.LossParameter.BATCH_SIZE
    return default


def normaliser(mode: int, *, outer: int, items: int, valid: int, share: Share = WHOLE) -> float:
    """The divisor for a loss over ``items`` labels, ``valid`` of them counted, in a batch of ``outer``.

    Args:
        share: the part of the batch that these items are, where items may be left out, so that other parts may have
            another number of valid ones; it is then the divisor of ``Share.mean_divisor``.
    """
    if mode == pb.LossParameter.VALID:
        return share.mean_divisor(valid)
    by_mode: dict[int, int] = {
        pb.LossParameter.FULL: items,
        pb.LossParameter.BATCH_SIZE: outer,
        pb.LossParameter.NONE: 1,
    }
    return max(1.0, float(by_mode[mode]))
