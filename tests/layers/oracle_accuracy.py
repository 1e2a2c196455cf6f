"""Accuracy from its definition, item by item."""

from __future__ import annotations

import numpy as np

from netcli.schema import caffe_pb2 as pb

Arrays = list[np.ndarray]


def accuracy(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings = param.accuracy_param
    scores = np.moveaxis(bottoms[0], settings.axis, -1)
    classes = scores.shape[-1]
    outcomes: dict[int, list[bool]] = {c: [] for c in range(classes)}
    for row, label in zip(scores.reshape(-1, classes), bottoms[1].reshape(-1).astype(int), strict=True):
        if settings.HasField("ignore_label") and label == settings.ignore_label:
            continue
        rivals = [score for c, score in enumerate(row) if c != label and score >= row[label]]
        outcomes[label].append(len(rivals) < settings.top_k)
    everything = [outcome for per_class in outcomes.values() for outcome in per_class]
    per_class = [np.mean(outcomes[c]) if outcomes[c] else 0.0 for c in range(classes)]
    return [np.array(np.mean(everything) if everything else 0.0), np.array(per_class)][: len(param.top)]
