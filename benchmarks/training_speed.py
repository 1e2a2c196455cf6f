"""How fast nets train and answer, against PyTorch on the same CPU in the same run.

    pip install . torch --extra-index-url https://download.pytorch.org/whl/cpu
    python benchmarks/training_speed.py                       # all rows, about 15 minutes on 2 cores
    python benchmarks/training_speed.py lenet:64 resnet50:1:inference --threads 1 --json speed.json
    python benchmarks/training_speed.py --against speed.json  # exit code 1 if a ratio has fallen
    python benchmarks/training_speed.py sphereface20:32 --layers
    python benchmarks/training_speed.py lenet:64 --sweep-threads 1,2
    python benchmarks/training_speed.py --sweep-batch         # LeNet, 1 to 256
    python benchmarks/training_speed.py --cold-start
    python benchmarks/training_speed.py --memory

A row is NET:BATCH, or NET:BATCH:inference, of the nets of ``zoo.py``. ``docs/performance.md`` tells what is measured,
and how. PyTorch is needed by this program only; netcli never imports it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import speed_tables
from fma_peak import fma_peak_gflops
from speed_layers import measure_layers
from speed_rows import Case, measure
from speed_start import cold_start, peak_memory

from netcli.cli.measuring import peak_gflops
from netcli.report.machine import machine, versions
from netcli.runtime.threads import available_cores

SCHEMA = 1
DEFAULT_ROWS = (
    "lenet:64",
    "sphereface20:32",
    "sphereface20:8",
    "caffenet:32",
    "googlenet:32",
    "resnet50:32",
    "lenet:1:inference",
    "sphereface20:1:inference",
    "caffenet:1:inference",
    "googlenet:1:inference",
    "resnet50:1:inference",
    "lenet:64:inference",
    "sphereface20:32:inference",
    "caffenet:32:inference",
    "googlenet:32:inference",
    "resnet50:32:inference",
)
START_ROWS = ("lenet:64", "sphereface20:32")
SWEPT_NET = "lenet"
SWEPT_BATCHES = "1,2,4,8,15,16,17,32,48,64,65,100,128,200,256"


def main() -> int:
    """Prints the tables; 1 if ``--against`` finds a ratio that has fallen."""
    arguments = _arguments()
    threads = arguments.sweep_threads or [arguments.threads]
    rows = arguments.rows or _default_rows(arguments)
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "machine": machine(),
        "versions": versions() | {"torch": _torch_version()},
        "peak_gflops": {},
        "rows": [],
    }
    for count in threads:
        peaks = {"fma": fma_peak_gflops(count), "sgemm": peak_gflops(count)}
        result["peak_gflops"][str(count)] = peaks
        print(speed_tables.peak_line(count, peaks), flush=True)
    if arguments.cold_start:
        result["cold_start"] = [cold_start(Case(row, threads[-1])) for row in rows]
        print(speed_tables.start_table(result["cold_start"]))
    elif arguments.memory:
        result["memory"] = [peak_memory(Case(row, threads[-1])) for row in rows]
        print(speed_tables.memory_table(result["memory"]))
    elif arguments.layers:
        cases = [Case(row, count) for count in threads for row in rows]
        result["layers"] = []
        for case in cases:
            peak = result["peak_gflops"][str(case.threads)]["fma"]
            result["layers"].append(measure_layers(case, arguments.iterations, peak))
            print(speed_tables.layer_table(result["layers"][-1]), flush=True)
    else:
        result["rows"] = _measured(rows, threads, arguments, result["peak_gflops"])
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    return _compared(result["rows"], arguments) if arguments.against else 0


def fallen(rows: list[dict[str, Any]], stored: list[dict[str, Any]], tolerance: float) -> list[str]:
    """What is slower, against PyTorch, than the stored row of the same name and number of threads."""
    before = {(row["row"], row["threads"]): row["ratio"] for row in stored}
    return [
        f"{row['row']}, {row['threads']} threads: ratio {row['ratio']:.2f}, {before[key]:.2f} before"
        for row in rows
        if (key := (row["row"], row["threads"])) in before and row["ratio"] < before[key] * (1 - tolerance)
    ]


def _measured(
    rows: list[str], threads: list[int], arguments: argparse.Namespace, peaks: dict[str, dict[str, float]]
) -> list[dict[str, Any]]:
    print(speed_tables.ROW_TITLES)
    found = []
    for name in rows:
        for count in threads:
            case = Case(name, count)
            found.append(measure(case, arguments.rounds, arguments.block_seconds, peaks[str(count)]["fma"]))
            print(speed_tables.row_line(found[-1]), flush=True)
    print(speed_tables.quiet_line(found))
    if len(threads) > 1:
        print(speed_tables.scaling_table(found))
    return found


def _compared(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> int:
    stored = json.loads(arguments.against.read_text())["rows"]
    names = {(row["row"], row["threads"]) for row in stored}
    for row in rows:
        if (row["row"], row["threads"]) not in names:
            print(f"{row['row']}, {row['threads']} threads: not in {arguments.against}")
    slower = fallen(rows, stored, arguments.tolerance)
    for complaint in slower:
        print(complaint)
    return int(bool(slower))


def _default_rows(arguments: argparse.Namespace) -> list[str]:
    if arguments.sweep_batch:
        return [f"{SWEPT_NET}:{batch}" for batch in arguments.sweep_batch]
    return list(START_ROWS if arguments.cold_start or arguments.memory else DEFAULT_ROWS)


def _torch_version() -> str:
    from importlib.metadata import version

    return version("torch")


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0], epilog=f"Rows by default: {' '.join(DEFAULT_ROWS)}"
    )
    parser.add_argument("rows", nargs="*", metavar="NET:BATCH[:inference]")
    parser.add_argument("--threads", type=int, default=available_cores(), help="of both sides (default: all cores)")
    parser.add_argument("--sweep-threads", type=_numbers, metavar="N,...", help="each row at each of these")
    parser.add_argument(
        "--sweep-batch",
        type=_numbers,
        nargs="?",
        const=_numbers(SWEPT_BATCHES),
        metavar="N,...",
        help=f"train LeNet with each of these batches (default: {SWEPT_BATCHES})",
    )
    parser.add_argument("--rounds", type=int, default=7, help="of a block of each side (default: %(default)s)")
    parser.add_argument("--block-seconds", type=float, default=1.0, help="length of a block (default: %(default)s)")
    parser.add_argument("--layers", action="store_true", help="instead of rows, where the time goes in each")
    parser.add_argument("--iterations", type=int, default=10, help="of each layer (default: %(default)s)")
    parser.add_argument("--cold-start", action="store_true", help="seconds to the end of the first iteration")
    parser.add_argument("--memory", action="store_true", help="the most memory that training takes")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write everything there")
    parser.add_argument("--against", type=Path, metavar="STORED", help="what --json has written before")
    parser.add_argument(
        "--tolerance", type=float, default=0.1, help="part of a stored ratio that may be lost (default: %(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
