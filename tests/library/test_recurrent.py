"""Recurrent networks: the steps of their definitions, the order of their rows, their shapes, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit as sigmoid

import nnlib as nn
from nnlib.recurrent import gru, lstm, rnn

SIZE = 3  # numbers in a state
KINDS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
every_kind = pytest.mark.parametrize("kind", KINDS)


def drawn(rng, gates):
    """Return x (L, N, I), W_ih, W_hh, b_ih, b_hh."""
    rows = gates * SIZE
    return [rng.normal(size=shape) for shape in [(5, 4, 2), (rows, 2), (rows, SIZE), (rows,), (rows,)]]


@given(kind=st.sampled_from(list(KINDS)), first=st.integers(1, 4), second=st.integers(1, 4), batch=st.integers(0, 3),
       layers=st.integers(1, 3))  # fmt: skip
def test_sequence_may_be_taken_in_two_parts_of_any_lengths(kind, first, second, batch, layers):
    x = np.random.default_rng(0).normal(size=(first + second, batch, 2))
    module = KINDS[kind](2, SIZE, num_layers=layers)
    whole, end = module(x)
    before, between = module(x[:first])
    after, end_of_parts = module(x[first:], between)
    np.testing.assert_allclose(np.concatenate([before.data, after.data]), whole.data, rtol=1e-12, atol=1e-14)
    for ours, expected in zip(arrays(end_of_parts), arrays(end), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-14)


def test_rnn_takes_the_step_of_its_definition(rng):
    x, w, u, b, c = drawn(rng, 1)
    h = h_0 = rng.normal(size=(4, SIZE))
    expected = [h := np.tanh(x_t @ w.T + b + h @ u.T + c) for x_t in x]
    states, last = rnn(x, h_0, w, u, b, c)
    np.testing.assert_allclose(states.data, expected, rtol=1e-12)
    np.testing.assert_allclose(last.data, h, rtol=1e-12)


def test_lstm_rows_are_input_forget_cell_and_output_gate(rng):
    x, w, u, b_x, b_h = drawn(rng, 4)
    h_0, c_0 = rng.normal(size=(2, 4, SIZE))
    h, c, expected = h_0, c_0, []
    for x_t in x:
        i, f, g, o = np.split(x_t @ w.T + b_x + h @ u.T + b_h, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        expected.append(h)
    states, h_n, c_n = lstm(x, h_0, c_0, w, u, b_x, b_h)
    for ours, theirs in [(states, expected), (h_n, h), (c_n, c)]:
        np.testing.assert_allclose(ours.data, theirs, rtol=1e-12)


def test_gru_rows_are_reset_update_and_proposal(rng):
    x, w, u, b_x, b_h = drawn(rng, 3)
    h = h_0 = rng.normal(size=(4, SIZE))
    expected = []
    for x_t in x:
        (r, z, n), (r_h, z_h, n_h) = np.split(x_t @ w.T + b_x, 3, axis=1), np.split(h @ u.T + b_h, 3, axis=1)
        r, z = sigmoid(r + r_h), sigmoid(z + z_h)
        h = (1 - z) * np.tanh(n + r * n_h) + z * h
        expected.append(h)
    states, last = gru(x, h_0, w, u, b_x, b_h)
    np.testing.assert_allclose(states.data, expected, rtol=1e-12)
    np.testing.assert_allclose(last.data, h, rtol=1e-12)


def arrays(states):
    """Return the arrays of one state, or of an LSTM's pair."""
    return [state.data for state in (states if isinstance(states, tuple) else (states,))]


def opened(*gates):
    """Return biases that open (1), shut (−1) or leave alone (0) the gates."""
    return np.repeat(1e4 * np.array(gates), SIZE)


def test_gru_resets_after_the_product_and_its_bias(rng):
    x, w, u, b_x, b_h = drawn(rng, 3)
    states, _ = gru(x, np.ones((4, SIZE)), w, u, b_x + opened(-1, -1, 0), b_h)
    proposal = slice(2 * SIZE, None)
    np.testing.assert_allclose(states.data, np.tanh(x @ w[proposal].T + b_x[proposal]), rtol=1e-12)


