"""A walk over all commands: help, example, reference, and how fast the program answers."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from netcli import __version__
from netcli.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numba", "llvmlite", "numpy", "rich", "lmdb", "cv2", "h5py", "matplotlib", "google.protobuf")


def _walk(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found = [(path, command)]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            found += _walk(child, (*path, name))
    return found


ALL = _walk(main)
every_command = pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) or "netcli" for path, _ in ALL])


@every_command
def test_help_ends_in_an_example(path: tuple[str, ...], command: click.Command) -> None:
    long = CliRunner().invoke(main, [*path, "--help"])
    short = CliRunner().invoke(main, [*path, "-h"])
    assert long.exit_code == short.exit_code == 0
    assert long.stdout == short.stdout
    assert command.help is not None
    _, separator, example = inspect.cleandoc(command.help).partition("\b\nExample:\n")
    assert separator, "the docstring needs an Example: block guarded with \\b"
    assert all(line.startswith("  netcli") for line in example.strip("\n").splitlines())


@every_command
def test_every_option_is_explained(path: tuple[str, ...], command: click.Command) -> None:
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.help.endswith((".", "]")), parameter.help


@pytest.mark.parametrize("name", COMMANDS)
def test_summary_is_the_first_line_of_the_docstring(name: str) -> None:
    command = importlib.import_module(f"netcli.cli.{name}").command
    assert command.help.splitlines()[0] == COMMANDS[name]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("data", "faces")])
def test_debug_everywhere_and_json_where_a_table_is_printed(name: str) -> None:
    options = {option for parameter in main.get_command(click.Context(main), name).params for option in parameter.opts}
    assert "--debug" in options
    if name in ("test", "time", "show", "gradcheck", "layers", "doctor"):
        assert "--json" in options


def test_reference_is_fresh() -> None:
    generator = runpy.run_path(str(ROOT / "docs" / "generate_cli.py"))
    assert (ROOT / "docs" / "cli.md").read_text() == generator["cli_reference"](), "run python docs/generate_cli.py"


def test_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in COMMANDS if f"`netcli {name}" not in readme] == []


def test_help_imports_nothing_heavy_and_answers_at_once() -> None:
    program = (
        "import sys\n"
        "from netcli.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
        "import json\n"
        "print(json.dumps([name for name in sys.modules if name.startswith('netcli.cli.')]), file=sys.stderr)\n"
    )
    before = os.times()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    after = os.times()
    # The processor's time, which other work on the machine does not lengthen as it does the clock's.
    assert after.children_user + after.children_system - before.children_user - before.children_system < 0.3
    heavy, own = done.stderr.splitlines()
    assert heavy == "[]"
    assert set(json.loads(own)) == {"netcli.cli.errors", "netcli.cli.group"}, "no command is imported"


@pytest.mark.parametrize("command", ["show", "check"])
def test_show_and_check_do_without_kernels(command: str) -> None:
    program = (
        "import sys\n"
        "from netcli.cli import main\n"
        f"try: main([{command!r}, 'configs/lenet.prototxt'])\n"
        "except SystemExit as stop: assert not stop.code\n"
        "heavy = ('numba', 'llvmlite', 'rich', 'cv2', 'h5py')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr.splitlines()[-1] == "[]"


def test_version_and_module() -> None:
    done = subprocess.run([sys.executable, "-m", "netcli", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"netcli {__version__}\n"


def test_doctor_json() -> None:
    result = CliRunner().invoke(main, ["doctor", "--json"])
    found = json.loads(result.stdout)
    assert found["schema"] == 1
    assert found["packages"]["netcli"] == __version__
    assert found["machine"]["lanes"] in (4, 8, 16)
    assert found["machine"]["threading_layer"] in ("omp", "tbb", "workqueue")


def test_doctor_lists_the_same_facts() -> None:
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0
    assert f"{'netcli':24}{__version__}\n" in result.stdout
    assert "cache folder" in result.stdout
