"""Files are whole or not there: on a full disk, in a folder that cannot be written, after a crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netcli.convert.atomic_file import write_atomically
from netcli.errors import RunError

ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from netcli.convert.atomic_file import write_atomically
from netcli.errors import RunError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(Path(sys.argv[1]), b"new" * 1000)
except RunError as error:
    print(error)
"""


def test_writing_and_replacing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomically(path, b"old")
    write_atomically(path, memoryview(b"new"))
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_atomically(tmp_path / "a", b"x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", ON_A_FULL_DISK, path], capture_output=True, text=True, check=True)
    assert f"cannot write '{path}'" in done.stdout
    assert "make room on the disk" in done.stdout
    assert "[NC459]" in done.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_rename_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"the folder '.*none' does not exist") as caught:
        write_atomically(tmp_path / "none" / "a", b"")
    assert caught.value.code == "NC459"


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may write anywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="yours to write") as caught:
        write_atomically(tmp_path / "a", b"")
    tmp_path.chmod(0o700)
    assert caught.value.code == "NC459"


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(RunError) as caught:
        write_atomically(tmp_path / "a", b"x")
    assert caught.value.code == "NC459"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]