def test_gru_keeps_its_state_where_the_update_gate_is_open(rng):
    x, w, u, b_x, b_h = drawn(rng, 3)
    h_0 = rng.normal(size=(4, SIZE))
    np.testing.assert_allclose(gru(x, h_0, w, u, b_x + opened(0, 1, 0), b_h)[1].data, h_0, rtol=1e-12)


def test_lstm_keeps_its_cell_where_only_the_forget_gate_is_open(rng):
    x, w, u, b_x, b_h = drawn(rng, 4)
    h_0, c_0 = rng.normal(size=(2, 4, SIZE))
    np.testing.assert_array_equal(lstm(x, h_0, c_0, w, u, b_x + opened(-1, 1, 0, 0), b_h)[2].data, c_0)


def test_lstm_lets_the_gradient_through_an_open_forget_gate_undiminished():
    c_0 = nn.Tensor(np.zeros((1, SIZE)), requires_grad=True)
    weights = np.zeros((4 * SIZE, 2)), np.zeros((4 * SIZE, SIZE)), opened(-1, 1, 0, 0)
    _, _, c_n = lstm(np.ones((1000, 1, 2)), np.zeros((1, SIZE)), c_0, *weights)
    c_n.sum().backward()
    assert c_0.grad.tolist() == [[1] * SIZE]


@every_kind
def test_without_states_to_start_from_they_are_0(kind, rng):
    module, x = KINDS[kind](2, SIZE, num_layers=2), rng.normal(size=(5, 4, 2))
    zeros = np.zeros((2, 4, SIZE))
    np.testing.assert_array_equal(module(x)[0].data, module(x, (zeros, zeros) if kind == "LSTM" else zeros)[0].data)


@every_kind
def test_batch_first_swaps_steps_and_sequences_but_not_in_the_last_states(kind, rng):
    module, x = KINDS[kind](2, SIZE), rng.normal(size=(5, 4, 2))
    output, last = module(x)
    module.batch_first = True
    swapped, same_last = module(x.swapaxes(0, 1))
    np.testing.assert_array_equal(swapped.data, output.data.swapaxes(0, 1))
    np.testing.assert_array_equal(arrays(same_last), arrays(last))


@every_kind
def test_sequence_can_be_read_in_two_parts(kind, rng):
    module, x = KINDS[kind](2, SIZE, num_layers=2), rng.normal(size=(6, 4, 2))
    first, states = module(x[:2])
    second, _ = module(x[2:], states)
    np.testing.assert_allclose(np.concatenate([first.data, second.data]), module(x)[0].data, rtol=1e-12)


@every_kind
def test_second_direction_reads_from_the_end(kind, rng):
    module, x = KINDS[kind](2, SIZE, bidirectional=True), rng.normal(size=(5, 4, 2))
    backwards = KINDS[kind](2, SIZE)
    backwards.load_state_dict({name: module.state_dict()[f"{name}_reverse"] for name in backwards.state_dict()})
    expected = backwards(x[::-1])[0].data[::-1]
    np.testing.assert_allclose(module(x)[0].data[..., SIZE:], expected, rtol=1e-12)


@every_kind
def test_dropout_lies_between_layers_and_only_while_training(kind, rng):
    module, x = KINDS[kind](2, SIZE, num_layers=2, dropout=1.0), rng.normal(size=(5, 4, 2))
    lower, upper = KINDS[kind](2, SIZE), KINDS[kind](SIZE, SIZE)
    for k, layer in enumerate((lower, upper)):
        layer.load_state_dict({name: module.state_dict()[name.replace("l0", f"l{k}")] for name in layer.state_dict()})
    np.testing.assert_allclose(module(x)[0].data, upper(np.zeros((5, 4, SIZE)))[0].data, rtol=1e-12)
    np.testing.assert_allclose(module.eval()(x)[0].data, upper(lower(x)[0])[0].data, rtol=1e-12)


@every_kind
def test_parameters_start_within_one_over_the_root_of_the_state(kind):
    for parameter in KINDS[kind](100, 16).parameters():
        assert -0.25 <= parameter.data.min() < -0.2 and 0.2 < parameter.data.max() <= 0.25


@every_kind
def test_empty_batch_gives_empty_states(kind):
    output, last = KINDS[kind](2, SIZE, num_layers=2, bidirectional=True)(np.zeros((5, 0, 2)))
    assert output.shape == (5, 0, 2 * SIZE)
    assert {state.shape for state in arrays(last)} == {(4, 0, SIZE)}


