"""NC400 to NC449: the solver's settings."""

from __future__ import annotations

from netcli.catalogue.entry import SOLVER, TRAINABLE, Entry, Example, solver


def _with(fields: str, *without: str) -> Example:
    text = SOLVER
    for field in without:
        assert field in text
        text = text.replace(field, "")
    return solver(text + fields + "\n", TRAINABLE)


ENTRIES: dict[str, Entry] = {
    "NC400": Entry(
        "unknown solver type",
        "The type names the rule of the update.",
        "Take one that is listed.",
        _with('type: "Adma"'),
    ),
    "NC401": Entry(
        "no learning rate",
        "base_lr and lr_policy are needed.",
        'Add them; lr_policy: "fixed" keeps base_lr for ever.',
        _with("", 'lr_policy: "fixed"'),
    ),
    "NC402": Entry(
        "unknown lr_policy",
        "The policy says how the learning rate changes.",
        "Take one that is listed.",
        _with('lr_policy: "stepp"', 'lr_policy: "fixed"'),
    ),
    "NC403": Entry(
        "a field that the lr_policy needs is missing",
        "Each policy has its own fields.",
        "Add what is named.",
        _with('lr_policy: "step" gamma: 0.1', 'lr_policy: "fixed"'),
    ),
    "NC404": Entry(
        "a field of the learning rate is out of range",
        "With this value the rate would be no number, or never what was meant.",
        "Choose a value in the range that is named.",
        _with('lr_policy: "step" gamma: 0.1 stepsize: 0', 'lr_policy: "fixed"'),
    ),
    "NC405": Entry(
        "no max_iter",
        "A run needs an end.",
        "Add max_iter, or call train with --max-iter or --epochs.",
        _with("", "max_iter: 2"),
    ),
    "NC406": Entry(
        "a momentum that the solver type does not have",
        "AdaGrad and RMSProp have none; Caffe stops at it too.",
        "Remove it, or take another type.",
        _with('type: "AdaGrad" momentum: 0.9'),
    ),
    "NC407": Entry(
        "a solver field is out of range",
        "The value is one that no run can have.",
        "Choose a value in the range that is named.",
        _with("iter_size: 0"),
    ),
    "NC408": Entry(
        "tests that would never run",
        "test_iter says how long a test is, test_interval how often there is one; one without the other does nothing.",
        "Give both, or none.",
        _with("test_interval: 1"),
    ),
    "NC409": Entry(
        "unknown regularization_type",
        "Weights decay by their value (L2) or their sign (L1).",
        'Write "L1" or "L2".',
        _with('regularization_type: "l2"'),
    ),
    "NC410": Entry(
        "training diverged",
        "The loss is no number, infinite, stuck at 87.3365 or exploding; nothing can be learned after it.",
        "Lower base_lr, clip the gradients, or look at the data; the table shows where it began.",
        Example(
            {
                "solver.prototxt": SOLVER.replace("base_lr: 0.1", "base_lr: 1e20").replace(
                    "max_iter: 2", "max_iter: 9"
                ),
                "net.prototxt": TRAINABLE.replace("SoftmaxWithLoss", "EuclideanLoss")
                .replace("num_output: 4", "num_output: 1")
                .replace('type: "constant" }', 'type: "constant" value: 1 }'),
            },
            "train solver.prototxt --out run",
        ),
    ),
    "NC411": Entry(
        "a solver field without effect",
        "solver_mode and device_id are not read: --device says where to compute.",
        "Nothing must be done.",
        _with("solver_mode: GPU"),
    ),
}
