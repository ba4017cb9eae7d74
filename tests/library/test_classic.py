"""The classic machines: what each can do, what it cannot, and the theorems that say so."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import nnlib as nn
from nnlib.classic import RBM, HebbianMemory, McCullochPitts, Perceptron, circuit

CORNERS, XOR = nn.data.xor()

# The unit of McCulloch and Pitts, and its circuits


@pytest.mark.parametrize(
    ("unit", "y"),
    [
        (McCullochPitts([1, 1], threshold=2), [0, 0, 0, 1]),
        (McCullochPitts([1, 1], threshold=1), [0, 1, 1, 1]),
        (McCullochPitts([-1, -1], threshold=0), [1, 0, 0, 0]),
        (McCullochPitts([1, -1], threshold=1), [0, 0, 1, 0]),
    ],
    ids=["and", "or", "nor", "and not"],
)
def test_unit_fires_where_its_inputs_reach_the_threshold(unit, y):
    assert unit(CORNERS).tolist() == y


def test_unit_answers_any_shape_of_inputs():
    majority = McCullochPitts([1, 1, 1], threshold=2)
    x = np.random.default_rng(0).integers(2, size=(4, 5, 3))
    np.testing.assert_array_equal(majority(x), x.sum(axis=-1) >= 2)
    assert majority([1, 0, 1]) == 1


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_circuit_computes_every_boolean_function(n):
    """All 2, 4, 16 and 256 of them."""
    inputs = np.array(list(product((0, 1), repeat=n)), dtype=int).reshape(2**n, n)
    for table in product((0, 1), repeat=2**n):
        computes = circuit(table)
        assert computes(inputs).tolist() == list(table)
        assert [int(computes(x)) for x in inputs] == list(table)


@given(st.data())
def test_circuit_of_many_inputs_has_a_unit_for_each_one_of_its_table(data):
    n = data.draw(st.integers(4, 7))
    table = data.draw(st.lists(st.integers(0, 1), min_size=2**n, max_size=2**n))
    computes = circuit(table)
    assert len(computes.hidden) == sum(table)
    assert all(set(unit.weights.tolist()) <= {-1, 1} for unit in [*computes.hidden, computes.output])
    assert computes(list(product((0, 1), repeat=n))).tolist() == table


@pytest.mark.parametrize("weights", [[0.5, 1], ["1", 1], [None, 1]], ids=str)
def test_unit_refuses_weights_that_are_no_integers(weights):
    with pytest.raises(ValueError, match=f"weights and threshold must be integers, got {weights[0]!r}"):
        McCullochPitts(weights, 1)


def test_unit_refuses_a_threshold_that_is_no_integer():
    with pytest.raises(ValueError, match=r"weights and threshold must be integers, got 0\.5"):
        McCullochPitts([1], 0.5)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([[0, 2]], r"x must be 0 and 1, got \[2\]"),
        ([0, 1, 1], r"x must have shape \(…, 2\), got \(3,\)"),
        (1, r"got \(\)"),
    ],
)
def test_unit_refuses_inputs_that_do_not_fit(x, message):
    with pytest.raises(ValueError, match=message):
        McCullochPitts([1, 1], 1)(x)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([0, 1, 1], r"truth_table must have 2ⁿ values, got shape \(3,\)"),
        ([], r"truth_table must have 2ⁿ values, got shape \(0,\)"),
        ([[0, 1], [1, 0]], r"truth_table must have 2ⁿ values, got shape \(2, 2\)"),
        ([0, -1], r"truth_table must be 0 and 1, got \[-1\]"),
    ],
)
def test_circuit_refuses_what_is_no_truth_table(table, message):
    with pytest.raises(ValueError, match=message):
        circuit(table)


# The Hebbian memory


def signs(seed, *shape):
    return np.random.default_rng(seed).choice([-1.0, 1.0], shape)


def test_weights_are_the_sum_of_the_patterns_products():
    patterns = signs(0, 3, 6)
    expected = sum(np.outer(x, x) for x in patterns) - 3 * np.eye(6)
    np.testing.assert_array_equal(HebbianMemory(6).store(patterns).weight, expected)
    np.testing.assert_array_equal(HebbianMemory(6).store(patterns[0]).store(patterns[1:]).weight, expected)


@pytest.mark.parametrize("synchronous", [False, True])
def test_memory_recalls_a_pattern_of_which_a_fifth_is_wrong(synchronous):
    patterns = signs(1, 8, 200)
    memory = HebbianMemory(200).store(patterns)
    for x in patterns:
        corrupted = np.where(np.arange(200) < 40, -x, x)
        np.testing.assert_array_equal(memory.recall(corrupted, synchronous=synchronous), x)


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(1, 8))
def test_energy_falls_with_every_change_of_one_unit(seed, n, patterns):
    memory = HebbianMemory(n).store(signs(seed, patterns, n))
    rest = memory.recall(signs(seed + 1, n), sweeps=10_000)
    path = np.array(memory.path)
    assert (np.diff(memory.energy(path)) < 0).all()
    assert (np.abs(np.diff(path, axis=0)).sum(axis=1) == 2).all()
    np.testing.assert_array_equal(path[-1], rest)


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(1, 8))
def test_memory_comes_to_rest_where_no_unit_wants_to_change(seed, n, patterns):
    memory = HebbianMemory(n).store(signs(seed, patterns, n))
    rest = memory.recall(signs(seed + 1, n), sweeps=10_000)
    assert (memory.weight @ rest * rest >= 0).all()


def test_units_that_all_follow_at_once_may_go_to_and_fro():
    memory = HebbianMemory(2).store([1, 1])
    memory.recall([1, -1], synchronous=True, sweeps=3)
    assert np.array(memory.path).tolist() == [[1, -1], [-1, 1], [1, -1], [-1, 1]]


def test_recall_that_never_comes_to_rest_ends_after_100_sweeps():
    memory = HebbianMemory(2).store([1, 1])
    memory.recall([1, -1], synchronous=True)
    assert len(memory.path) == 1 + 100


def test_many_patterns_of_small_integers_do_not_overflow():
    assert HebbianMemory(2).store(np.ones((200, 2), np.int8)).weight[0, 1] == 200


def test_memory_that_recalled_nothing_has_an_empty_path():
    assert HebbianMemory(2).path == []


def test_unit_that_receives_nothing_stays():
    np.testing.assert_array_equal(HebbianMemory(3).recall([1, -1, 1]), [1, -1, 1])


def test_energy_is_half_the_sum_over_connections():
    memory, s = HebbianMemory(4).store(signs(2, 2, 4)), signs(3, 4)
    pairs = sum(memory.weight[i, j] * s[i] * s[j] for i in range(4) for j in range(i))
    assert memory.energy(s) == -pairs
    assert memory.energy([s, s]).tolist() == [-pairs, -pairs]


def test_recall_follows_the_generator_and_leaves_its_input():
    memory, start = HebbianMemory(30).store(signs(4, 20, 30)), signs(5, 30)
    held, paths = start.copy(), []
    for seed in (1, 1, 2):
        memory.recall(start, generator=np.random.default_rng(seed))
        paths.append(np.array(memory.path).tolist())
    assert paths[0] == paths[1] != paths[2]
    np.testing.assert_array_equal(start, held)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, 0, 1], r"must be −1 and 1, got \[0.0\]"),
        ([1, np.nan, 1], r"must be −1 and 1, got \[nan\]"),
        ([1, -1], r"must have shape \(3,\) or \(patterns, 3\), got \(2,\)"),
        ([[[1, 1, 1]]], r"must have shape \(3,\) or \(patterns, 3\), got \(1, 1, 3\)"),
        (1, r"must have shape \(3,\) or \(patterns, 3\), got \(\)"),
    ],
    ids=str,
)
@pytest.mark.parametrize(("method", "name"), [("store", "patterns"), ("recall", "state"), ("energy", "state")])
def test_memory_refuses_what_is_no_pattern_of_its_size_and_keeps_what_it_knows(method, name, values, message):
    memory = HebbianMemory(3).store([1, 1, -1])
    held = memory.weight.copy()
    with pytest.raises(ValueError, match=f"{name} {message}"):
        getattr(memory, method)(values)
    np.testing.assert_array_equal(memory.weight, held)


def test_memory_refuses_sweeps_that_are_no_positive_integer():
    with pytest.raises(ValueError, match="sweeps must be an integer ≥ 1, got 0"):
        HebbianMemory(3).recall([1, 1, 1], sweeps=0)


def test_memory_recalls_one_state_at_a_time():
    with pytest.raises(ValueError, match=r"recall takes one state, of shape \(3,\), got \(2, 3\)"):
        HebbianMemory(3).recall([[1, 1, 1], [1, 1, 1]])


@pytest.mark.parametrize("size", [0, -1, 2.0])
def test_memory_refuses_a_size_that_is_no_positive_integer(size):
    with pytest.raises(ValueError, match=f"size must be an integer ≥ 1, got {size}"):
        HebbianMemory(size)


# The perceptron


@st.composite
def separable(draw):
    """Draw points, labels that some line through them gives, and that line with a margin, as (X, y, w, b)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    features, n = draw(st.integers(1, 5)), draw(st.integers(1, 40))
    w, b = rng.normal(size=features), rng.normal()
    X = rng.normal(scale=draw(st.sampled_from([0.1, 1.0, 10.0])), size=(n, features))
    z = X @ w + b
    far = np.abs(z) > 0.2 * np.linalg.norm(w)
    assume(far.any())
    return X[far], (z[far] > 0).astype(int), w, b


