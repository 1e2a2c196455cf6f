"""The options of ``netcli train``, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

RESUME_AUTO = "auto"


@dataclass(frozen=True)
class TrainingOptions:
    """What the command line asks for; see ``netcli train --help``.

    Attributes:
        assignments: ``--set``.
        seed, threads: None for the solver's own seed and for all cores.
        out: the run folder; None for a numbered one.
        log_format: "netcli" or "caffe"; tensorboard: the folder for event files.
        skip_bad: items that cannot be read are passed over and named at the end, and are no errors.
        scaling: what batch_size means under a launcher: the batch of all ranks ("strong") or of each ("weak").
        sync_batchnorm: BatchNorm normalises by the statistics of the batch of all ranks.
        verbosity: -1 quiet, 0 normal, 1 detailed.
    """

    assignments: tuple[tuple[str, str], ...] = ()
    weights: str | None = None
    strict: bool = False
    skip_mismatch: bool = False
    rename: tuple[tuple[str, str], ...] = ()
    freeze: tuple[str, ...] = ()
    resume: str | None = None
    force: bool = False
    max_iter: int | None = None
    epochs: float | None = None
    keep_last: int | None = None
    save_best: str | None = None
    patience: int | None = None
    on_nan: str = "stop"
    sigint_effect: str = "stop"
    sighup_effect: str = "snapshot"
    seed: int | None = None
    threads: int | None = None
    device: str = "cpu"
    out: Path | None = None
    plain: bool = False
    log_format: str = "netcli"
    tensorboard: Path | None = None
    skip_bad: bool = False
    scaling: str = "strong"
    sync_batchnorm: bool = False
    verbosity: int = 0

    @property
    def all_assignments(self) -> tuple[tuple[str, str], ...]:
        """``--set`` with ``--max-iter`` and ``--weights``, which are short for it."""
        more = [] if self.max_iter is None else [("max_iter", str(self.max_iter))]
        more += [("weights", name) for name in (self.weights or "").split(",") if name]
        return (*self.assignments, *more)
