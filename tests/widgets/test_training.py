"""What the widgets of chapter 8 show is what the chapter says of them."""

import numpy as np
import pytest

import nnlib as nn
from nnlib.widgets import training


def test_gradient_descent_multiplies_each_axis_of_the_bowl():
    path, losses = training.descend(lambda p: nn.optim.SGD(p, lr=0.1), training.bowl((2, 6)))
    assert np.allclose(path[-1], [4 * 0.8**20, 3 * 0.4**20])
    assert np.isclose(losses[-1], path[-1, 0] ** 2 + 3 * path[-1, 1] ** 2)


def test_a_turned_bowl_has_the_same_curvatures_and_turned_contours():
    H = training.bowl((0.06, 6), 0.5)
    assert np.allclose(np.linalg.eigvalsh(H), [0.06, 6])
    ring = training.contours((0.06, 6), 0.5, losses=(3.0,))[:-1]
    assert np.allclose((ring @ H * ring).sum(axis=1) / 2, 3.0)


@pytest.mark.parametrize(("lr", "arrives"), [(0.32, True), (0.35, False)])
def test_the_steepest_axis_alone_sets_the_limit_of_the_rate(lr, arrives):
    bowls = training.optimizers()
    ends = [bowls.results(optimizer="gradient descent", lr=lr, shape=shape)["at40"] for shape in training.BOWLS]
    assert all((end < 1) == arrives for end in ends)


@pytest.mark.parametrize(
    ("activation", "scheme"), [("none", "Xavier, 1/n"), ("ReLU", "He, 2/n"), ("ReLU", "wide, 4/n")]
)
def test_the_measured_variance_follows_the_formula_for_ten_layers(activation, scheme):
    shown = training.initialisation().results(activation=activation, scheme=scheme)
    assert np.allclose(np.log10(shown["measured"][:10]), np.log10(shown["formula"][:10]), atol=0.3)


def test_each_patient_has_the_illness_that_the_chapter_names():
    low, few, high, healthy, dead = (training.watched(patient) for patient in training.PATIENTS)
    assert low["update"][1] < 1e-3 and low["dead"][-1] == 0
    assert few["valid"][-1] > 5 * few["train"][-1] and few["train_right"][-1] == 1
    assert high["update"][1] > 0.1 and high["dead"][0] == 0 and high["dead"][-1] == 1
    assert healthy["valid_right"][-1] > 0.95
    assert dead["dead"][0] == 1 and dead["update"][-1] == 0


def test_the_other_networks_differ_and_the_sentence_names_them():
    shown = training.initialisation().results(activation="ReLU", scheme="He, 2/n")
    ends = shown["others"][:, -1]
    assert shown["others"].shape == (4, training.LAYERS)
    assert ends.max() > 5 * ends.min()


def test_a_step_of_zero_stands_at_the_foot_of_its_axis():
    shown = training.monitoring().results(patient="E")["shown"]
    assert np.allclose(shown[1:], 1e-7, rtol=1e-3, atol=0)
