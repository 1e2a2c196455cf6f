"""Misspelt words and what they were meant to be."""

from __future__ import annotations

import pytest

from netcli.layers.registry import layer_types
from netcli.spelling import distance, nearest


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("Convoluton", "Convolution"),
        ("RelU", "ReLU"),
        ("eRLU", "ReLU"),
        ("relu", "ReLU"),
        ("SoftmaxWithLos", "SoftmaxWithLoss"),
        ("InnerProdcut", "InnerProduct"),
        ("Poolling", "Pooling"),
        ("Innerproduct", "InnerProduct"),
    ],
)
def test_layer_types(word, meant):
    assert nearest(word, layer_types()) == meant


def test_nothing_near():
    assert nearest("Quaternion", layer_types()) is None
    assert nearest("x", []) is None


def test_a_word_that_goes_on_is_near():
    assert nearest("conv1_renamed_again", ["data", "conv1"]) == "conv1"


def test_preferred_breaks_ties_only():
    assert nearest("conv", ["conv1", "conv2"]) == "conv1"
    assert nearest("conv", ["conv1", "conv2"], preferred=["conv2"]) == "conv2"
    assert nearest("conv1x", ["conv1", "conv23"], preferred=["conv23"]) == "conv1"


def test_distance():
    assert distance("", "abc") == 3
    assert distance("kitten", "sitting") == 3
    assert distance("ab", "ba") == 1
    assert distance("ca", "abc") == 3