@pytest.mark.parametrize(
    ("gate", "y"), [("and", [0, 0, 0, 1]), ("or", [0, 1, 1, 1]), ("nand", [1, 1, 1, 0]), ("nor", [1, 0, 0, 0])]
)
def test_learns_every_gate_that_a_line_separates(gate, y):
    perceptron = Perceptron().fit(CORNERS, y)
    assert perceptron.converged
    assert perceptron.predict(CORNERS).tolist() == y


def test_learns_not():
    perceptron = Perceptron().fit([[0.0], [1.0]], [1, 0])
    assert perceptron.converged and perceptron.predict([[0.0], [1.0]]).tolist() == [1, 0]


@pytest.mark.parametrize("shuffle", [False, True])
def test_never_settles_on_xor(shuffle):
    perceptron = Perceptron(epochs=500, shuffle=shuffle).fit(CORNERS, XOR)
    assert not perceptron.converged
    assert len(perceptron.mistakes) == 500 and min(perceptron.mistakes) > 0


@given(separable(), st.booleans())
def test_mistakes_stay_within_novikoffs_bound(problem, shuffle):
    X, y, w, b = problem
    points, line = np.column_stack([X, np.ones(len(X))]), np.append(w, b)
    R = np.linalg.norm(points, axis=1).max()
    gamma = ((2 * y - 1) * (points @ line)).min() / np.linalg.norm(line)
    perceptron = Perceptron(epochs=100_000, shuffle=shuffle).fit(X, y)
    assert perceptron.converged
    assert sum(perceptron.mistakes) <= (R / gamma) ** 2


