"""RNN, LSTM and LSTMUnit from their equations, one stream and one step at a time, in the state zero at first."""

from __future__ import annotations

import numpy as np

from netcli.schema import caffe_pb2 as pb

Arrays = list[np.ndarray]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _unit(before: np.ndarray, gates: np.ndarray, cont: float) -> tuple[np.ndarray, np.ndarray]:
    """The next (c, h) of one stream."""
    i, f, o, g = np.split(gates, 4)
    c = cont * _sigmoid(f) * before + _sigmoid(i) * np.tanh(g)
    return c, _sigmoid(o) * np.tanh(c)


def lstm_unit(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    before, gates, cont = (bottom[0] for bottom in bottoms)
    streams = [_unit(*of_stream) for of_stream in zip(before, gates, cont, strict=True)]
    return [np.array([[c for c, _ in streams]]), np.array([[h for _, h in streams]])]


def _static_part(param: pb.LayerParameter, bottoms: Arrays, params: Arrays, states: int) -> tuple[np.ndarray, Arrays]:
    """What the static input adds for each stream, and the parameters without its weights."""
    exposed = states if param.recurrent_param.expose_hidden else 0
    if len(bottoms) == 2 + exposed:
        return np.zeros((bottoms[0].shape[1], 1)), params
    static = bottoms[2].reshape(bottoms[2].shape[0], -1)
    return static @ params[2].T, params[:2] + params[3:]


def lstm(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    x, cont = bottoms[:2]
    static, (w_x, b, w_h) = _static_part(param, bottoms, params, states=2)
    exposed = param.recurrent_param.expose_hidden
    units = w_h.shape[1]
    y, last_c = np.empty((*x.shape[:2], units)), np.empty((x.shape[1], units))
    for n in range(x.shape[1]):
        h, c = (bottoms[-2][0, n], bottoms[-1][0, n]) if exposed else (np.zeros(units), np.zeros(units))
        for t in range(x.shape[0]):
            gates = w_x @ x[t, n].reshape(-1) + b + static[n] + w_h @ (cont[t, n] * h)
            c, h = _unit(c, gates, cont[t, n])
            y[t, n] = h
        last_c[n] = c
    return [y, y[-1:], last_c[None]] if exposed else [y]


def rnn(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    x, cont = bottoms[:2]
    static, (w_x, b, w_h, w_o, b_o) = _static_part(param, bottoms, params, states=1)
    exposed = param.recurrent_param.expose_hidden
    units = w_h.shape[1]
    y, last_h = np.empty((*x.shape[:2], units)), np.empty((x.shape[1], units))
    for n in range(x.shape[1]):
        h = bottoms[-1][0, n] if exposed else np.zeros(units)
        for t in range(x.shape[0]):
            h = np.tanh(w_x @ x[t, n].reshape(-1) + b + static[n] + w_h @ (cont[t, n] * h))
            y[t, n] = np.tanh(w_o @ h + b_o)
        last_h[n] = h
    return [y, last_h[None]] if exposed else [y]
