"""Two hosts on one machine: network namespaces with names of their own, and a cable between them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from patience import PATIENCE

from netcli.cli import main

HOSTS = {"10.77.0.1": "netcli-a", "10.77.0.2": "netcli-b"}

SOLVER = """net_param { name: "mlp"
layer { name: "digits" type: "Data" top: "data" top: "label"
  transform_param { scale: 0.00390625 } data_param { source: "builtin:digits/train" batch_size: 15 } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 10 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" } }
base_lr: 0.01 momentum: 0.9 lr_policy: "fixed" display: 1 max_iter: 10 random_seed: 1
"""

SHELL = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
host=$1; shift
case $host in 10.77.0.1) name=netcli-a ;; *) name=netcli-b ;; esac
exec ip netns exec $name unshare --uts sh -c "hostname $name; $*"
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def cable() -> Iterator[None]:
    """The two namespaces, which reach each other and nothing else."""
    if not shutil.which("ip") or not shutil.which("unshare"):
        pytest.skip("needs ip and unshare")
    try:
        for name in HOSTS.values():
            ip("netns", "add", name)
        ip("link", "add", "nc-a", "type", "veth", "peer", "name", "nc-b")
        for (address, name), device in zip(HOSTS.items(), ("nc-a", "nc-b"), strict=True):
            ip("link", "set", device, "netns", name)
            ip("-n", name, "addr", "add", f"{address}/24", "dev", device)
            ip("-n", name, "link", "set", device, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    finally:
        for name in HOSTS.values():
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@pytest.mark.slow
@pytest.mark.usefixtures("cable")
def test_two_hosts_train_as_one_rank(tmp_path: Path, mpiexec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "HYDRA" not in subprocess.check_output([mpiexec, "--version"], text=True):
        pytest.skip("the test knows how MPICH's launcher reaches a host")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    shell = tmp_path / "shell"
    shell.write_text(SHELL)
    shell.chmod(0o755)
    alone = CliRunner().invoke(main, ["train", "solver.prototxt", "--out", "one", "-q"])
    assert alone.exit_code == 0, alone.output
    run = subprocess.run(
        ["ip", "netns", "exec", "netcli-a", mpiexec, "-launcher", "ssh", "-launcher-exec", str(shell),
         "-hosts", ",".join(HOSTS), "-n", "2", "-ppn", "1", sys.executable, "-m", "netcli", "train", "solver.prototxt",
         "--out", "two", "--threads", "1"],
        env={**os.environ, "UCX_TLS": "tcp,self"}, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 ranks on 2 machines" in run.stderr
    assert _losses(tmp_path / "two") == pytest.approx(_losses(tmp_path / "one"), rel=1e-5)


def _losses(folder: Path) -> list[float]:
    records = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [record["loss"] for record in records if record["event"] == "train"]