@every_kind
def test_float32_stays_float32(kind, rng):
    module = KINDS[kind](2, SIZE, num_layers=2, bidirectional=True).to("float32")
    output, last = module(rng.normal(size=(5, 4, 2)).astype(np.float32))
    output.sum().backward()
    dtypes = [output.dtype, arrays(last)[0].dtype, *(p.grad.dtype for p in module.parameters())]
    assert dtypes == [np.float32] * len(dtypes)


X = np.ones((5, 4, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: nn.RNN(2, 3)(np.ones((5, 4, 3))),
            r"RNN: input must have shape \(L, N, 2\) or \(L, 2\), got \(5, 4, 3\)",
        ),
        (
            lambda: nn.GRU(2, 3, batch_first=True)(np.ones(2)),
            r"GRU: input must have shape \(N, L, 2\) or \(L, 2\), got \(2,\)",
        ),
        (lambda: nn.LSTM(2, 3)(X[:0]), r"lstm: input must have shape \(L, N, I\) with L ≥ 1, got \(0, 4, 2\)"),
        (
            lambda: nn.GRU(2, 3)(X, np.ones((1, 1, 3))),
            r"GRU: hx must hold 1 state\(s\) of shape \(1, 4, 3\), got \[\(1, 1, 3\)\]",
        ),
        (
            lambda: nn.LSTM(2, 3)(X, np.ones((1, 4, 3))),
            r"LSTM: hx must hold 2 state\(s\) of shape \(1, 4, 3\), got \[\(4, 3\)\]",
        ),
        (
            lambda: nn.RNN(2, 3)(X[:, 0], np.ones((1, 1, 3))),
            r"RNN: hx must hold 1 state\(s\) of shape \(1, 3\), got \[\(1, 1, 3\)\]",
        ),
        (lambda: nn.RNN(2, 3, nonlinearity="elu"), "RNN: nonlinearity must be 'tanh' or 'relu', got 'elu'"),
        (lambda: nn.LSTM(2, 3, 2, dropout=1.5), "LSTM: dropout must be between 0 and 1, got 1.5"),
        (lambda: nn.RNN(0, 3), "RNN: input_size must be an integer ≥ 1, got 0"),
        (lambda: nn.RNN(2, 0), "RNN: hidden_size must be an integer ≥ 1, got 0"),
        (lambda: nn.LSTM(10**5, 10**5), "LSTM: 4 · hidden_size = 400000 × inputs = 100000 would take"),
        (lambda: nn.GRU(1, 10**5), "GRU: 3 · hidden_size = 300000 × hidden_size = 100000 would take"),
        (lambda: nn.GRU(2, 3, num_layers=0), "GRU: num_layers must be an integer ≥ 1, got 0"),
        (
            lambda: rnn(X, *[np.ones((4, 3)), np.ones((3, 2)), np.ones((3, 3))], nonlinearity="elu"),
            "rnn: nonlinearity must be 'tanh' or 'relu', got 'elu'",
        ),
        (
            lambda: rnn(X, np.ones((1, 3)), np.ones((3, 2)), np.ones((3, 3))),
            r"rnn: h_0 must have shape \(4, 3\), got \(1, 3\)",
        ),
        (lambda: rnn(X, np.ones((4, 3)), np.ones((3, 1)), np.ones((3, 3))), r"rnn: weight_ih must have shape \(3, 2\)"),
        (
            lambda: gru(X, np.ones((4, 3)), np.ones((3, 2)), np.ones((3, 3))),
            r"gru: weight_hh must have shape \(3 · H, H\)",
        ),
        (
            lambda: rnn(X, np.ones((4, 3)), np.ones((3, 2)), np.ones((3, 3)), None, np.ones(1)),
            r"rnn: bias_hh must have shape \(3,\), got \(1,\)",
        ),
        (
            lambda: lstm(X, np.ones((4, 1)), np.ones((1, 1)), np.ones((4, 2)), np.ones((4, 1))),
            r"lstm: c_0 must have shape \(4, 1\), got \(1, 1\)",
        ),
    ],
)
def test_sequences_and_states_that_do_not_fit_and_options_out_of_range_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
