"""The kernel cache: an edit behind a kernel must change its folder, and nothing else may."""

from pathlib import Path

import netcli
from netcli.runtime.cache import cache_root, kernel_cache_folder, sources_behind

PACKAGE = Path(netcli.__file__).parent


def behind(name):
    return {file.relative_to(PACKAGE).as_posix() for file in sources_behind(PACKAGE / name)}


def test_what_a_kernel_module_imports_is_behind_it():
    sources = behind("layers/loss/cpu.py")
    assert {"layers/loss/cpu.py", "layers/softmax/cpu.py", "runtime/jit.py", "runtime/cpu.py"} <= sources


def test_other_families_are_not():
    assert "layers/pooling/cpu.py" not in behind("layers/softmax/cpu.py")


def test_the_folder_depends_on_sources_and_machine(tmp_path):
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("A = 1\n")
    two.write_text("A = 2\n")
    folders = {kernel_cache_folder(file, machine) for file in (one, two) for machine in ("m", "n")}
    assert len(folders) == 4
    assert kernel_cache_folder(one, "m") in folders


def test_the_root_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("NETCLI_CACHE_DIR", str(tmp_path / "own"))
    assert cache_root() == tmp_path / "own"
    monkeypatch.delenv("NETCLI_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "netcli"
