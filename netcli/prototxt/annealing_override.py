"""The solver's word on lambda: its fields ``lambda_*`` replace those of every margin layer of its nets.

So lambda can be changed where the rest of the schedule stands, and from the command line: ``--set lambda_min=10``.
"""

from __future__ import annotations

from netcli.schema import caffe_pb2 as pb

OVERRIDES = {
    "lambda_base": "base",
    "lambda_gamma": "gamma",
    "lambda_power": "power",
    "lambda_min": "lambda_min",
    "lambda_iteration": "iteration",
}
"""field of the solver -> field of a margin layer's settings"""

_SETTINGS = {
    "MarginInnerProduct": "margin_inner_product_param",
    "LargeMarginInnerProduct": "largemargin_inner_product_param",
    "AngularMargin": "angular_margin_param",
}


def override_annealing(net: pb.NetParameter, solver: pb.SolverParameter) -> None:
    """Puts what ``solver`` says of lambda into the margin layers of ``net``."""
    given = {own: getattr(solver, field) for field, own in OVERRIDES.items() if solver.HasField(field)}
    for layer in net.layer if given else ():
        if layer.type in _SETTINGS:
            settings = getattr(layer, _SETTINGS[layer.type])
            for own, value in given.items():
                setattr(settings, own, value)
