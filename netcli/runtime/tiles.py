"""The register-tiled products that nearly all the arithmetic of a net goes through.

A tile is a small block of results that stays in vector registers while everything that belongs to it is summed up:

    multiply_tiles     y[p][r][lanes] = b[r] + sum over j of w[j][r] x[p][j][lanes]       two positions p, R outputs r
    correlate_rows     d[r][columns] += sum over items, lanes of x[item][r][lane] t[item][lane][columns]    R rows r
    correlate_lanes    d[r][k][lanes] += sum over items of x[item][r][lanes] dy[item][k][lanes]    R rows r, outputs k

In the first the weights are spread over a vector and the lanes are images: forward passes, data gradients and the
matrix products of Winograd's convolution. In the second the inputs are spread and the columns are outputs: weight
gradients, whose sum runs over the images. The third is for few outputs, which would leave most columns empty: it keeps
a sum for each lane, which are put together in the end. Where a row of x stands is read from a table, so that stride,
padding, dilation and groups cost nothing. All arrays are one-dimensional and C-ordered, of one floating type; starts
count their values.

multiply_tiles(height, weights, weight_start, weight_step, x, x_start, x_step, x_row_step, runs, starts, run_step,
pairs, first, last, most, bias, slopes, bends, bias_start, added, adds, y, y_start, y_step, row_step) does so for the
pairs ``first`` to ``last`` of tiles, from the table ``pairs`` of two numbers each, the second no larger than ``most``.
The tile t has its x ``t x_step`` behind x_start and its y ``t y_step`` behind y_start, ``height`` rows of LANES values,
``row_step`` apart. A pair's runs are ``runs[starts[pair run_step]:starts[pair run_step + 1]]``; a run (j, n, place 0,
place 1) multiplies n rows of x of LANES values, ``x_row_step`` apart, the first ``place`` values behind the tile's x,
by the weights from row j on; a place below 0 stands for zeros. weights: rows of ``height`` values, ``weight_step``
apart, from weight_start; bias: (height,) from bias_start, and so are slopes. In the end, if ``adds`` is 1 and not 0,
what stands in ``added`` where y does in its array is added, and then, if ``bends`` is, what is not above 0 is
multiplied by its row's slope. Tables are int32.

correlate_rows(rows, height, vectors, x, x_start, offsets, first, count, transposed, transposed_start, item_step,
row_step, out, out_start, out_step) adds to ``rows`` rows of ``out``, ``out_step`` apart, what ``count`` items of x and
``transposed`` give, in tiles of at most ``height``. Item i's rows of x stand ``offsets[first + i]`` rows of LANES
values behind x_start; below 0 it is left out. Its rows of ``transposed``, one a lane and ``row_step`` apart, stand
``i item_step`` values behind transposed_start. A row of out and of transposed has ``vectors`` vectors, 1 to
COLUMN_VECTORS.

correlate_lanes(rows, outputs, side, x, x_start, offsets, first, count, dy, dy_start, item_step, out, out_start,
out_step) adds to ``rows`` rows of ``out``, ``out_step`` apart, of ``outputs`` vectors each, in tiles of at most
``side`` on either side; x and its offsets as before. Item i's vectors of dy stand ``i item_step`` values behind
dy_start.

transpose_block(source, source_start, source_step, rows, target, target_start, target_step, columns) is target[j][k] =
source[k][j] for up to LANES rows k and columns j; steps lead from row to row. LANES values of each of the ``rows``
source rows are read, and LANES values of each of the ``columns`` target rows are written; beyond ``rows`` they repeat
the last.

Before a kernel uses the tiles of a type, ``prepare(dtype)`` must have been called; for the third,
``prepare_correlate_lanes(dtype)``.

They are emitted as vector code, and do many tiles in a call, since a call takes a third of the time of a small tile.
With the environment variable NETCLI_TILES=loops they are plain loops instead, which the tests compare with.
"""

from __future__ import annotations

from netcli.runtime.cpu import wants_plain_loops
from netcli.runtime.tile_shape import COLUMN_VECTORS, tile_height, tile_side

if wants_plain_loops():
    from netcli.runtime.tile_loops import (
        correlate_lanes,
        correlate_rows,
        multiply_tiles,
        prepare,
        prepare_correlate_lanes,
        transpose_block,
    )
else:
    from netcli.runtime.emitted_tiles import transpose_block
    from netcli.runtime.tile_calls import (
        correlate_lanes,
        correlate_rows,
        multiply_tiles,
        prepare,
        prepare_correlate_lanes,
    )

__all__ = [
    "COLUMN_VECTORS",
    "correlate_lanes",
    "correlate_rows",
    "multiply_tiles",
    "prepare",
    "prepare_correlate_lanes",
    "tile_height",
    "tile_side",
    "transpose_block",
]
