"""NC534 to NC538: several processes that train one net."""

from __future__ import annotations

from netcli.catalogue.entry import Entry, python

_LSTM = """layer { name: "data" type: "Input" top: "data" top: "cont" input_param {
        shape { dim: 4 dim: 1 dim: 3 } shape { dim: 4 dim: 1 } } }
layer { name: "lstm" type: "LSTM" bottom: "data" bottom: "cont" top: "lstm" recurrent_param { num_output: 2 } }
"""

ENTRIES: dict[str, Entry] = {
    "NC534": Entry(
        "launcher and MPI do not belong together",
        "The launcher has started several processes, but each of them finds itself alone: it is of another MPI than "
        "the one that mpi4py uses.",
        "Start with the mpiexec of the MPI that mpi4py finds; with the extra mpi it lies beside netcli.",
        python("from netcli.distributed.world import check_launch\ncheck_launch(4, 1, 'MPICH Version: 5.0.2')\n"),
    ),
    "NC535": Entry(
        "no MPI for the processes of a launcher",
        "Training by several processes needs mpi4py and an MPI.",
        "pip install 'netcli[mpi]', or load the MPI module of the cluster.",
        python(
            "from netcli.distributed.world import no_mpi\nraise no_mpi(ImportError(\"No module named 'mpi4py'\"))\n"
        ),
    ),
    "NC536": Entry(
        "the ranks have drifted apart",
        "All ranks make the same updates, so their parameters must stay the same; a checksum at each display tells "
        "that they have not.",
        "Use machines of one kind and one version of netcli on all of them; go on with --resume auto.",
        python("from netcli.distributed.agreement import check_same_checksum\ncheck_same_checksum(100, [7, 7, 8])\n"),
    ),
    "NC537": Entry(
        "a batch that cannot be divided",
        "The layer needs the whole batch: a part of it would be something else, such as a part of a sequence.",
        "--scaling weak gives every rank whole batches.",
        python(
            "import numpy as np\n"
            "from netcli.distributed.batch_division import divide\n"
            "from netcli.prototxt import NetSource\n"
            f"divide(NetSource.from_text({_LSTM!r}), 0, 2, 'strong', np.sum)\n"
        ),
    ),
    "NC538": Entry(
        "the ranks do not train the same net",
        "Their parameters differ in number or shape.",
        "Give all machines the same prototxt; a parameter whose shape depends on the batch size cannot be shared.",
        python(
            "from netcli.distributed.agreement import check_same_parameters\n"
            "check_same_parameters([[('ip', 0, (10, 4))], [('ip', 0, (10, 5))]])\n"
        ),
    ),
}
