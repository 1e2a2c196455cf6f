"""``netcli faces align``: the transform against least squares, a face drawn at its landmarks, and bad landmarks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from netcli.cli import main
from netcli.faces.alignment import TEMPLATE, misfit, similarity
from netcli.faces.landmarks import Landmarks, read_landmarks

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Calls the command line."""

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return call


def _turned(degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    """The template's points, turned, scaled and shifted: (5, 2)."""
    cos, sin = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return TEMPLATE @ np.array([[cos, -sin], [sin, cos]]).T + shift


def _line(name: str, points: np.ndarray) -> str:
    return " ".join([name, *(f"{value:.4f}" for value in points.reshape(-1))]) + "\n"


def _draw_face(path: Path, points: np.ndarray, size: tuple[int, int] = (260, 300)) -> None:
    """A black image with a white disc at each point."""
    image = np.zeros(size, np.uint8)
    for x, y in points:
        cv2.circle(image, (round(16 * x), round(16 * y)), 16 * 6, 255, -1, shift=4)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


def _centres(image: np.ndarray) -> np.ndarray:
    """(K, 2): the middles of the bright spots, from top to bottom."""
    _, _, _, middles = cv2.connectedComponentsWithStats((image > 127).astype(np.uint8))
    return middles[1:]


@pytest.mark.parametrize("seed", range(4))
def test_the_transform_is_that_of_least_squares(seed: int) -> None:
    points = _turned(20 * seed, 1.7, (30, 40)) + np.random.default_rng(seed).normal(size=(5, 2)) * 4
    rows = [row for x, y in points for row in ((x, -y, 1, 0), (y, x, 0, 1))]
    (a, b, right, down), *_ = np.linalg.lstsq(np.array(rows), TEMPLATE.reshape(-1), rcond=None)
    np.testing.assert_allclose(similarity(points), [[a, -b, right], [b, a, down]], atol=1e-9)


def test_a_transformed_template_is_brought_back() -> None:
    points = _turned(-25, 2.2, (80, 10))
    matrix = similarity(points)
    np.testing.assert_allclose(points @ matrix[:, :2].T + matrix[:, 2], TEMPLATE, atol=1e-9)
    assert misfit(points, matrix) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="all points are one"):
        similarity(np.full((5, 2), 7.0))


def test_faces_land_on_the_template(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    faces = {"Ann Lee/1.png": _turned(15, 1.8, (60, 20)), "Bo/2.png": _turned(-20, 1.3, (40, 60))}
    for name, points in faces.items():
        _draw_face(Path("raw", name), points)
    Path("landmarks.txt").write_text("# from a detector\n" + "".join(_line(*item) for item in faces.items()))
    result = run("faces", "align", "landmarks.txt", "--root", "raw", "--out", "aligned")
    assert result.exit_code == 0, result.output
    assert result.stderr == "aligned: 2 images of 112 x 96\n"
    for name in faces:
        image = cv2.imread(str(Path("aligned", name)), cv2.IMREAD_UNCHANGED)
        assert image.shape == (112, 96)
        found = _centres(image)
        order = np.lexsort((found[:, 0], found[:, 1].round(-1)))
        np.testing.assert_allclose(found[order], TEMPLATE, atol=0.6)


def test_landmarks_are_read_from_the_end_of_the_line(tmp_path: Path) -> None:
    path = tmp_path / "landmarks.txt"
    path.write_text("a 1 2.png, 1,2,3,4, 5 6 7 8 9 10\nb.jpg\t1\t2\t3\t4\t5\t6\t7\t8\t9\t1e1\n")
    found = read_landmarks(path)
    assert all(isinstance(line, Landmarks) for line in found)
    assert [line.path for line in found] == ["a 1 2.png", "b.jpg"]
    assert [line.points.tolist() for line in found] == [[[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]] * 2


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("a.png\n", "NC564", ":1:1: no landmarks of 'a.png', expected a path and ten numbers"),
        ("a.png 1 2 3 4 5 6 7 8 9\n", "NC564", "actual 9 numbers"),
        ("a.png 1 2 3 4 5 6 7 8 9 nan\n", "NC564", "no landmarks of 'a.png'"),
        ("a.png 3 4 3 4 3 4 3 4 3 4\n", "NC565", "the landmarks of 'a.png' are one point, actual [3.0, 4.0]"),
        (_line("gone.png", TEMPLATE), "NC221", "image 'gone.png' cannot be read: No such file"),
        (_line("landmarks.txt", TEMPLATE), "NC566", "actual .txt"),
        (_line("../a.png", TEMPLATE), "NC566", "'../a.png' has no place below 'out'"),
    ],
)
def test_what_cannot_be_aligned(
    line: str, code: str, said: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _draw_face(Path("a.png"), TEMPLATE)
    Path("landmarks.txt").write_text(line)
    result = run("faces", "align", "landmarks.txt", "--out", "out")
    assert result.exit_code == 1
    assert said in result.stderr
    assert f"[{code}]" in result.stderr


def test_bad_lines_are_left_out_and_doubtful_ones_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second face has its left and right exchanged, as seen by the person in the picture."""
    monkeypatch.chdir(tmp_path)
    _draw_face(Path("a.png"), TEMPLATE)
    lines = [_line("a.png", TEMPLATE), "b.png no face\n", _line("gone.png", TEMPLATE)]
    Path("landmarks.txt").write_text("".join([*lines, _line("./a.png", TEMPLATE[[1, 0, 2, 4, 3]])]))
    result = run("faces", "align", "landmarks.txt", "--out", "out", "--skip-bad")
    assert result.exit_code == 0, result.output
    assert result.stderr == (
        "skipped: image 'gone.png' cannot be read: No such file or directory\n"
        "skipped: no landmarks of 'b.png'\n"
        "note: landmarks that miss the template by more than 10 pixels: 1 (./a.png). Is the order left eye, right eye, "
        "nose, left and right mouth corner, each x y?\n"
        "out: 2 images of 112 x 96, 2 skipped\n"
    )
