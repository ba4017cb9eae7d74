"""Recurrent networks: one step, taken for each element of a sequence, that hands a state on to the next.

A layer's whole sequence is a single operation, its backward pass backpropagation through time. What does not wait for
the state stands outside of the loop over time: the products with the inputs before it, the gradients of the weights
after it.
"""

import math

import numpy as np

from nnlib import functional as F
from nnlib import init
from nnlib.checks import check_sizes, fraction, one_of
from nnlib.functional import _floating, _rows, _sum_rows
from nnlib.layers import empty
from nnlib.module import Module, Parameter
from nnlib.tensor import as_tensor, record, record_jointly

# One layer over a sequence


def rnn(input, h_0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, nonlinearity="tanh"):
    """Return the states h_t = f(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh), where f is tanh or ReLU, and the last of them.

    Gradients, with δ_t = f′ ⊙ (d_t + W_hhᵀ δ_{t+1}) from the last step to the first: dx_t = W_ihᵀ δ_t,
    dW_ih = Σ δ_t x_tᵀ, dW_hh = Σ δ_t h_{t−1}ᵀ, db = Σ δ_t. Source: Elman (1990), Werbos (1990).

    Args:
        input: x, shape (L, N, I): L steps of N sequences.
        h_0: the state to start from, shape (N, H).
        weight_ih: W_ih, shape (H, I).
        weight_hh: W_hh, shape (H, H).
        bias_ih, bias_hh: b_ih and b_hh, shape (H,), or ``None``.
        nonlinearity: f, ``"tanh"`` or ``"relu"``.

    Returns:
        h, shape (L, N, H), and h_L, shape (N, H).

    Raises:
        ValueError: if the shapes do not fit, there is no step, or for another ``nonlinearity``.
    """
    one_of("rnn: nonlinearity", nonlinearity, "tanh", "relu")
    operands = x, h_0, w, u, b_x, b_h = _operands("rnn", 1, input, (h_0,), weight_ih, weight_hh, bias_ih, bias_hh)
    z = _over_time(x.data, w.data, b_x.data + b_h.data)
    recurrent = np.ascontiguousarray(u.data.T)
    h = np.empty((len(z) + 1, *h_0.shape), z.dtype)  # h_0 … h_L
    h[0] = h_0.data
    for t in range(len(z)):
        z[t] += h[t].dot(recurrent)
        h[t + 1] = np.tanh(z[t]) if nonlinearity == "tanh" else np.maximum(z[t], 0)

    def backward(d):
        delta = 1 - h[1:] * h[1:] if nonlinearity == "tanh" else (h[1:] > 0).astype(z.dtype)
        dh = np.zeros_like(h[0])
        for t in reversed(range(len(z))):
            delta[t] *= dh + d[t]
            dh = delta[t].dot(u.data)
        return _gradients(x, w, h, delta, delta, dh)

    output = record_jointly(h[1:], operands, backward)
    return output, output[-1]


