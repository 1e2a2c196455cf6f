"""The update rules in float64 NumPy, from their papers' equations with Caffe's constants."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Arrays = dict[str, np.ndarray]
Rule = Callable[[np.ndarray, float, int, Arrays], np.ndarray]
"""(gradient, rate, iteration from 0, memory) -> what the weight loses. The memory starts empty and is changed."""


def _remembered(memory: Arrays, name: str, like: np.ndarray) -> np.ndarray:
    return memory.setdefault(name, np.zeros_like(like))


def sgd(momentum: float) -> Rule:
    def rule(gradient: np.ndarray, rate: float, iteration: int, memory: Arrays) -> np.ndarray:
        memory["velocity"] = momentum * _remembered(memory, "velocity", gradient) + rate * gradient
        return memory["velocity"]

    return rule


def nesterov(momentum: float) -> Rule:
    def rule(gradient: np.ndarray, rate: float, iteration: int, memory: Arrays) -> np.ndarray:
        before = _remembered(memory, "velocity", gradient)
        after = memory["velocity"] = momentum * before + rate * gradient
        return (1 + momentum) * after - momentum * before

    return rule


def adagrad(delta: float) -> Rule:
    def rule(gradient: np.ndarray, rate: float, iteration: int, memory: Arrays) -> np.ndarray:
        memory["squares"] = _remembered(memory, "squares", gradient) + gradient**2
        return rate * gradient / (np.sqrt(memory["squares"]) + delta)

    return rule


def rmsprop(decay: float, delta: float) -> Rule:
    def rule(gradient: np.ndarray, rate: float, iteration: int, memory: Arrays) -> np.ndarray:
        memory["squares"] = decay * _remembered(memory, "squares", gradient) + (1 - decay) * gradient**2
        return rate * gradient / (np.sqrt(memory["squares"]) + delta)

    return rule


def adadelta(decay: float, delta: float) -> Rule:
    def rule(gradient: np.ndarray, rate: float, iteration: int, memory: Arrays) -> np.ndarray:
        memory["squares"] = decay * _remembered(memory, "squares", gradient) + (1 - decay) * gradient**2
        updates = _remembered(memory, "updates", gradient)
        update = gradient * np.sqrt(updates + delta) / np.sqrt(memory["squares"] + delta)
        memory["updates"] = decay * updates + (1 - decay) * update**2
        return rate * update

    return rule


def adam(beta1: float, beta2: float, delta: float) -> Rule:
    def rule(gradient: np.ndarray, rate: float, iteration: int, memory: Arrays) -> np.ndarray:
        memory["mean"] = beta1 * _remembered(memory, "mean", gradient) + (1 - beta1) * gradient
        memory["squares"] = beta2 * _remembered(memory, "squares", gradient) + (1 - beta2) * gradient**2
        time = iteration + 1
        corrected = rate * np.sqrt(1 - beta2**time) / (1 - beta1**time)
        return corrected * memory["mean"] / (np.sqrt(memory["squares"]) + delta)

    return rule


def adamw(beta1: float, beta2: float, delta: float) -> Rule:
    """Loshchilov and Hutter's algorithm 2 without what it takes from the weight itself: see ``decoupled``."""
    return adam(beta1, beta2, delta)


def decoupled(weight: np.ndarray, rate: float, decay: float, kind: str) -> np.ndarray:
    """What AdamW takes from the weight beside the rule's update."""
    return rate * decay * (np.sign(weight) if kind == "L1" else weight)


def regularised(gradient: np.ndarray, weight: np.ndarray, decay: float, kind: str) -> np.ndarray:
    """The gradient with the regularisation's."""
    return gradient + decay * (np.sign(weight) if kind == "L1" else weight)


def clipped(gradients: list[np.ndarray], most: float) -> list[np.ndarray]:
    """All gradients scaled so that their common L2 norm is at most ``most``."""
    norm = np.sqrt(sum(np.sum(np.square(gradient)) for gradient in gradients))
    return [gradient * min(1.0, most / norm) for gradient in gradients]
