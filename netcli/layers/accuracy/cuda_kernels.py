"""CUDA kernels of accuracy: scores (outer, classes, inner), labels (outer, inner), flat."""

from __future__ import annotations

import numpy as np

from netcli.layers.loss.cuda_kernels import OUT_OF_RANGE, label_class
from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.rows import ROW_BLOCK, total_of
from netcli.runtime.cuda.toolkit import cuda

uint32 = np.uint32
int32 = np.int32
float32 = np.float32

_NAN = float32(np.nan)


@cuda_kernel("f4*, f4*, i4*, i4*, u4, u4, u4, i4, u4", block=ROW_BLOCK)
def judge(scores, labels, named, right, classes, inner, top_k, ignored, ignores):
    """named (items,): what ``label_class`` says; right: 1 if it is among the ``top_k`` best. A block for each item."""
    parts = cuda.shared.array(ROW_BLOCK, int32)
    thread, item = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    outer = uint32(item // inner)
    first = uint32(uint32(uint32(outer * classes) * inner) + uint32(item - uint32(outer * inner)))
    label = label_class(labels[item], classes, ignored, ignores)
    better = int32(0)
    if label >= 0:
        score = scores[uint32(first + uint32(uint32(label) * inner))]
        k = thread
        while k < classes:
            if int32(k) != label and not scores[uint32(first + uint32(k * inner))] < score:
                better = int32(better + int32(1))
            k = uint32(k + uint32(ROW_BLOCK))
    parts[thread] = better
    cuda.syncthreads()
    if thread == 0:
        named[item] = label
        right[item] = int32(1) if label >= 0 and total_of(parts) < int32(top_k) else int32(0)


@cuda_kernel("i4*, i4*, f4*, u4, u4", block=ROW_BLOCK)
def accuracy(named, right, top, items, strict):
    """top: the share of right items among those whose label is a class. One block.

    If it is ``strict``, NaN where a label is neither a class nor ignored.
    """
    counted = cuda.shared.array(ROW_BLOCK, int32)
    correct = cuda.shared.array(ROW_BLOCK, int32)
    wrong = cuda.shared.array(ROW_BLOCK, int32)
    thread = uint32(cuda.threadIdx.x)
    samples = int32(0)
    hits = int32(0)
    faults = int32(0)
    at = thread
    while at < items:
        if named[at] == OUT_OF_RANGE:
            faults = int32(faults + int32(1))
        if named[at] >= 0:
            samples = int32(samples + int32(1))
        hits = int32(hits + right[at])
        at = uint32(at + uint32(ROW_BLOCK))
    counted[thread] = samples
    correct[thread] = hits
    wrong[thread] = faults
    cuda.syncthreads()
    if thread == 0:
        number = total_of(counted)
        share = float32(0)
        if number > 0:
            share = float32(total_of(correct)) / float32(number)
        top[0] = _NAN if strict and total_of(wrong) > 0 else share


@cuda_kernel("i4*, i4*, f4*, u4", block=ROW_BLOCK)
def class_accuracy(named, right, top, items):
    """top (classes,): the same over the items of each class, 0 for a class without any. A block for each class."""
    counted = cuda.shared.array(ROW_BLOCK, int32)
    correct = cuda.shared.array(ROW_BLOCK, int32)
    thread, wanted = uint32(cuda.threadIdx.x), int32(cuda.blockIdx.x)
    samples = int32(0)
    hits = int32(0)
    at = thread
    while at < items:
        if named[at] == wanted:
            samples = int32(samples + int32(1))
            hits = int32(hits + right[at])
        at = uint32(at + uint32(ROW_BLOCK))
    counted[thread] = samples
    correct[thread] = hits
    cuda.syncthreads()
    if thread == 0:
        number = total_of(counted)
        top[wanted] = float32(total_of(correct)) / float32(number) if number > 0 else float32(0)
