"""Reshape: gives the values another shape.

    y = x, in C order

x: any shape -> y: x's shape with the ``num_axes`` axes from ``axis`` on (-1: all the rest; 0: none, axes are put in)
replaced by ``shape``, in which 0 keeps the size that the bottom has at that place, and one -1 becomes what is left.
A negative ``axis`` counts places between axes from the end: -1 is behind the last one.
Source: Caffe's reshape_layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from netcli.layers.rearrange.same_values import SameValues
from netcli.layers.registry import register
from netcli.runtime.blob import Shape

_FIELD = "reshape_param"


@register("Reshape", param="reshape_param")
class Reshape(SameValues):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> another shape with as many values.

        Raises:
            ConfigError: NC121 for a shape that the values do not fill, NC123 for axes out of range, NC126 for
                more than one -1.
        """
        shape = bottom_shapes[0]
        start, end = self._replaced(len(shape))
        before, after = shape[:start], shape[end:]
        wanted = self._explicit_sizes(shape, start)
        if -1 in wanted:
            known = math.prod(before) * math.prod(after) * math.prod(size for size in wanted if size != -1)
            wanted[wanted.index(-1)] = self._left_over(shape, known)
        top = (*before, *wanted, *after)
        if math.prod(top) != math.prod(shape):
            raise self.error(
                "NC121",
                "the new shape must hold as many values as the bottom",
                _FIELD,
                "shape",
                expected=f"{math.prod(shape)} values as in {shape}",
                actual=f"{math.prod(top)} in {top}",
            )
        return [top]

    def _replaced(self, axes: int) -> tuple[int, int]:
        """The axes that the new shape stands for: from the first to before the second."""
        settings = self.param.reshape_param
        start = settings.axis if settings.axis >= 0 else axes + settings.axis + 1
        if not 0 <= start <= axes:
            raise self.error(
                "NC123", "axis out of range", _FIELD, "axis", expected=f"{-axes - 1} to {axes}", actual=settings.axis
            )
        if not -1 <= settings.num_axes <= axes - start:
            raise self.error(
                "NC123",
                "num_axes is out of range",
                _FIELD,
                "num_axes",
                expected=f"-1 to {axes - start} from axis {start} on",
                actual=settings.num_axes,
            )
        return start, axes if settings.num_axes == -1 else start + settings.num_axes

    def _explicit_sizes(self, shape: Shape, start: int) -> list[int]:
        """The sizes in the message, with zeros replaced by the bottom's; -1 stays."""
        sizes = list(self.param.reshape_param.shape.dim)
        for index, size in enumerate(sizes):
            where = (_FIELD, "shape", "dim", index)
            if size == 0:
                if start + index >= len(shape):
                    raise self.error(
                        "NC121",
                        "dim: 0 keeps an axis that the bottom does not have",
                        *where,
                        expected=f"0 only for axes below {len(shape)}",
                        actual=f"axis {start + index}",
                    )
                sizes[index] = shape[start + index]
            elif size == -1 and -1 in sizes[:index]:
                raise self.error("NC126", "only one dim may be -1", *where)
            elif size < -1:
                raise self.error("NC121", "a dimension is out of range", *where, expected="-1 or more", actual=size)
        return sizes

    def _left_over(self, shape: Shape, known: int) -> int:
        count = math.prod(shape)
        if known == 0 or count % known:
            raise self.error(
                "NC121",
                "the other dimensions do not divide the number of values, so -1 has no size",
                _FIELD,
                "shape",
                expected=f"a divisor of {count}, the values in {shape}",
                actual=known,
            )
        return count // known
