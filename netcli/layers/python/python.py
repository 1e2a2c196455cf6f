"""Python: a layer that is a class of a user's module, written against pycaffe's ``caffe.Layer``.

    python_param { module: "pyloss" layer: "EuclideanLossLayer" param_str: "{'margin': 1}" }

Any bottoms -> any tops, of the shapes that the class gives them. ``module`` is looked for on ``sys.path``, then in
the working directory, then in the prototxt's own folder. It is loaded only in a net that runs: where a net is merely
planned, as by ``check`` and ``show``, the tops' shapes are not known. ``share_in_parallel`` has no effect: there is
one solver. A top counts as a loss only where ``loss_weight`` says so. Parameters: what ``setup``
adds to ``self.blobs``.
Source: Caffe's python_layer and pycaffe.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netcli.errors import RunError
from netcli.layers.layer import Layer, ParameterDeclaration, ShapesKnownAtRunTime
from netcli.layers.python import interface
from netcli.layers.python.blobs import Blob, BlobVec, keep_live
from netcli.layers.python.user_code import NotFound, load_class, place_of
from netcli.layers.registry import register
from netcli.runtime import blob as core
from netcli.runtime.blob import Shape
from netcli.schema import caffe_pb2 as pb


@register("Python", param="python_param", bottoms=(0, None), tops=(0, None), in_place=True)
class Python(Layer):
    """
    Attributes:
        user_layer: the object of the user's class, once ``setup`` has made it.
    """

    user_layer: interface.Layer | None = None

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """Bottoms' shapes -> what the user's ``setup`` and ``reshape`` make of them.

        Raises:
            ConfigError: NC120 without module or layer.
            ShapesKnownAtRunTime: the net is only planned.
            RunError: NC540 no such module, class or method; NC541 the user's code has raised an exception.
        """
        for field in ("module", "layer"):
            if not getattr(self.param.python_param, field):
                raise self.error("NC120", f"{field} is missing", "python_param")
        if not self.context.load_user_code:
            raise ShapesKnownAtRunTime
        if self.user_layer is None:
            self._make_blobs(bottom_shapes)
            self.user_layer = self._make_user_layer()
            self._call("setup", self._bottoms, self._tops)
        for bottom, shape in zip(self._bottoms, bottom_shapes, strict=True):
            bottom.reshape(*shape)
        self._call("reshape", self._bottoms, self._tops)
        self.declarations = [
            ParameterDeclaration(face.shape, pb.FillerParameter(), blob=face.blob) for face in self.user_layer.blobs
        ]
        return [top.shape for top in self._tops]

    def forward(self, bottoms: Sequence[core.Blob], tops: Sequence[core.Blob]) -> None:
        """The user's ``reshape``, as Caffe has it before every pass, then ``forward``. Raises RunError as ``setup``."""
        self._show(bottoms, tops)
        self._call("reshape", self._bottoms, self._tops)
        self._call("forward", self._bottoms, self._tops)

    def backward(self, tops: Sequence[core.Blob], propagate_down: Sequence[bool], bottoms: Sequence[core.Blob]) -> None:
        """The user's ``backward``. Raises RunError as ``setup``."""
        self._show(bottoms, tops)
        self._call("backward", self._tops, list(propagate_down), self._bottoms)

    def averages_batch(self, top: int) -> bool:
        """What the user's code computes is not known; a single number is taken for a mean, as Caffe's losses are."""
        return self._tops[top].count == 1

    def _make_blobs(self, bottom_shapes: Sequence[Shape]) -> None:
        """Blobs for the user's ``setup``. The net takes the tops over; the bottoms give way to those of the net."""
        dtype, names = self.context.dtype, list(self.param.bottom)
        bottoms = [core.Blob(shape, dtype, name) for name, shape in zip(names, bottom_shapes, strict=True)]
        made = {name: core.Blob((), dtype, name) for name in self.param.top if name not in names}
        self.made_tops = list(made.values())
        self._bottoms = [Blob(blob) for blob in bottoms]
        self._tops = [Blob(made[name] if name in made else bottoms[names.index(name)]) for name in self.param.top]

    def _make_user_layer(self) -> interface.Layer:
        settings = self.param.python_param
        try:
            layer = load_class(settings.module, settings.layer, self._folders())(self.param)
        except NotFound as error:
            raise self.run_error("NC540", str(error), hint=error.hint) from None
        except Exception as error:
            raise self._failed("", error) from error
        layer.name, layer.type = self.name, self.type_name
        layer.blobs = BlobVec(dtype=self.context.dtype)
        layer.param_str = layer.param_str_ = settings.param_str
        layer.phase = pb.TRAIN if self.training else pb.TEST
        return layer

    def _folders(self) -> list[Path]:
        """Where to look for the module besides ``sys.path``."""
        place = self.source.place()
        return [Path.cwd(), *([Path(place.file).absolute().parent] if place else [])]

    def _show(self, bottoms: Sequence[core.Blob], tops: Sequence[core.Blob]) -> None:
        """Lets the user's code see these blobs, in the arrays too that it has kept from before."""
        assert self.user_layer is not None, "setup comes first"
        faces = [*self._bottoms, *self._tops, *self.user_layer.blobs]
        for face, blob in zip(faces, [*bottoms, *tops, *self.params], strict=True):
            face.show(blob)
            keep_live(blob)

    def _call(self, method: str, *arguments: object) -> None:
        function = getattr(self.user_layer, method, None)
        if function is None:
            raise self.run_error("NC540", f"{self._class_name} has no method '{method}'")
        try:
            function(*arguments)
        except Exception as error:
            raise self._failed(method, error) from error

    def _failed(self, method: str, error: Exception) -> RunError:
        what = f"{method}() of {self._class_name}" if method else f"loading {self._class_name}"
        return self.run_error(
            "NC541",
            f"{what} failed at {place_of(error)}: {type(error).__name__}: {error}",
            hint="--debug shows the traceback",
        )

    @property
    def _class_name(self) -> str:
        return f"{self.param.python_param.module}.{self.param.python_param.layer}"
