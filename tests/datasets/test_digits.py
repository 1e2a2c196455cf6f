import hashlib

import numpy as np
import pytest

from netcli.data.digit_render import blur, draw_digits, ink
from netcli.data.digit_strokes import DIGIT_SHAPES, catmull_rom_weights, sample_shape
from netcli.data.digits import SPLIT_SIZES, make_digits

SHAPES = [(digit, number) for digit, shapes in DIGIT_SHAPES.items() for number in range(len(shapes))]


@pytest.fixture(scope="module")
def digits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {split: make_digits(split) for split in SPLIT_SIZES}


def test_sizes_and_types(digits):
    for split, size in {"train": 12000, "test": 2000}.items():
        images, labels = digits[split]
        assert images.shape == (size, 28, 28)
        assert images.dtype == np.uint8
        assert labels.shape == (size,)


def test_labels_are_balanced_and_shuffled(digits):
    for _, labels in digits.values():
        assert set(np.bincount(labels, minlength=10)) == {len(labels) // 10}
        tenths = [np.bincount(part, minlength=10) for part in np.split(labels, 10)]
        assert np.min(tenths) > 0.5 * len(labels) / 100


def test_no_test_image_is_a_training_image(digits):
    everything = {image.tobytes() for images, _ in digits.values() for image in images}
    assert len(everything) == 14000


# The renderer uses exactly rounded arithmetic only: these hold on every machine. They change with VERSION.
@pytest.mark.parametrize(
    ("split", "digest"),
    [
        ("train", "38b2296d70f89a3be9303d586f6dbb5fad5d9ef6b95665b935231bb8e83d5d6e"),
        ("test", "d7f6adbaf242c11fd4ee42a97b0d48beec3620e4f7cfebb948f663a58d789ae4"),
    ],
)
def test_the_bits_are_those_of_this_version(digits, split, digest):
    images, labels = digits[split]
    assert hashlib.sha256(images.tobytes() + labels.astype("<i8").tobytes()).hexdigest() == digest


def test_ink_is_on_the_sheet_and_light_on_dark(digits):
    for images, _ in digits.values():
        assert np.all(images.max((1, 2)) > 120)
        assert np.all(images.mean((1, 2)) < 110)
        border = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
        assert np.mean(border > 100) < 0.01


def test_softmax_regression_stays_below_the_nets_that_should_beat_it(digits):
    images, labels = digits["train"]
    x, y = images.reshape(-1, 784).astype(np.float32) / 256, np.eye(10, dtype=np.float32)[labels]
    weight, bias = np.zeros((784, 10), np.float32), np.zeros(10, np.float32)
    velocity, bias_velocity = np.zeros_like(weight), np.zeros_like(bias)
    for step in range(2000):
        batch = np.arange(step * 64, step * 64 + 64) % len(x)
        scores = np.exp(x[batch] @ weight + bias)
        gradient = (scores / scores.sum(1, keepdims=True) - y[batch]) / 64
        velocity = 0.9 * velocity - 0.02 * (x[batch].T @ gradient + 5e-4 * weight)
        bias_velocity = 0.9 * bias_velocity - 0.02 * gradient.sum(0)
        weight, bias = weight + velocity, bias + bias_velocity
    images, labels = digits["test"]
    predicted = (images.reshape(-1, 784).astype(np.float32) / 256 @ weight + bias).argmax(1)
    assert 0.85 < np.mean(predicted == labels) < 0.95


def test_progress_reaches_the_end():
    seen: list[tuple[int, int]] = []
    images, _ = make_digits("test", 300, progress=lambda done, total: seen.append((done, total)))
    assert len(images) == 300
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (300, 300)


def test_every_digit_has_several_shapes():
    assert sorted(DIGIT_SHAPES) == list(range(10))
    assert min(len(shapes) for shapes in DIGIT_SHAPES.values()) >= 3


@pytest.mark.parametrize(("digit", "number"), SHAPES)
def test_curves_run_through_their_control_points(digit, number):
    shape = DIGIT_SHAPES[digit][number]
    curve = sample_shape(shape)
    points = np.einsum("sk,skd->sd", curve.weights, curve.controls[curve.neighbours])
    for stroke in shape:
        for point in stroke:
            assert np.abs(points - point).sum(1).min() < 1e-12
    for stroke in range(len(shape)):
        steps = np.linalg.norm(np.diff(points[curve.stroke == stroke], axis=0), axis=1)
        assert steps.max() < 0.1
        along = curve.along[curve.stroke == stroke]
        assert (along[0], along[-1]) == (0, 1)


def test_spline_weights_sum_to_one_and_interpolate():
    assert catmull_rom_weights(0.0) == (0, 1, 0, 0)
    assert catmull_rom_weights(1.0) == (0, 0, 1, 0)
    for t in (0.2, 0.5, 0.9):
        assert sum(catmull_rom_weights(t)) == pytest.approx(1)


def test_ink_of_one_point_is_a_disc():
    points = np.array([[[10.0], [15.0]]])
    grey = ink(points, np.full((1, 1), 3.0), np.array([1.0]))[:, :, 0]
    rows, columns = np.mgrid[:28, :28]
    distance = np.hypot(columns - 10, rows - 15)
    np.testing.assert_allclose(grey, np.clip(3.5 - distance, 0, 1), atol=1e-5)


def test_blur_keeps_the_sum_and_spreads_a_point():
    image = np.zeros((28, 28, 2), np.float32)
    image[14, 14] = 16
    soft = blur(image, np.array([1.0, 0.0]))
    np.testing.assert_allclose(soft[13:16, 13:16, 0], [[1, 2, 1], [2, 4, 2], [1, 2, 1]])
    np.testing.assert_array_equal(soft[:, :, 1], image[:, :, 1])


def test_draws_differ_and_repeat():
    curve = sample_shape(DIGIT_SHAPES[8][1])
    once, again = (draw_digits(curve, 5, np.random.Generator(np.random.Philox(3))) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert len({image.tobytes() for image in once}) == 5