@given(separable(), st.integers(-6, 6))
def test_learning_rate_only_scales_the_weights(problem, exponent):
    """By powers of two, which floating-point numbers multiply without rounding."""
    X, y, _, _ = problem
    one, other = Perceptron().fit(X, y), Perceptron(lr=2.0**exponent).fit(X, y)
    assert one.mistakes == other.mistakes
    np.testing.assert_array_equal(other.weight, 2.0**exponent * one.weight)
    assert other.bias == 2.0**exponent * one.bias


@given(separable())
def test_weights_are_the_sum_of_the_corrections(problem):
    X, y, _, _ = problem
    perceptron = Perceptron(lr=0.5).fit(X, y)
    weight, bias = np.zeros(X.shape[1]), 0.0
    for update in perceptron.updates:
        i = update["index"]
        assert (X[i] @ weight + bias >= 0) != y[i]
        weight, bias = weight + 0.5 * (2 * y[i] - 1) * X[i], bias + 0.5 * (2 * y[i] - 1)
        np.testing.assert_allclose(update["weight"], weight)
        assert update["bias"] == bias
    np.testing.assert_allclose(perceptron.weight, weight)
    assert perceptron.bias == bias


@given(separable())
def test_each_correction_belongs_to_its_epoch(problem):
    X, y, _, _ = problem
    perceptron = Perceptron().fit(X, y)
    epochs = [update["epoch"] for update in perceptron.updates]
    assert [epochs.count(e) for e in range(1, len(perceptron.mistakes) + 1)] == perceptron.mistakes


