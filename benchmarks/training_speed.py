"""How fast nets train and answer, against PyTorch on the same CPU in the same run.

    pip install . torch
    python benchmarks/training_speed.py                       # all rows, about 25 minutes on 2 cores
    python benchmarks/training_speed.py lenet:64 resnet50:1:inference --threads 1 --json speed.json
    python benchmarks/training_speed.py --against speed.json  # exit code 1 if a ratio has fallen

A row is NET:BATCH, or NET:BATCH:inference, of the nets of ``zoo.py``. Both sides run in processes of their own with
equal numbers of threads, on the same weights and inputs, and take turns: a block of iterations of netcli, one of
PyTorch, and so on. The ratio is that of two neighbouring blocks; the table has the median of the ratios and their
range. PyTorch's layout is the better one of NCHW and channels-last for each row. A training iteration is the gradients
cleared, forward, backward, and SGD with momentum and decay (PyTorch's fused one). First, both sides' losses are compared,
without dropout, so that the same thing is measured. The peak is that of a float32 matrix product by
NumPy's BLAS in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo import ZOO, without_dropout

from netcli.cli.measuring import peak_gflops
from netcli.runtime.threads import available_cores

DEFAULT_ROWS = (
    "lenet:64",
    "sphereface20:32",
    "sphereface20:8",
    "caffenet:32",
    "googlenet:32",
    "resnet50:32",
    "lenet:1:inference",
    "sphereface20:1:inference",
    "resnet50:1:inference",
)
LAYOUTS = ("nchw", "channels-last")
BLOCK_SECONDS = 1.5
"""About how long a block of one side takes."""
LOSS_TOLERANCE = 1e-3
RATIO_TOLERANCE = 0.1
"""Part of a stored ratio that may be lost before ``--against`` complains."""
TRAINING_PASSES = 3
"""A training iteration has three products of the forward pass's size."""


@dataclass(frozen=True)
class Row:
    """One line of the table; times in milliseconds, ratios above 1 where netcli is faster."""

    name: str
    threads: int
    layout: str
    netcli_ms: float
    pytorch_ms: float
    ratio: float
    least: float
    largest: float
    gflops: float
    share_of_peak: float
    netcli_peak_mib: float
    pytorch_peak_mib: float


class Worker:
    """A process of ``speed_worker.py``."""

    def __init__(self, side: str, net: Path, inference: bool, threads: int) -> None:
        command = [sys.executable, str(Path(__file__).with_name("speed_worker.py")), side, str(net)]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        self._process = subprocess.Popen(
            [*command, "--inference"] if inference else command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.side = side
        started = self._answer()
        self.loss: float = started["loss"]
        self.macs: float = started["macs"]
        self.peak_mib = 0.0

    def median(self, iterations: int) -> float:
        """Of a block of ``iterations``, in seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"run": iterations}) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        self.peak_mib = answer["peak_kib"] / 1024
        return statistics.median(answer["seconds"])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the {self.side} worker has ended")
        return json.loads(line)


def measured(row: str, threads: int, rounds: int, peak: float, folder: Path) -> Row:
    """Runs both sides of one row in turns."""
    name, batch, *mode = row.split(":")
    inference = mode == ["inference"]
    text = ZOO[name](int(batch))
    net = folder / "net.prototxt"
    net.write_text(without_dropout(text))
    check_losses(net, inference, threads)
    net.write_text(text)
    ours = Worker("netcli", net, inference, threads)
    layouts = [Worker(layout, net, inference, threads) for layout in LAYOUTS]
    theirs, other = sorted(layouts, key=lambda worker: min(worker.median(2), worker.median(3)))
    other.close()
    blocks = [max(1, round(BLOCK_SECONDS / worker.median(2))) for worker in (ours, theirs)]
    pairs = [(ours.median(blocks[0]), theirs.median(blocks[1])) for _ in range(rounds)]
    ours.close()
    theirs.close()
    ratios = [pytorch / netcli for netcli, pytorch in pairs]
    seconds = statistics.median(netcli for netcli, _ in pairs)
    gflops = 2 * ours.macs * (1 if inference else TRAINING_PASSES) / seconds / 1e9
    return Row(
        row,
        threads,
        theirs.side,
        1000 * seconds,
        1000 * statistics.median(pytorch for _, pytorch in pairs),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        gflops,
        gflops / peak,
        ours.peak_mib,
        theirs.peak_mib,
    )


def check_losses(net: Path, inference: bool, threads: int) -> None:
    """Both sides must compute the same loss from the same weights."""
    losses = {}
    for side in ("netcli", *LAYOUTS):
        worker = Worker(side, net, inference, threads)
        losses[side] = worker.loss
        worker.close()
    if max(losses.values()) - min(losses.values()) > LOSS_TOLERANCE * abs(losses["netcli"]):
        raise SystemExit(f"the two sides compute different things: losses {losses}")


def line(row: Row) -> str:
    """A row of the table."""
    return (
        f"{row.name:26} {row.netcli_ms:9.2f} {row.pytorch_ms:9.2f}  {row.layout:13} {row.ratio:5.2f} "
        f"({row.least:.2f} to {row.largest:.2f}) {row.gflops:7.1f} {row.share_of_peak:5.0%} "
        f"{row.netcli_peak_mib:7.0f} {row.pytorch_peak_mib:7.0f}"
    )


HEADER = (
    f"{'row':26} {'netcli ms':>9} {'torch ms':>9}  {'layout':13} ratio {'range':16}{'GFLOP/s':>7} {'peak':>5} "
    f"{'MiB':>7} {'theirs':>7}"
)


def fallen(rows: list[Row], stored: Path) -> list[str]:
    """What has become slower than the stored rows of the same name and number of threads."""
    before = {(row["name"], row["threads"]): row["ratio"] for row in json.loads(stored.read_text())["rows"]}
    return [
        f"{row.name}: ratio {row.ratio:.2f}, {before[key]:.2f} before"
        for row in rows
        if (key := (row.name, row.threads)) in before and row.ratio < before[key] * (1 - RATIO_TOLERANCE)
    ]


def main() -> int:
    """Prints the table; 1 if ``--against`` finds a ratio that has fallen."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0], epilog=f"Rows by default: {' '.join(DEFAULT_ROWS)}"
    )
    parser.add_argument("rows", nargs="*", default=DEFAULT_ROWS, metavar="NET:BATCH[:inference]")
    parser.add_argument("--threads", type=int, nargs="+", default=[available_cores()])
    parser.add_argument("--rounds", type=int, default=7, help="pairs of blocks for each row")
    parser.add_argument("--json", type=Path, help="where to write the table as JSON")
    parser.add_argument("--against", type=Path, help="a table of an earlier run")
    arguments = parser.parse_args()
    rows = []
    print(HEADER)
    for threads in arguments.threads:
        peak = peak_gflops(threads)
        with tempfile.TemporaryDirectory() as folder:
            for name in arguments.rows:
                rows.append(measured(name, threads, arguments.rounds, peak, Path(folder)))
                print(line(rows[-1]), flush=True)
        print(f"threads {threads}, peak {peak:.0f} GFLOP/s (sgemm), {arguments.rounds} pairs of blocks")
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": [asdict(row) for row in rows]}, indent=2) + "\n")
    slower = fallen(rows, arguments.against) if arguments.against else []
    for complaint in slower:
        print(complaint)
    return int(bool(slower))


if __name__ == "__main__":
    sys.exit(main())
