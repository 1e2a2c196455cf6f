import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from netcli.data import builtin
from netcli.data.builtin import builtin_shape, builtin_source, is_builtin
from netcli.data.digits import SPLIT_SIZES, make_digits
from netcli.data.lmdb_source import LmdbSource
from netcli.errors import ConfigError, RunError
from netcli.runtime.cache import cache_root


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NETCLI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def contents(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with LmdbSource(path) as source:
        pixels, labels = np.empty((len(source), *source.shape), np.uint8), np.empty(len(source), np.int64)
        source.read_into(0, pixels, labels)
    return pixels, labels


def test_made_once_and_holds_the_digits(cache, monkeypatch):
    seen: list[int] = []
    path = builtin_source("builtin:digits/test", progress=lambda done, total: seen.append(done))
    assert seen[-1] == 2000
    pixels, labels = contents(path)
    images, expected = make_digits("test")
    np.testing.assert_array_equal(pixels[:, 0], images)
    np.testing.assert_array_equal(labels, expected)
    assert cache in path.parents

    monkeypatch.setattr(builtin, "make_digits", None)
    assert builtin_source("builtin:digits/test") == path


@pytest.mark.parametrize("keep", [0, 100_000])
def test_a_damaged_copy_is_made_anew(cache, keep):
    path = builtin_source("builtin:digits/test")
    good = contents(path)[0]
    with (path / "data.mdb").open("r+b") as file:
        file.truncate(keep)
    assert builtin_source("builtin:digits/test") == path
    np.testing.assert_array_equal(contents(path)[0], good)


def test_an_unfinished_folder_is_replaced(cache):
    path = builtin_source("builtin:digits/test")
    (path / "data.mdb").unlink()
    assert len(contents(builtin_source("builtin:digits/test"))[1]) == 2000


MAKE = "from netcli.data.builtin import builtin_source; print(builtin_source('builtin:digits/test'))"


def test_two_processes_at_once_both_end_with_a_good_copy(cache):
    processes = [
        subprocess.Popen([sys.executable, "-c", MAKE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    paths = {Path(out.strip()) for out, _ in outputs}
    assert len(paths) == 1
    path = paths.pop()
    np.testing.assert_array_equal(contents(path)[1], make_digits("test")[1])
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_rival_that_finishes_first_is_accepted(cache, monkeypatch):
    drawn = make_digits("test")

    def rival_first(*_: object, **__: object) -> tuple[np.ndarray, np.ndarray]:
        monkeypatch.setattr(builtin, "make_digits", lambda *_, **__: drawn)
        builtin_source("builtin:digits/test")
        return drawn

    monkeypatch.setattr(builtin, "make_digits", rival_first)
    assert len(contents(builtin_source("builtin:digits/test"))[1]) == 2000


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError) as caught:
        builtin_source("builtin:digit/train")
    assert caught.value.code == "NC208"
    assert caught.value.findings[0].suggestion == "builtin:digits/train"
    for split in SPLIT_SIZES:
        assert f"builtin:digits/{split}" in str(caught.value)


def test_what_is_built_in():
    assert is_builtin("builtin:anything")
    assert not is_builtin("examples/mnist/mnist_train_lmdb")
    assert builtin_shape("builtin:digits/test") == (1, 28, 28)


def test_cache_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NETCLI_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(RunError, match="NETCLI_CACHE_DIR") as caught:
        builtin_source("builtin:digits/test")
    assert caught.value.code == "NC219"
    assert str(tmp_path / "file") in str(caught.value)


def test_cache_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("NETCLI_CACHE_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_root() == tmp_path / "own"
    monkeypatch.delenv("NETCLI_CACHE_DIR")
    assert cache_root() == tmp_path / "xdg" / "netcli"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == tmp_path / "home" / ".cache" / "netcli"
