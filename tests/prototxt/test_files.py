"""Files that are missing, no text or not what was asked for; and how a path finds its file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netcli.errors import ConfigError, ExitCode, Place
from netcli.prototxt import (
    NetSource,
    SolverSource,
    is_solver_text,
    load,
    load_net,
    load_solver,
    read_text,
    resolve_path,
)


def refusal(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.exit_code is ExitCode.CONFIG_INVALID
    return caught.value


class TestReading:
    def test_missing_file_with_a_neighbour(self, tmp_path: Path) -> None:
        (tmp_path / "lenet.prototxt").write_text('name: "x"')
        error = refusal(tmp_path / "lenett.prototxt")
        assert error.code == "NC001"
        assert error.findings[0].suggestion == "lenet.prototxt"

    def test_missing_folder(self, tmp_path: Path) -> None:
        assert refusal(tmp_path / "no" / "lenet.prototxt").code == "NC001"

    def test_file_as_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "a.prototxt").write_text('name: "x"')
        assert refusal(tmp_path / "a.prototxt" / "b.prototxt").code in ("NC001", "NC002")

    def test_folder(self, tmp_path: Path) -> None:
        error = refusal(tmp_path)
        assert (error.code, error.findings[0].place) == ("NC002", Place(str(tmp_path)))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_no_permission(self, tmp_path: Path) -> None:
        path = tmp_path / "secret.prototxt"
        path.write_text('name: "x"')
        path.chmod(0)
        assert refusal(path).code == "NC002"

    def test_unreadable(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(self: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", refuse)
        error = refusal(tmp_path / "secret.prototxt")
        assert error.code == "NC002"
        assert "Permission denied" in str(error)

    def test_path_with_nul(self) -> None:
        assert refusal(Path("a\0b")).code == "NC001"

    @pytest.mark.parametrize("data", [b"", b" \r\n\t", b"# only a comment\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
    def test_empty(self, data: bytes, tmp_path: Path) -> None:
        path = tmp_path / "net.prototxt"
        path.write_bytes(data)
        assert refusal(path).code == "NC003"

    @pytest.mark.parametrize(
        "data",
        [
            b'name: "a\0b"\n',
            bytes(range(256)) * 8,
            b"\x0a\x03net\xa2\x06\x05\x0a\x03abc",
            b"\x89HDF\r\n\x1a\n",
            'name: "x"'.encode("utf-16"),
            'name: "x"'.encode("utf-16-le"),
        ],
        ids=["nul", "bytes", "caffemodel", "hdf5", "utf-16", "utf-16 without mark"],
    )
    def test_binary(self, data: bytes, tmp_path: Path) -> None:
        path = tmp_path / "net.prototxt"
        path.write_bytes(data)
        assert refusal(path).code == "NC004"

    def test_weights_for_a_net(self, tmp_path: Path) -> None:
        path = tmp_path / "lenet.caffemodel"
        path.write_bytes(b"\x0a\x05LeNet\0\0\0")
        assert refusal(path).findings[0].hint == "'.caffemodel' is the ending of a file of weights"

    def test_not_utf8_in_text(self, tmp_path: Path) -> None:
        path = tmp_path / "net.prototxt"
        path.write_bytes(b'name: "caf\xe9"\nlayer { nome: "x" }\n')
        error = refusal(path)
        assert [(finding.code, str(finding.place)) for finding in error.findings] == [
            ("NC004", f"{path}:1:7"),
            ("NC012", f"{path}:2:9"),
        ]

    def test_other_encodings_are_let_through_in_comments(self, tmp_path: Path) -> None:
        path = tmp_path / "net.prototxt"
        path.write_bytes("# 卷积层\n".encode("gbk") + b'name: "x"\n')
        assert load_net(path).param.name == "x"

    def test_crlf_and_byte_order_mark(self, tmp_path: Path) -> None:
        path = tmp_path / "net.prototxt"
        path.write_bytes(b'\xef\xbb\xbfname: "x"\r\nlayer { name: "y" }\r\n')
        net = load_net(path)
        assert net.param.name == "x"
        assert net.layers()[0].place() == Place(str(path), 2, 1)
        assert read_text(path).startswith("name")

    def test_every_error_of_the_file_is_there(self, tmp_path: Path) -> None:
        path = tmp_path / "net.prototxt"
        path.write_text('nmae: "x"\nlayer { tpye: "y" }\n')
        assert [finding.code for finding in refusal(path).findings] == ["NC012", "NC012"]


class TestKinds:
    @pytest.mark.parametrize(
        ("text", "is_solver"),
        [
            ('net: "a"', True),
            ("net_param { name: 'x' }", True),
            ("# net: 'a'\nname: 'x'", False),
            ("debug_info: true base_lr: 1", True),
            ("debug_info: true layer { }", False),
            ("unknown: 1 base_lr: 0.1", True),
            ("debug_info: true", False),
            ("layers { layer { } }", False),
            ("input: 'data'", False),
            ("nonsense { net: 'a' } name: 'x'", False),
            ("} base_lr: 1", True),
        ],
    )
    def test_recognised_by_the_top_level_fields(self, text: str, is_solver: bool) -> None:
        assert is_solver_text(text) == is_solver

    def test_load_takes_both(self, tmp_path: Path) -> None:
        net, solver = tmp_path / "net.prototxt", tmp_path / "solver.prototxt"
        net.write_text('name: "x"')
        solver.write_text('net: "net.prototxt"')
        assert isinstance(load(net), NetSource)
        assert isinstance(load(solver), SolverSource)
        assert load_solver(str(solver)).file == str(solver)

    def test_the_other_kind_is_refused(self, tmp_path: Path) -> None:
        net, solver = tmp_path / "net.prototxt", tmp_path / "solver.prototxt"
        net.write_text('name: "x"')
        solver.write_text('net: "net.prototxt"')
        with pytest.raises(ConfigError, match="is a solver, expected a net"):
            load_net(solver)
        with pytest.raises(ConfigError, match="is a net, expected a solver") as caught:
            load_solver(net)
        assert caught.value.code == "NC019"


class TestResolvePath:
    @pytest.fixture
    def tree(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A project with an example two folders down, and an empty working directory beside it."""
        for folder in ("cwd", "project/examples/mnist", "project/data"):
            (tmp_path / folder).mkdir(parents=True)
        monkeypatch.chdir(tmp_path / "cwd")
        return tmp_path

    def test_the_working_directory_comes_first(self, tree: Path) -> None:
        (tree / "cwd" / "a").touch()
        (tree / "project" / "a").touch()
        assert resolve_path("a", str(tree / "project" / "solver.prototxt")) == Path("a")

    def test_then_the_files_folder_then_its_parents(self, tree: Path) -> None:
        anchor = str(tree / "project" / "examples" / "mnist" / "solver.prototxt")
        (tree / "project" / "a").touch()
        assert resolve_path("a", anchor) == tree / "project" / "a"
        (tree / "project" / "examples" / "mnist" / "a").touch()
        assert resolve_path("a", anchor) == tree / "project" / "examples" / "mnist" / "a"
        assert resolve_path("examples/mnist/a", anchor) == tree / "project" / "examples" / "mnist" / "a"
        assert resolve_path("data", anchor) == tree / "project" / "data"

    def test_a_relative_anchor(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tree)
        (tree / "project" / "a").touch()
        assert resolve_path("a", "project/examples/solver.prototxt") == tree / "project" / "a"

    def test_absolute_paths(self, tree: Path) -> None:
        (tree / "project" / "a").touch()
        assert resolve_path(str(tree / "project" / "a"), None) == tree / "project" / "a"
        with pytest.raises(ConfigError) as caught:
            resolve_path(str(tree / "none"), str(tree / "cwd" / "s.prototxt"))
        assert caught.value.findings[0].hint == f"tried {tree / 'none'}"

    def test_a_failure_lists_every_place(self, tree: Path) -> None:
        anchor = tree / "project" / "solver.prototxt"
        place = Place(str(anchor), 3, 6)
        with pytest.raises(ConfigError) as caught:
            resolve_path("x.lmdb", str(anchor), place)
        finding = caught.value.findings[0]
        assert (finding.code, finding.place) == ("NC001", place)
        assert finding.hint is not None
        tried = finding.hint.removeprefix("tried ").split(", ")
        assert tried[:3] == ["x.lmdb", str(tree / "project" / "x.lmdb"), str(tree / "x.lmdb")]
        assert tried[-1] == "/x.lmdb"

    @pytest.mark.parametrize("value", ["", "a\0b", "x" * 5000])
    def test_paths_that_cannot_be(self, value: str, tree: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            resolve_path(value, None)
        assert caught.value.code == "NC001"
