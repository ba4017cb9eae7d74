"""Data: shapes and shares, the same numbers for the same seed, and splits that lose nothing."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import datasets

import nnlib as nn
from nnlib import data

TOYS = {"gaussians": data.gaussians, "moons": data.moons, "circles": data.circles, "spiral": data.spiral}
every_toy = pytest.mark.parametrize("toy", TOYS.values(), ids=TOYS)
ROWS = np.arange(20.0).reshape(10, 2)


@every_toy
@pytest.mark.parametrize("n", [1, 2, 101])
def test_toy_set_has_n_points_and_classes_in_turn(toy, n):
    X, y = toy(n)
    assert X.shape == (n, 2)
    np.testing.assert_array_equal(y, np.arange(n) % 2)


@every_toy
def test_toy_set_repeats_with_nnlibs_seed(toy):
    first, again = ((nn.manual_seed(3), toy(20)[0])[1] for _ in range(2))
    np.testing.assert_array_equal(first, again)


@every_toy
def test_toy_set_draws_from_the_generator_given(toy):
    first, again = (toy(20, generator=np.random.default_rng(3))[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)


@every_toy
@pytest.mark.parametrize("n", [0, -1, 2.0, "10", True, None], ids=repr)
def test_toy_set_refuses_a_number_that_is_no_positive_integer(toy, n):
    with pytest.raises(ValueError, match=f"n must be an integer ≥ 1, got {n!r}"):
        toy(n)


def test_lists_are_taken_as_arrays():
    X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 2, 3]
    assert data.train_test_split(X, y)[0].shape == (3, 1)
    assert [(a.tolist(), b.tolist()) for a, b in data.batches(X, y, 4, shuffle=False)] == [(X, y)]
    np.testing.assert_allclose(data.standardize([[0.0], [2.0]]), [[-1.0], [1.0]])


@pytest.mark.parametrize("noise", [-0.1, np.nan])
@pytest.mark.parametrize("toy", [data.moons, data.circles, data.spiral])
def test_toy_set_refuses_a_negative_noise(toy, noise):
    with pytest.raises(ValueError, match=f"noise must be a finite number ≥ 0, got {noise}"):
        toy(10, noise=noise)


@pytest.mark.parametrize("std", [-0.1, np.nan])
def test_clouds_refuse_a_negative_deviation(std):
    with pytest.raises(ValueError, match=f"std must be a finite number ≥ 0, got {std}"):
        data.gaussians(10, std=std)


def test_gaussians_lie_around_their_centers():
    X, y = data.gaussians(3000, centers=[(0, 5), (5, 0), (-5, -5)], std=0.5)
    for k, center in enumerate([(0, 5), (5, 0), (-5, -5)]):
        np.testing.assert_allclose(X[y == k].mean(axis=0), center, atol=0.06)
        np.testing.assert_allclose(X[y == k].std(axis=0), 0.5, atol=0.04)


def test_toy_sets_by_default_have_the_noise_of_the_book():
    X, y = data.gaussians(5000)
    noise = X - np.where(y == 1, 1, -1)[:, None]
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(noise.std(axis=0), 0.5, atol=0.02)
    X, y = data.circles(5000)
    np.testing.assert_allclose(X.var(axis=0), (1 + 0.5**2) / 4 + 0.1**2, atol=0.02)
    X, y = data.spiral(5000)
    np.testing.assert_allclose((X**2).sum(axis=1).mean(), 1 / 2 + 2 * 0.05**2, atol=0.02)


@every_toy
def test_toy_set_has_100_points_by_default(toy):
    assert len(toy()[0]) == 100


@pytest.mark.parametrize("centers", [[1, 2], [[1, 2, 3]], 5, np.ones((0, 2))], ids=str)
def test_gaussians_refuse_centers_that_are_no_points(centers):
    with pytest.raises(ValueError, match=r"centers must have shape \(classes, 2\) with at least one class, got \("):
        data.gaussians(4, centers=centers)


def test_moons_without_noise_lie_on_two_half_circles():
    X, y = data.moons(100, noise=0)
    np.testing.assert_allclose(np.hypot(*X[y == 0].T), 1)
    np.testing.assert_allclose(np.hypot(*(X[y == 1] - [1, 0.5]).T), 1)
    assert X[y == 0, 1].min() >= 0 and X[y == 1, 1].max() <= 0.5


def test_circles_without_noise_lie_on_their_radii():
    X, y = data.circles(100, noise=0, factor=0.3)
    np.testing.assert_allclose(np.hypot(*X.T), np.where(y == 1, 0.3, 1))


@pytest.mark.parametrize("factor", [-0.1, 1, np.nan])
def test_circles_refuse_an_inner_radius_that_is_not_smaller(factor):
    with pytest.raises(ValueError, match=rf"factor must be in \[0, 1\), got {factor}"):
        data.circles(10, factor=factor)


def test_spiral_without_noise_turns_with_the_radius():
    X, y = data.spiral(200, noise=0, turns=1.5)
    radius = np.hypot(*X.T)
    angle = 2 * np.pi * 1.5 * radius + np.pi * y
    np.testing.assert_allclose(X, radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), atol=1e-12)


def test_xor_is_one_where_exactly_one_input_is():
    X, y = data.xor()
    np.testing.assert_array_equal(y, X.sum(axis=1) == 1)


def test_digits_are_grey_values_in_0_to_1_and_ten_classes():
    X, y = data.digits()
    assert X.shape == (1797, 64) and (X.min(), X.max()) == (0, 1)
    np.testing.assert_array_equal(np.unique(y), np.arange(10))


def test_breast_cancer_counts_212_malignant_tumours_as_1():
    X, y, names = data.breast_cancer()
    assert X.shape == (569, 30) and len(names) == 30
    assert (y == 1).sum() == 212


@pytest.mark.parametrize(
    ("real", "loaded", "y"),
    [
        (data.iris, datasets.load_iris(), datasets.load_iris().target),
        (data.wine, datasets.load_wine(), datasets.load_wine().target),
        (data.diabetes, datasets.load_diabetes(scaled=False), datasets.load_diabetes().target),
        (data.breast_cancer, datasets.load_breast_cancer(), 1 - datasets.load_breast_cancer().target),
    ],
    ids=["iris", "wine", "diabetes", "breast_cancer"],
)
def test_real_set_is_scikit_learns(real, loaded, y):
    X, labels, names = real()
    np.testing.assert_array_equal(X, loaded.data)
    np.testing.assert_array_equal(labels, y)
    assert names == list(loaded.feature_names)


REAL = {"iris": data.iris, "wine": data.wine, "diabetes": data.diabetes, "breast_cancer": data.breast_cancer}
every_real = pytest.mark.parametrize("real", REAL.values(), ids=REAL)


@every_real
def test_real_set_gives_the_features_asked_for_in_that_order(real):
    everything, _, names = real()
    X, _, chosen = real([names[3], names[0]])
    assert chosen == [names[3], names[0]]
    np.testing.assert_array_equal(X, everything[:, [3, 0]])


@every_real
def test_real_set_names_an_unknown_feature(real):
    with pytest.raises(ValueError, match=r"there is no feature 'charm'; the features are \['"):
        real(["charm"])


def test_mnist1d_is_the_one_of_its_authors():
    """What their package mnist1d 0.0.2 makes by default: all labels, and each 200th example."""
    X_train, X_test, y_train, y_test = data.mnist1d()
    assert X_train.shape == (4000, 40) and X_test.shape == (1000, 40)
    with np.load(Path(__file__).with_name("mnist1d.npz")) as theirs:
        np.testing.assert_array_equal([*y_train, *y_test], theirs["y"])
        np.testing.assert_allclose(np.concatenate([X_train, X_test])[::200], theirs["X"], atol=1e-12)


def test_mnist1d_leaves_random_numbers_alone():
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    first = nn.manual_seed(0).bit_generator.state
    data.mnist1d()
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002
    assert nn.settings.get_generator().bit_generator.state == first


@given(n=st.integers(2, 60), share=st.floats(0.01, 0.99))
def test_split_gives_every_row_to_exactly_one_part(n, share):
    tested = round(n * share)
    if not 0 < tested < n:
        with pytest.raises(ValueError, match="leaves a part empty"):
            data.train_test_split(np.zeros(n), np.zeros(n), share)
        return
    X_train, X_test, y_train, y_test = data.train_test_split(np.arange(n), -np.arange(n), share)
    assert sorted([*X_train, *X_test]) == list(range(n)) and len(X_test) == tested
    np.testing.assert_array_equal(np.concatenate([y_train, y_test]), -np.concatenate([X_train, X_test]))


def test_split_shuffles_with_the_generator():
    parts = [data.train_test_split(ROWS, ROWS, generator=np.random.default_rng(s))[0].tolist() for s in (1, 1, 2)]
    assert parts[0] == parts[1] != parts[2]


@pytest.mark.parametrize("share", [0, 1, -0.5, 3, np.nan])
def test_split_refuses_a_share_out_of_range(share):
    with pytest.raises(ValueError, match=rf"test_size must be in \(0, 1\), got {share}"):
        data.train_test_split(ROWS, ROWS, share)


def test_split_refuses_different_lengths():
    with pytest.raises(ValueError, match="X has 10 rows and y has 9"):
        data.train_test_split(ROWS, ROWS[:9])


def test_standardized_training_features_have_mean_0_and_deviation_1(rng):
    scaled = data.standardize(rng.normal(5, [2, 1e-3, 1e3], size=(50, 3)))
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(scaled.std(axis=0), 1)


def test_other_sets_are_scaled_by_the_training_set(rng):
    train, test = rng.normal(5, 2, size=(50, 3)), rng.normal(size=(20, 3))
    _, scaled = data.standardize(train, test)
    np.testing.assert_allclose(scaled, (test - train.mean(axis=0)) / train.std(axis=0))


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e9])
def test_feature_that_never_varies_becomes_0(value):
    np.testing.assert_allclose(data.standardize(np.full((7, 1), value)), 0, atol=1e-12 * (1 + abs(value)))


@given(n=st.integers(0, 40), batch_size=st.integers(1, 50), shuffle=st.booleans())
def test_batches_cover_every_row_once(n, batch_size, shuffle):
    pieces = list(data.batches(np.arange(n), -np.arange(n), batch_size, shuffle))
    assert [len(X) for X, _ in pieces] == [min(batch_size, n - start) for start in range(0, n, batch_size)]
    assert sorted(i for X, _ in pieces for i in X) == list(range(n))
    assert all((y == -X).all() for X, y in pieces)


def test_batches_keep_the_order_unless_shuffled():
    assert np.concatenate([X for X, _ in data.batches(ROWS, ROWS, 3, shuffle=False)]).tolist() == ROWS.tolist()


def test_batches_shuffle_anew_for_each_epoch():
    first, second = (np.concatenate([X for X, _ in data.batches(ROWS, ROWS, 3)]).tolist() for _ in range(2))
    assert first != second


@pytest.mark.parametrize("size", [0, -1, 2.5, None])
def test_batches_refuse_a_size_that_is_no_positive_integer(size):
    with pytest.raises(ValueError, match=f"batch_size must be an integer ≥ 1, got {size}"):
        next(data.batches(ROWS, ROWS, size))


def test_batches_refuse_different_lengths():
    with pytest.raises(ValueError, match="X has 10 rows and y has 9"):
        next(data.batches(ROWS, ROWS[:9], 2))