def test_stops_after_the_first_epoch_without_a_mistake():
    perceptron = Perceptron().fit(CORNERS, [0, 0, 0, 1])
    assert perceptron.mistakes.index(0) == len(perceptron.mistakes) - 1


def test_stops_after_the_epochs_allowed():
    assert Perceptron(epochs=1).fit(CORNERS, XOR).mistakes == [3]


def test_stops_after_100_epochs_unless_told():
    assert len(Perceptron().fit(CORNERS, XOR).mistakes) == 100


def test_score_of_zero_counts_as_class_1():
    perceptron = Perceptron().fit([[1.0]], [1])
    assert perceptron.decision_function([[1.0]]) == 0 and perceptron.predict([[1.0]]) == 1


def test_predictions_are_integers_as_labels_are():
    assert Perceptron().fit(CORNERS, [0, 0, 0, 1]).predict(CORNERS).dtype == int


def test_decision_function_is_the_weighted_sum():
    perceptron = Perceptron().fit(CORNERS, [0, 1, 1, 1])
    expected = CORNERS @ perceptron.weight + perceptron.bias
    np.testing.assert_array_equal(perceptron.decision_function(CORNERS.tolist()), expected)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, float])
def test_labels_of_any_kind_teach_the_same(dtype):
    expected = Perceptron().fit(CORNERS, [0, 0, 0, 1])
    perceptron = Perceptron().fit(CORNERS, np.array([0, 0, 0, 1], dtype))
    np.testing.assert_array_equal(perceptron.weight, expected.weight)


def test_order_follows_the_generator():
    X, y = nn.data.moons(50, noise=0.3)
    paths = [
        Perceptron(epochs=5, shuffle=True, generator=np.random.default_rng(s)).fit(X, y).updates for s in (1, 1, 2)
    ]
    orders = [[update["index"] for update in path] for path in paths]
    assert orders[0] == orders[1] != orders[2]


def test_fitting_again_starts_afresh():
    perceptron = Perceptron().fit(CORNERS, XOR).fit(CORNERS, [0, 0, 0, 1])
    np.testing.assert_array_equal(perceptron.weight, Perceptron().fit(CORNERS, [0, 0, 0, 1]).weight)


@pytest.mark.parametrize("lr", [0, -1, np.nan, np.inf])
def test_refuses_a_learning_rate_that_is_not_positive(lr):
    with pytest.raises(ValueError, match=f"lr must be a finite number > 0, got {lr}"):
        Perceptron(lr=lr)


@pytest.mark.parametrize("epochs", [0, -1, 2.0, True])
def test_refuses_epochs_that_are_no_positive_integer(epochs):
    with pytest.raises(ValueError, match=f"epochs must be an integer ≥ 1, got {epochs!r}"):
        Perceptron(epochs=epochs)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (CORNERS, [0, 1, 1], r"X must have shape \(n, features\) and y \(n,\), got \(4, 2\) and \(3,\)"),
        (CORNERS[:, 0], XOR, r"got \(4,\) and \(4,\)"),
        (CORNERS, XOR[:, None], r"got \(4, 2\) and \(4, 1\)"),
        (CORNERS * np.nan, XOR, "X must be finite"),
        (CORNERS - np.inf, XOR, "X must be finite"),
        (CORNERS, [-1, 1, 1, -1], r"labels must be 0 or 1, got \[-1\]"),
        (CORNERS, [0, 1, 2, 3], r"labels must be 0 or 1, got \[2, 3\]"),
        (CORNERS, [0, 0.5, 1, 1], r"labels must be 0 or 1, got \[0.5\]"),
    ],
)
def test_refuses_data_that_do_not_fit_and_keeps_what_it_learned(X, y, message):
    perceptron = Perceptron().fit(CORNERS, [0, 0, 0, 1])
    learned = perceptron.weight.tolist()
    with pytest.raises(ValueError, match=message):
        perceptron.fit(X, y)
    assert perceptron.weight.tolist() == learned and perceptron.converged


# The restricted Boltzmann machine, with all its states counted out

