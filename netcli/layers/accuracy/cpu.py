"""CPU kernel of accuracy, on scores (groups, positions, classes, width) and flat plain labels."""

from __future__ import annotations

from netcli.layers.loss.cpu import IGNORED, OUT_OF_RANGE, label_class
from netcli.runtime.jit import kernel


@kernel
def count_right(scores, labels, top_k, ignored, right, samples):
    """Counts items and right ones into samples and right (classes,); returns the first bad label's item or -1."""
    groups, positions, classes, width = scores.shape
    items = labels.size // positions
    right[:] = 0
    samples[:] = 0
    for group in range(groups):
        for position in range(positions):
            row = scores[group, position]
            for lane in range(min(width, items - group * width)):
                item = (group * width + lane) * positions + position
                label = label_class(labels[item], classes, ignored)
                if label == OUT_OF_RANGE:
                    return item
                if label == IGNORED:
                    continue
                better = 0
                for channel in range(classes):
                    if better == top_k:
                        break
                    if channel != label and not row[channel, lane] < row[label, lane]:
                        better += 1
                samples[label] += 1
                right[label] += better < top_k
    return -1
