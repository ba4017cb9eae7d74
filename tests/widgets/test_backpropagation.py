"""The graph that the reader walks in chapter 7 carries the gradients that nnlib computes."""

import numpy as np

import nnlib as nn
from nnlib.widgets import backpropagation
from nnlib.widgets.panels import number


def last_frame(graph):
    widget = backpropagation.graph_steps()
    return widget.results(graph=graph, step=widget.controls[-1].values[-1])


def shown_gradients(graph):
    """The texts below the nodes in the last frame."""
    last = last_frame(graph)
    return {name: text for name, text in zip(last["name"], last["gradient"], strict=True) if name}


def test_two_paths_add_up():
    x = nn.Tensor([2.0], requires_grad=True)
    ((x * x) * (3 * x)).sum().backward()
    assert shown_gradients("two paths")["x"] == number(x.grad[0], ".3g")


def test_one_neuron_has_the_gradients_of_its_weight_and_bias():
    w, x, b = (nn.Tensor([v], requires_grad=True) for v in (0.8, 1.5, -0.5))
    nn.MSELoss(reduction="sum")(nn.functional.tanh(w * x + b), np.array([1.0])).backward()
    shown = shown_gradients("one neuron")
    assert [shown[name] for name in "wxb"] == [number(t.grad[0], ".3g") for t in (w, x, b)]


def test_the_small_network_has_the_gradients_of_its_inputs_and_hidden_units():
    x = nn.Tensor([[1.0, 0.5]], requires_grad=True)
    first, second = nn.Linear(2, 2), nn.Linear(2, 1)
    first.weight.data[...], first.bias.data[...] = [[0.3, 0.5], [0.7, -0.2]], [0.1, -0.1]
    second.weight.data[...], second.bias.data[...] = [[0.6, -0.4]], [0.2]
    z = first(x)
    z.retain_grad()
    nn.BCEWithLogitsLoss()(second(nn.functional.relu(z)), np.array([[1.0]])).backward()
    shown = shown_gradients("a small network")
    expected = [number(v, ".3g") for v in (*x.grad[0], *z.grad[0])]
    assert [shown[name] for name in ("x₁", "x₂", "z₁", "z₂")] == expected
    on_edges = [label for label in last_frame("a small network")["label"] if label]
    weights = [*first.weight.grad.ravel(), *second.weight.grad.ravel()]
    assert sorted(on_edges) == sorted(number(v, ".3g") for v in weights)


def test_clipping_changes_the_length_of_the_gradient_and_not_its_profile():
    plain, _ = backpropagation.norms("tanh", "wide, gain 6", 10)
    clipped, _ = backpropagation.norms("tanh", "wide, gain 6", 10, "clipping to 1")
    assert np.allclose(clipped / clipped[0], plain / plain[0])
    assert np.sqrt((clipped**2).sum()) <= 1