STATES = np.array(list(product((0.0, 1.0), repeat=5)))
DATA = np.array([[1.0, 1, 1, 0, 0], [0, 0, 0, 1, 1], [1, 0, 1, 0, 1]])


def machine(seed=0, scale=1.0):
    """Return a machine whose weights and biases are large enough to matter."""
    rng = np.random.default_rng(seed)
    rbm = RBM(5, 3, generator=rng)
    rbm.weight[:], rbm.visible_bias[:], rbm.hidden_bias[:] = (scale * rng.normal(size=s) for s in ((3, 5), 5, 3))
    return rbm


def joint(rbm):
    """Return p(v, h) for every v and every h."""
    h = np.array(list(product((0.0, 1.0), repeat=len(rbm.hidden_bias))))
    score = (STATES @ rbm.visible_bias)[:, None] + h @ rbm.hidden_bias + STATES @ rbm.weight.T @ h.T
    return h, np.exp(score) / np.exp(score).sum()


def log_likelihood(rbm, data):
    _, p = joint(rbm)
    index = (data @ 2 ** np.arange(4, -1, -1)).astype(int)
    return np.log(p.sum(axis=1)[index]).mean()


def test_free_energy_gives_the_probability_of_what_is_seen():
    rbm = machine()
    _, p = joint(rbm)
    unnormalised = np.exp(-rbm.free_energy(STATES))
    np.testing.assert_allclose(unnormalised / unnormalised.sum(), p.sum(axis=1))


def test_free_energy_of_one_row_is_that_of_a_table_of_it():
    rbm = machine()
    assert rbm.free_energy(DATA[0]) == pytest.approx(rbm.free_energy(DATA[:1])[0], rel=1e-14)


def test_layers_have_their_conditional_probabilities():
    rbm = machine()
    h, p = joint(rbm)
    np.testing.assert_allclose(rbm.hidden_probabilities(STATES), p @ h / p.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(rbm.visible_probabilities(h), p.T @ STATES / p.sum(axis=0)[:, None])


def test_gradient_is_the_slope_of_the_exact_log_likelihood():
    rbm = machine()
    _, p = joint(rbm)
    exact = [  # linear in the samples' shares, so each state counts with its probability
        sum(share * slope for share, slope in zip(p.sum(axis=1), slopes, strict=True))
        for slopes in zip(*(rbm.gradient(DATA, v[None]) for v in STATES), strict=True)
    ]
    for parameter, slope in zip((rbm.weight, rbm.visible_bias, rbm.hidden_bias), exact, strict=True):
        for index in np.ndindex(parameter.shape):
            held, ends = parameter[index], []
            for step in (1e-5, -1e-5):
                parameter[index] = held + step
                ends.append(log_likelihood(rbm, DATA))
            parameter[index] = held
            assert slope[index] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6, abs=1e-9)


def test_long_sampling_visits_states_as_often_as_they_are_probable():
    rbm = machine(scale=0.5)
    _, p = joint(rbm)
    samples = rbm.sample(np.zeros((20_000, 5)), steps=30)
    counts = np.bincount((samples @ 2 ** np.arange(4, -1, -1)).astype(int), minlength=32)
    np.testing.assert_allclose(counts / 20_000, p.sum(axis=1), atol=0.01)


@pytest.mark.parametrize("k", [1, 3])
def test_contrastive_divergence_makes_the_data_likely(k):
    """From all states alike, log 1/32, to near the best there is, log 1/3."""
    rbm = RBM(5, 4, generator=np.random.default_rng(0))
    before = log_likelihood(rbm, DATA)
    rbm.fit(np.repeat(DATA, 10, axis=0), epochs=800, lr=0.1, k=k, batch_size=10)
    assert before == pytest.approx(-np.log(32), abs=0.1)
    assert log_likelihood(rbm, DATA) > -np.log(3) - 0.3
    assert rbm.errors[-1] < 0.2 * rbm.errors[0]


def test_one_update_of_contrastive_divergence_is_its_formula():
    rbm, other = machine(7), machine(7)
    rbm.fit(DATA, epochs=1, lr=0.3, k=2, batch_size=3)
    v = DATA[other.generator.permutation(3)]
    slopes = other.gradient(v, other.sample(v, 2))
    np.testing.assert_allclose(rbm.weight, other.weight + 0.3 * slopes[0])
    np.testing.assert_allclose(rbm.visible_bias, other.visible_bias + 0.3 * slopes[1])
    np.testing.assert_allclose(rbm.hidden_bias, other.hidden_bias + 0.3 * slopes[2])