def lstm(input, h_0, c_0, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
    """Return the states h_t = o ⊙ tanh c_t with c_t = f ⊙ c_{t−1} + i ⊙ g, and the last h and c.

    The gates are i, f, o = σ(z), g = tanh(z), each from its own rows of z = W_ih x_t + b_ih + W_hh h_{t−1} + b_hh; the
    order of the rows is i, f, g, o. As σ(z) = (1 + tanh(z/2))/2, one tanh gives all four.

    Gradients, from the last step to the first: dh = d_t + W_hhᵀ δ_{t+1} and
    dc = f_{t+1} ⊙ dc_{t+1} + dh ⊙ o ⊙ (1 − tanh² c_t) give δ_t = (dc ⊙ g i(1 − i), dc ⊙ c_{t−1} f(1 − f),
    dc ⊙ i(1 − g²), dh ⊙ tanh(c_t) o(1 − o)); those of the weights then are as in :func:`.rnn`. Source: Hochreiter and
    Schmidhuber (1997), Gers et al. (2000).

    Args:
        input: x, shape (L, N, I): L steps of N sequences.
        h_0, c_0: the states to start from, shape (N, H).
        weight_ih: W_ih, shape (4H, I).
        weight_hh: W_hh, shape (4H, H).
        bias_ih, bias_hh: b_ih and b_hh, shape (4H,), or ``None``.

    Returns:
        h, shape (L, N, H), h_L and c_L, shape (N, H).

    Raises:
        ValueError: if the shapes do not fit, or there is no step.
    """
    operands = x, h_0, c_0, w, u, b_x, b_h = _operands(
        "lstm", 4, input, (h_0, c_0), weight_ih, weight_hh, bias_ih, bias_hh
    )
    size = h_0.shape[1]
    half = np.repeat([0.5, 0.5, 1, 0.5], size).astype(x.dtype)
    gates = _over_time(x.data, w.data * half[:, None], (b_x.data + b_h.data) * half)  # (L, N, 4H)
    steps = len(gates)
    recurrent = np.ascontiguousarray((u.data * half[:, None]).T)
    half = np.tile(half, (len(h_0), 1))  # in full: faster than broadcasting at every step
    rest, is_sigmoid, is_tanh = 1 - half, 2 - 2 * half, 2 * half - 1
    i, f, g, o = _by_gate(gates, 4)
    h = np.empty((steps + 2, *h_0.shape), gates.dtype)  # h_0 … h_L, and c_L behind them
    c = np.empty((steps + 1, *h_0.shape), gates.dtype)  # c_0 … c_L
    tanh_c = np.empty_like(c[1:])
    h[0], c[0] = h_0.data, c_0.data
    for t in range(steps):
        gate = gates[t]
        gate += h[t].dot(recurrent)
        np.tanh(gate, out=gate)
        gate *= half
        gate += rest
        np.add(f[t] * c[t], i[t] * g[t], out=c[t + 1])
        np.tanh(c[t + 1], out=tanh_c[t])
        np.multiply(o[t], tanh_c[t], out=h[t + 1])
    h[-1] = c[-1]

    def backward(d):
        delta = np.empty_like(gates)
        d_i, d_f, d_g, d_o = _by_gate(delta, 4)
        h_by_c = o * (1 - tanh_c * tanh_c)
        dh, dc = np.zeros_like(h[0]), d[-1]
        for t in reversed(range(steps)):
            dh += d[t]
            dc = dc + dh * h_by_c[t]
            np.multiply(dc, g[t], out=d_i[t])
            np.multiply(dc, c[t], out=d_f[t])
            np.multiply(dc, i[t], out=d_g[t])
            np.multiply(dh, tanh_c[t], out=d_o[t])
            slope = is_sigmoid - gates[t]  # σ′ = σ(1 − σ), tanh′ = 1 − tanh²
            slope *= gates[t]
            slope += is_tanh
            delta_t = delta[t]
            delta_t *= slope
            dh = delta_t.dot(u.data)
            dc = dc * f[t]
        return _gradients(x, w, h, delta, delta, dh, dc)

    states = record_jointly(h[1:], operands, backward)
    return states[:-1], states[-2], states[-1]


def gru(input, h_0, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
    """Return the states h_t = (1 − z) ⊙ n + z ⊙ h_{t−1}, and the last of them.

    The gates are r, z = σ(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh), and the proposal is
    n = tanh(W_ih x_t + b_ih + r ⊙ (W_hh h_{t−1} + b_hh)), each from its own rows; the order of the rows is r, z, n.

    Gradients, from last step to first: dh = d_t + z_{t+1} ⊙ dh_{t+1} + W_hhᵀ δ_{t+1} and ν = dh ⊙ (1 − z)(1 − n²)
    give δ_t = (ν ⊙ (W_hh h_{t−1} + b_hh) r(1 − r), dh ⊙ (h_{t−1} − n) z(1 − z), ν ⊙ r); towards the input the last is
    ν alone. Those of the weights then are as in :func:`.rnn`. Source: Cho et al. (2014), where r multiplies the state
    before W_hh does, not after it as here and in PyTorch.

    Args:
        input: x, shape (L, N, I): L steps of N sequences.
        h_0: the state to start from, shape (N, H).
        weight_ih: W_ih, shape (3H, I).
        weight_hh: W_hh, shape (3H, H).
        bias_ih, bias_hh: b_ih and b_hh, shape (3H,), or ``None``.

    Returns:
        h, shape (L, N, H), and h_L, shape (N, H).

    Raises:
        ValueError: if the shapes do not fit, or there is no step.
    """
    operands = x, h_0, w, u, b_x, b_h = _operands("gru", 3, input, (h_0,), weight_ih, weight_hh, bias_ih, bias_hh)
    size = h_0.shape[1]
    gates = _over_time(x.data, w.data, b_x.data)  # (L, N, 3H)
    steps = len(gates)
    r, z, n = _by_gate(gates, 3)
    recurrent = np.ascontiguousarray(u.data.T)
    recalled = np.empty(n.shape, n.dtype)  # W_hh h_{t−1} + b_hh of the proposal
    h = np.empty((steps + 1, *h_0.shape), gates.dtype)  # h_0 … h_L
    h[0] = h_0.data
    for t in range(steps):
        from_state = h[t].dot(recurrent)
        from_state += b_h.data
        recalled[t] = from_state[:, 2 * size :]
        both = gates[t, :, : 2 * size]  # r and z, as σ(z) = (1 + tanh(z/2))/2
        both += from_state[:, : 2 * size]
        both *= 0.5
        np.tanh(both, out=both)
        both *= 0.5
        both += 0.5
        n[t] += r[t] * recalled[t]
        np.tanh(n[t], out=n[t])
        h[t + 1] = n[t] + z[t] * (h[t] - n[t])

    def backward(d):
        nu = (1 - z) * (1 - n * n)
        delta = np.concatenate([nu * recalled * r * (1 - r), (h[:-1] - n) * z * (1 - z), nu * r], axis=2)
        by_gate = delta.reshape(steps, len(h_0), 3, size)
        dh = np.zeros_like(h[0])
        for t in reversed(range(steps)):
            dh = dh + d[t]
            by_gate[t] *= dh[:, None]
            nu[t] *= dh
            dh = dh * z[t] + delta[t].dot(u.data)
        from_input = np.concatenate([delta[..., : 2 * size], nu], axis=2)
        return _gradients(x, w, h, from_input, delta, dh)

    output = record_jointly(h[1:], operands, backward)
    return output, output[-1]


def _operands(name, gates, input, states, weight_ih, weight_hh, bias_ih, bias_hh):
    """Return all of them as tensors, biases that are ``None`` as constants 0, after checking their shapes."""
    x, w, u = _floating(input), as_tensor(weight_ih), as_tensor(weight_hh)
    if x.ndim != 3 or not len(x):
        raise ValueError(f"{name}: input must have shape (L, N, I) with L ≥ 1, got {x.shape}")
    if u.ndim != 2 or u.shape[0] != gates * u.shape[1]:
        raise ValueError(f"{name}: weight_hh must have shape ({gates} · H, H), got {u.shape}")
    rows, size = u.shape
    zeros = np.zeros(rows, x.dtype)
    biases = [as_tensor(zeros if bias is None else bias) for bias in (bias_ih, bias_hh)]
    states = [as_tensor(state) for state in states]
    expected = [(rows, x.shape[2]), (rows,), (rows,), *[(x.shape[1], size)] * len(states)]
    names = ["weight_ih", "bias_ih", "bias_hh", "h_0", "c_0"]
    for what, tensor, shape in zip(names, [w, *biases, *states], expected, strict=False):
        if tensor.shape != shape:
            raise ValueError(f"{name}: {what} must have shape {shape}, got {tensor.shape}")
    return x, *states, w, u, *biases


def _over_time(x, w, b):
    """Return what the inputs contribute, W x_t + b for each step, shape (L, N, rows of W)."""
    sums = x @ np.ascontiguousarray(w.T)
    sums += b
    return sums


def _by_gate(array, gates):
    """Return, for each gate, its part of the last dimension."""
    steps, n, rows = array.shape
    return array.reshape(steps, n, gates, rows // gates).transpose(2, 0, 1, 3)


def _gradients(x, w, h, from_input, from_state, *states):
    """Return the gradients of all operands.

    ``from_input`` and ``from_state`` are those of the sums over W_ih x_t + b_ih and over W_hh h_{t−1} + b_hh, for all
    steps; ``states`` those of the states before the first.
    """
    d_x, d_h = _rows(from_input), _rows(from_state)
    d_b = _sum_rows(d_x)
    return [
        from_input @ w.data if x.requires_grad else None,
        *states,
        d_x.T.dot(_rows(x.data)),
        d_h.T.dot(_rows(h[: len(from_state)])),
        d_b,
        d_b if from_state is from_input else _sum_rows(d_h),
    ]


def _stack(tensors, dim):
    """Return tensors of one shape side by side along a new dimension."""
    stacked = np.stack([t.data for t in tensors], axis=dim)
    return record(stacked, *[(t, lambda d, i=i: d.take(i, axis=dim)) for i, t in enumerate(tensors)])


def _flip(tensor):
    """Return the steps of a sequence from the last to the first."""
    return record(tensor.data[::-1], (tensor, lambda d: d[::-1]))


# The modules


class _Recurrent(Module):
    """What RNN, LSTM and GRU share: layers, directions, and the shapes that go in and come out."""

    gates = 1  # the rows of a weight, in units of hidden_size
    states = 1  # how many a step hands to the next

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False
    ):
        name = type(self).__name__
        check_sizes(name, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        fraction(f"{name}: dropout", dropout)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        rows, bound = {f"{self.gates} · hidden_size": self.gates * hidden_size}, 1 / math.sqrt(hidden_size)
        for layer in range(num_layers):
            inputs = {"inputs": input_size if layer == 0 else hidden_size * len(self._directions())}
            shapes = {"weight_ih": rows | inputs, "weight_hh": rows | {"hidden_size": hidden_size}}
            if bias:
                shapes |= {"bias_ih": rows, "bias_hh": rows}
            for direction in self._directions():
                for kind, shape in shapes.items():
                    parameter = init.uniform_(Parameter(empty(name, **shape)), -bound, bound)
                    setattr(self, f"{kind}_l{layer}{direction}", parameter)

    def _directions(self):
        return ("", "_reverse") if self.bidirectional else ("",)

    def _run(self, input, states):
        """Return the output (L, N, D · H) and the last states (K · D, N, H), from those before the first step."""
        finals = []
        for layer in range(self.num_layers):
            if layer:
                input = F.dropout(input, self.dropout, self.training)
            outputs = []
            for direction in self._directions():
                kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                parameters = [getattr(self, f"{kind}_l{layer}{direction}", None) for kind in kinds]
                before = [state[len(finals)] for state in states]
                output, *last = self._step(_flip(input) if direction else input, *before, *parameters)
                outputs.append(_flip(output) if direction else output)
                finals.append(last)
            input = outputs[0]
            if self.bidirectional:
                input = _stack(outputs, 2).reshape(*input.shape[:2], 2 * self.hidden_size)
        return input, [_stack(last, 0) for last in zip(*finals, strict=True)]

    def forward(self, input, hx=None):
        x, name = _floating(input), type(self).__name__
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            batch = "(N, L, {0}) or (L, {0})" if self.batch_first else "(L, N, {0}) or (L, {0})"
            raise ValueError(f"{name}: input must have shape {batch.format(self.input_size)}, got {x.shape}")
        single = x.ndim == 2
        if single:
            x = x.reshape(len(x), 1, self.input_size)
        elif self.batch_first:
            x = x.transpose(0, 1)
        shape = (self.num_layers * len(self._directions()), x.shape[1], self.hidden_size)
        given = shape[::2] if single else shape
        states = hx if self.states > 1 else (hx,)
        if hx is None:
            states = [np.zeros(given)] * self.states
        if len(states) != self.states or any(np.shape(state) != given for state in states):
            raise ValueError(
                f"{name}: hx must hold {self.states} state(s) of shape {given}, got {[np.shape(s) for s in states]}"
            )
        output, finals = self._run(x, [as_tensor(state).reshape(*shape) for state in states])
        if single:
            output, finals = output.reshape(len(x), output.shape[2]), [final.reshape(*given) for final in finals]
        elif self.batch_first:
            output = output.transpose(0, 1)
        return output, tuple(finals) if self.states > 1 else finals[0]

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        for option, default in defaults.items():
            if (value := getattr(self, option)) != default:
                text += f", {option}={value}"
        return text


class RNN(_Recurrent):
    """Layers of :func:`.rnn`, h_t = f(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh), each reading the states of the last.

    Called with a sequence of shape (L, N, I), or (L, I) for a single one, and the states to start from, shape
    (D · K, N, H) or (D · K, H); without them from 0. Returns the last layer's states, shape (L, N, D · H), and every
    layer's last state, in the shape of those to start from.

    Args:
        input_size: numbers in each element of a sequence, I.
        hidden_size: numbers in a state, H.
        num_layers: layers K.
        nonlinearity: f, ``"tanh"`` or ``"relu"``.
        bias: whether to add b_ih and b_hh.
        batch_first: whether the sequences read and returned have shape (N, L, …) instead of (L, N, …); the states to
            start from, and the last ones, are as without.
        dropout: share of what a layer reads from the one before that is dropped while training, in [0, 1].
        bidirectional: whether each layer also reads from the end to the beginning: D = 2, otherwise 1.

    Attributes:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0: the first layer's parameters, in the shapes of :func:`.rnn`;
            ``weight_ih_l1``, ``weight_ih_l0_reverse`` … are those of further layers, and of the other direction. First
            drawn evenly from ±1/√H.

    Raises:
        ValueError: if a size is not a positive integer, or too large for memory, or an option is out of range; when
            called, if the shapes do not fit.
    """

    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        nonlinearity="tanh",
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
    ):
        one_of("RNN: nonlinearity", nonlinearity, "tanh", "relu")
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional)
        self.nonlinearity = nonlinearity

    def _step(self, *operands):
        return rnn(*operands, self.nonlinearity)


class LSTM(_Recurrent):
    """Layers of :func:`.lstm`; arguments, attributes and errors as in :class:`RNN`.

    The states to start from, and those returned, are pairs (h, c).
    """

    gates, states = 4, 2
    _step = staticmethod(lstm)


class GRU(_Recurrent):
    """Layers of :func:`.gru`; arguments, attributes, results and errors as in :class:`RNN`."""

    gates = 3
    _step = staticmethod(gru)