def test_reconstruction_goes_up_and_down_once():
    rbm = machine()
    h = 1 / (1 + np.exp(-(DATA @ rbm.weight.T + rbm.hidden_bias)))
    np.testing.assert_allclose(rbm.reconstruct(DATA), 1 / (1 + np.exp(-(h @ rbm.weight + rbm.visible_bias))))


def test_machine_starts_with_small_weights_and_no_biases():
    rbm = RBM(200, 100)
    assert abs(rbm.weight.mean()) < 0.0003 and rbm.weight.std() == pytest.approx(0.01, rel=0.03)
    assert not rbm.visible_bias.any() and not rbm.hidden_bias.any()


def test_machine_learns_in_ten_epochs_of_rate_a_tenth_unless_told():
    X = np.random.default_rng(0).random((70, 5))
    first, second = (RBM(5, 3, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first.fit(X).weight, second.fit(X, epochs=10, lr=0.1, k=1, batch_size=32).weight)


def test_machine_learns_the_same_from_the_same_seed():
    weights = [RBM(5, 3, np.random.default_rng(s)).fit(DATA, 5).weight.tolist() for s in (1, 1, 2)]
    assert weights[0] == weights[1] != weights[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": DATA[:, :3]}, r"X must have shape \(n, 5\) with n ≥ 1, got \(3, 3\)"),
        ({"X": DATA[:0]}, r"X must have shape \(n, 5\) with n ≥ 1, got \(0, 5\)"),
        ({"X": DATA[0]}, r"X must have shape \(n, 5\) with n ≥ 1, got \(5,\)"),
        ({"X": DATA + 0.1}, r"X must lie in \[0, 1\], got values from 0.1 to 1.1"),
        ({"X": DATA * np.nan}, r"X must lie in \[0, 1\], got values from nan to nan"),
        ({"epochs": 0}, "epochs must be an integer ≥ 1, got 0"),
        ({"lr": 0.0}, "lr must be a finite number > 0, got 0.0"),
        ({"k": 0}, "k must be an integer ≥ 1, got 0"),
        ({"batch_size": 2.0}, "batch_size must be an integer ≥ 1, got 2.0"),
    ],
    ids=range(9),
)
def test_machine_refuses_a_bad_argument_and_learns_nothing(arguments, message):
    rbm = machine()
    before = rbm.weight.copy()
    with pytest.raises(ValueError, match=message):
        rbm.fit(**{"X": DATA, **arguments})
    np.testing.assert_array_equal(rbm.weight, before)
    assert rbm.errors == []


@pytest.mark.parametrize(("sizes", "name"), [((0, 3), "visible"), ((3, -1), "hidden"), ((2.5, 3), "visible")])
def test_machine_refuses_sizes_that_are_no_positive_integers(sizes, name):
    with pytest.raises(ValueError, match=f"{name} must be an integer ≥ 1"):
        RBM(*sizes)


def test_machine_notes_the_squared_error_of_its_reconstructions():
    X = np.random.default_rng(0).integers(0, 2, (20, 6)).astype(float)
    machine = RBM(6, 3, generator=np.random.default_rng(1)).fit(X, epochs=2)
    assert len(machine.errors) == 2
    assert machine.errors[-1] == pytest.approx(((X - machine.reconstruct(X)) ** 2).mean(), rel=1e-12)


def test_machine_samples_one_step_unless_told():
    v = np.ones((5, 6))
    draws = [RBM(6, 3, generator=np.random.default_rng(1)).sample(v, *steps) for steps in ((), (1,), (2,))]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


def test_machine_refuses_a_number_of_steps_that_is_none():
    with pytest.raises(ValueError, match="steps must be an integer ≥ 1, got 0"):
        RBM(6, 3).sample(np.ones((5, 6)), steps=0)


def test_perceptron_passes_a_hundred_times_unless_told():
    assert len(Perceptron().fit([[0.0], [0.0]], [0, 1]).mistakes) == 100
