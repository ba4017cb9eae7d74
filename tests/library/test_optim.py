"""Optimisers: their rules by hand, and vectors of which the parameters stay views whatever happens to them."""

import copy
import pickle

import numpy as np
import pytest

import nnlib as nn

OPTIMIZERS = {
    "SGD": lambda params: nn.optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=0.01),
    "Adagrad": lambda params: nn.optim.Adagrad(params, lr=0.3, lr_decay=0.01),
    "RMSprop": lambda params: nn.optim.RMSprop(params, lr=0.02, momentum=0.5, centered=True),
    "Adam": lambda params: nn.optim.Adam(params, lr=0.1),
    "Adam amsgrad": lambda params: nn.optim.Adam(params, lr=0.1, amsgrad=True),
    "AdamW": lambda params: nn.optim.AdamW(params, lr=0.1),
}
every_optimizer = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)


def leaf(data):
    return nn.Tensor(data, requires_grad=True)


def model():
    nn.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


X = np.random.default_rng(0).normal(size=(8, 3))


def learn(net, optimizer, steps=1):
    for _ in range(steps):
        loss = (net(X.astype(net[0].weight.dtype)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def assert_equal_states(a, b, **tolerance):
    for name, array in a.state_dict().items():
        np.testing.assert_allclose(array, b.state_dict()[name], err_msg=name, **tolerance)


# The rules


def test_sgd_steps_against_the_gradient():
    p = leaf([1.0, 2.0])
    p.grad = np.array([10.0, -20.0])
    nn.optim.SGD([p], lr=0.1).step()
    np.testing.assert_allclose(p.data, [0, 4], atol=1e-15)


def test_momentum_adds_up_velocity():
    """v₁ = g, v₂ = μg + g: after two steps θ = −lr (g + (1 + μ) g)."""
    p = leaf([0.0])
    optimizer = nn.optim.SGD([p], lr=0.5, momentum=0.9)
    for _ in range(2):
        p.grad = np.array([1.0])
        optimizer.step()
    np.testing.assert_allclose(p.data, -0.5 * (1 + 1.9))


def test_adagrads_step_falls_with_the_root_of_all_gradients_seen():
    """With g = 1 always, v = t: θ = −lr (1 + 1/√2 + 1/√3)."""
    p = leaf([0.0])
    optimizer = nn.optim.Adagrad([p], lr=0.5)
    for _ in range(3):
        p.grad = np.array([1.0])
        optimizer.step()
    np.testing.assert_allclose(p.data, -0.5 * (1 + 2**-0.5 + 3**-0.5))


def test_rmsprop_takes_equal_steps_in_flat_and_steep_directions():
    p = leaf([0.0, 0.0])
    p.grad = np.array([1e-2, -1e4])
    nn.optim.RMSprop([p], lr=0.1, alpha=0.75).step()
    np.testing.assert_allclose(p.data, [-0.2, 0.2], rtol=1e-5)  # √(1 − α) = 1/2


def test_centered_rmsprop_survives_a_gradient_that_never_changes():
    p = leaf([0.0])
    optimizer = nn.optim.RMSprop([p], lr=1e-9, alpha=0.5, centered=True)
    for _ in range(200):
        p.grad = np.array([0.1])
        optimizer.step()
    assert np.isfinite(p.data)


def test_state_of_centered_rmsprop_has_the_mean_gradient():
    p = leaf([0.0])
    p.grad = np.array([3.0])
    optimizer = nn.optim.RMSprop([p], alpha=0.75, centered=True)
    optimizer.step()
    assert optimizer.state_dict()["state"][0]["grad_avg"].tolist() == [0.75]


def test_amsgrad_remembers_the_largest_gradient():
    steps = []
    for amsgrad in (False, True):
        p = leaf([0.0])
        optimizer = nn.optim.Adam([p], lr=0.1, betas=(0.0, 0.5), amsgrad=amsgrad)
        for g in [100.0, *[1.0] * 30]:
            before = p.data.copy()
            p.grad = np.array([g])
            optimizer.step()
        steps.append(before - p.data)
    np.testing.assert_allclose(steps, [[0.1], [0.1 / np.sqrt(0.5 * 100**2)]], rtol=1e-3)


def test_first_step_of_adam_is_the_learning_rate_against_the_sign():
    p = leaf([0.0, 0.0])
    p.grad = np.array([1e-3, -1e3])
    nn.optim.Adam([p], lr=0.1).step()
    np.testing.assert_allclose(p.data, [-0.1, 0.1], rtol=1e-4)


def test_adamw_decays_without_a_gradient_to_speak_of():
    p = leaf([2.0])
    p.grad = np.array([0.0])
    nn.optim.AdamW([p], lr=0.1, weight_decay=0.5).step()
    np.testing.assert_allclose(p.data, 2 * (1 - 0.1 * 0.5))


@every_optimizer
def test_learning_lowers_the_loss(make):
    net = model()
    before = (net(X) ** 2).mean().item()
    learn(net, make(net.parameters()), steps=50)
    assert (net(X) ** 2).mean().item() < 0.1 * before


def test_changed_learning_rate_counts_from_the_next_step():
    p = leaf([0.0])
    optimizer = nn.optim.SGD([p], lr=1.0)
    optimizer.param_groups[0]["lr"] = 0.25
    p.grad = np.array([1.0])
    optimizer.step()
    assert p.data == -0.25


# The vectors


def test_parameters_become_views_of_one_vector():
    net = model()
    nn.optim.SGD(net.parameters(), lr=0.1)
    assert len({id(p.data.base) for p in net.parameters()}) == 1


def test_gradients_become_views_of_one_vector():
    net = model()
    learn(net, nn.optim.SGD(net.parameters(), lr=0.1))
    assert len({id(p.grad.base) for p in net.parameters()}) == 1


@every_optimizer
def test_making_an_optimizer_changes_no_number(make):
    net = model()
    make(net.parameters())
    assert_equal_states(net, model(), rtol=0)


@every_optimizer
def test_step_without_gradients_changes_nothing(make):
    net = model()
    optimizer = make(net.parameters())
    optimizer.step()
    assert_equal_states(net, model(), rtol=0)


@every_optimizer
def test_parameter_without_gradient_is_left_alone(make):
    still, moving = leaf([1.0, 2.0]), leaf([3.0])
    optimizer = make([still, moving])
    (moving * 2).sum().backward()
    optimizer.step()
    assert still.data.tolist() == [1, 2] and moving.data != 3


@every_optimizer
def test_gradient_of_the_step_before_is_not_used_again(make):
    a, b = leaf([1.0]), leaf([1.0])
    optimizer = make([a, b])
    (a * b).sum().backward()
    optimizer.step()
    held = b.data.copy()
    optimizer.zero_grad()
    (a * 2).sum().backward()
    optimizer.step()
    assert b.grad is None and b.data == held


@every_optimizer
@pytest.mark.parametrize(
    "disturb",
    [
        lambda net, p: setattr(p, "data", p.data.copy()),
        lambda net, p: setattr(p, "data", np.asfortranarray(p.data)),
        lambda net, p: setattr(p, "data", p.data[:]),
        lambda net, p: setattr(p, "grad", p.grad.copy()),
        lambda net, p: net.zero_grad(),
        lambda net, p: net.load_state_dict(net.state_dict()),
        lambda net, p: nn.optim.Adam(net.parameters()),
        lambda net, p: nn.optim.SGD([p], lr=1.0),
        lambda net, p: net.to("float64"),
    ],
    ids=["new data", "other layout", "new view", "new grad", "zero_grad", "load", "optimizer", "part", "to"],
)
def test_learning_goes_on_whatever_arrays_a_parameter_is_given(make, disturb):
    expected, net = model(), model()
    reference, optimizer = make(expected.parameters()), make(net.parameters())
    for _ in range(3):
        learn(expected, reference)
        learn(net, optimizer)
        disturb(net, net[0].weight)
    assert_equal_states(net, expected, rtol=1e-13)


def test_parameters_may_swap_their_arrays():
    a, b = leaf([1.0]), leaf([2.0])
    optimizer = nn.optim.SGD([a, b], lr=1.0)
    a.data, b.data = b.data, a.data
    a.grad = np.array([0.5])
    optimizer.step()
    assert (a.data, b.data) == (1.5, 1.0)


@every_optimizer
def test_another_optimizer_may_take_turns_on_the_same_parameters(make):
    expected, net = model(), model()
    reference, optimizer, other = (
        make(expected.parameters()),
        make(net.parameters()),
        nn.optim.SGD(net.parameters(), lr=0),
    )
    for _ in range(4):
        learn(expected, reference)
        learn(net, optimizer)
        learn(net, other)
    assert_equal_states(net, expected, rtol=1e-13)


def test_optimizers_that_take_turns_both_move_the_parameters():
    net = model()
    optimizers = [nn.optim.SGD(net.parameters(), lr=lr) for lr in (0.1, 0.3)]
    for optimizer in 2 * optimizers:
        before = [p.data.copy() for p in net.parameters()]
        learn(net, optimizer)
        for p, start in zip(net.parameters(), before, strict=True):
            np.testing.assert_allclose(p.data, start - optimizer.param_groups[0]["lr"] * p.grad, rtol=1e-13)


@every_optimizer
def test_model_may_change_its_dtype_between_steps(make):
    expected, net = model(), model()
    reference, optimizer = make(expected.parameters()), make(net.parameters())
    learn(expected, reference, steps=5)
    learn(net, optimizer, steps=2)
    net.to("float32")
    learn(net, optimizer, steps=3)
    assert {p.dtype for p in net.parameters()} == {np.dtype("float32")}
    assert_equal_states(net, expected, rtol=1e-3, atol=1e-4)


@every_optimizer
def test_float32_parameters_stay_float32(make):
    net = model().to("float32")
    optimizer = make(net.parameters())
    learn(net, optimizer, steps=2)
    assert {array.dtype for p in net.parameters() for array in (p.data, p.grad)} == {np.dtype("float32")}


def test_numpy_learning_rate_does_not_widen_float32():
    p = leaf(np.ones(1, np.float32))
    p.grad = np.ones(1, np.float32)
    nn.optim.Adam([p], lr=np.float64(0.1)).step()
    assert p.data.dtype == np.float32


def test_part_of_a_model_may_not_change_its_dtype_alone():
    net = model()
    optimizer = nn.optim.SGD(net.parameters(), lr=0.1)
    net[0].to("float32")
    before = net.state_dict()
    for p in net.parameters():
        p.grad = np.ones_like(p.data)
    with pytest.raises(ValueError, match=r"must have one dtype, got \['float32', 'float64'\]"):
        optimizer.step()
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_scalar_parameter_learns():
    p = leaf(2.0)
    optimizer = nn.optim.SGD([p], lr=0.25)
    (p * p).backward()
    optimizer.step()
    assert (p.data, p.shape) == (1, ())


def test_array_given_to_a_parameter_that_is_not_contiguous_learns(rng):
    start = rng.normal(size=(3, 2))
    p = leaf(start.T)
    optimizer = nn.optim.SGD([p], lr=0.5)
    (p * p).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(p.data, 0, atol=1e-15)


# Bad settings


@every_optimizer
def test_step_goes_through_groups_with_their_own_settings(make):
    still, moving = leaf([1.0]), leaf([1.0])
    optimizer = make([{"params": [still], "lr": 0.0}, {"params": [moving]}])
    (still * moving).sum().backward()
    optimizer.step()
    assert still.data == 1 and moving.data != 1


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, "0.1", None], ids=repr)
@pytest.mark.parametrize(
    ("optimizer", "setting"),
    [
        (nn.optim.SGD, "lr"),
        (nn.optim.SGD, "momentum"),
        (nn.optim.SGD, "dampening"),
        (nn.optim.SGD, "weight_decay"),
        (nn.optim.Adam, "lr"),
        (nn.optim.Adam, "eps"),
        (nn.optim.Adam, "weight_decay"),
        (nn.optim.AdamW, "weight_decay"),
        (nn.optim.Adagrad, "lr_decay"),
        (nn.optim.Adagrad, "initial_accumulator_value"),
        (nn.optim.Adagrad, "eps"),
        (nn.optim.RMSprop, "alpha"),
        (nn.optim.RMSprop, "eps"),
        (nn.optim.RMSprop, "momentum"),
    ],
)
def test_refuses_a_setting_that_is_no_finite_number_from_0_up(optimizer, setting, value):
    with pytest.raises(ValueError, match=f"{setting} must be a finite number ≥ 0, got {value!r}"):
        optimizer([leaf([1.0])], **{setting: value})


@pytest.mark.parametrize(
    "betas", [(1.0, 0.9), (0.9, 1.0), (-0.1, 0.9), (0.9, np.nan), (0.9,), (0.9, 0.9, 0.9), 0.9], ids=str
)
def test_refuses_betas_that_are_no_two_numbers_below_1(betas):
    with pytest.raises(ValueError, match=r"betas must be two numbers in \[0, 1\), got "):
        nn.optim.Adam([leaf([1.0])], betas=betas)


def test_refuses_an_average_that_never_moves():
    with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\), got 1.0"):
        nn.optim.RMSprop([leaf([1.0])], alpha=1.0)


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.9, "dampening": 0.1}], ids=str)
def test_refuses_nesterov_without_momentum_or_with_dampening(settings):
    with pytest.raises(ValueError, match="nesterov needs momentum > 0 and dampening = 0, got"):
        nn.optim.SGD([leaf([1.0])], lr=0.1, nesterov=True, **settings)


def test_refuses_a_bad_setting_of_a_group():
    with pytest.raises(ValueError, match="lr must be a finite number ≥ 0, got -1"):
        nn.optim.SGD([{"params": [leaf([1.0])]}, {"params": [leaf([1.0])], "lr": -1}], lr=0.1)


@pytest.mark.parametrize("params", [[], [{"params": []}], iter(())], ids=["list", "group", "iterator"])
def test_refuses_to_move_nothing(params):
    with pytest.raises(ValueError, match="at least one parameter in each group, got none"):
        nn.optim.SGD(params, lr=0.1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_add_up_where_an_optimizer_keeps_them(dtype):
    """Twice in one pass, where a layer is used twice, and over passes; whatever the dtype of what comes in."""
    layer, alone = (nn.Linear(3, 3).to(dtype) for _ in range(2))
    alone.load_state_dict(layer.state_dict())
    optimizer = nn.optim.SGD(layer.parameters())
    for net in (layer, alone):
        for x in (X.astype("float32"), X):
            (net(net(x)) * np.array([1.0, 2.0, 3.0])).sum().backward()
    for p, q in zip(layer.parameters(), alone.parameters(), strict=True):
        assert p.grad.dtype == dtype
        np.testing.assert_allclose(p.grad, q.grad, rtol=1e-12 if dtype == "float64" else 1e-5)
    before = layer.weight.data.copy()
    optimizer.step()
    np.testing.assert_allclose(layer.weight.data, before - 1e-3 * alone.weight.grad, rtol=1e-5)


def test_refuses_a_parameter_given_twice():
    p = leaf([1.0])
    with pytest.raises(ValueError, match="given to the optimizer twice"):
        nn.optim.SGD([{"params": [p]}, {"params": [p]}], lr=0.1)


def test_refuses_a_single_tensor():
    with pytest.raises(TypeError, match="params must be an iterable of parameters, got a single tensor"):
        nn.optim.SGD(leaf([1.0, 2.0]), lr=0.1)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (np.ones(2), "takes tensors, got ndarray"),
        (("weight", leaf([1.0])), "takes tensors, got tuple"),
        (nn.Tensor([1.0]), r"leaf tensors that require gradients, got one of \(1,\) that does not require gradients"),
        (leaf([1.0]) * 2, r"leaf tensors that require gradients, got one of \(1,\) that is the result of an operation"),
    ],
    ids=["array", "pair", "constant", "result"],
)
def test_refuses_what_is_no_leaf_that_requires_gradients(item, message):
    with pytest.raises(TypeError, match=message):
        nn.optim.SGD([item], lr=0.1)


def test_refuses_a_group_without_parameters():
    with pytest.raises(ValueError, match=r"a group of parameters must have the key 'params', got \['lr'\]"):
        nn.optim.SGD([{"params": leaf([1.0])}, {"lr": 0.1}])


def test_refuses_parameters_of_two_dtypes_in_a_group():
    params = [leaf(np.ones(2, np.float32)), leaf(np.ones(2))]
    with pytest.raises(ValueError, match=r"must have one dtype, got \['float32', 'float64'\]"):
        nn.optim.SGD(params, lr=0.1)
    assert params[0].dtype == np.float32


# The state


@every_optimizer
def test_state_lets_another_optimizer_go_on_bit_for_bit(make):
    expected, first = model(), model()
    learn(expected, make(expected.parameters()), steps=7)
    optimizer = make(first.parameters())
    learn(first, optimizer, steps=4)

    second = model()
    second.load_state_dict(first.state_dict())
    resumed = make(second.parameters())
    resumed.load_state_dict(optimizer.state_dict())
    learn(second, resumed, steps=3)
    assert_equal_states(second, expected, rtol=0)


@every_optimizer
def test_state_lets_an_optimizer_go_back(make):
    net = model()
    optimizer = make(net.parameters())
    learn(net, optimizer, steps=2)
    weights, state = net.state_dict(), optimizer.state_dict()
    learn(net, optimizer, steps=3)
    there = net.state_dict()
    net.load_state_dict(weights)
    optimizer.load_state_dict(state)
    learn(net, optimizer, steps=3)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, there[name])


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda p: nn.optim.SGD(p, momentum=0.9), {"step", "momentum_buffer"}),
        (lambda p: nn.optim.Adagrad(p), {"step", "sum"}),
        (lambda p: nn.optim.RMSprop(p), {"step", "square_avg"}),
        (
            lambda p: nn.optim.RMSprop(p, momentum=0.9, centered=True),
            {"step", "square_avg", "momentum_buffer", "grad_avg"},
        ),
        (lambda p: nn.optim.AdamW(p), {"step", "exp_avg", "exp_avg_sq"}),
        (lambda p: nn.optim.Adam(p, amsgrad=True), {"step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"}),
    ],
)
def test_state_has_pytorchs_names_and_the_parameters_shapes(make, names):
    net = model()
    optimizer = make([{"params": net[0].parameters()}, {"params": net[2].parameters(), "lr": 0.5}])
    learn(net, optimizer)
    state = optimizer.state_dict()
    assert [group["params"] for group in state["param_groups"]] == [[0, 1], [2, 3]]
    assert state["param_groups"][1]["lr"] == 0.5
    assert [kept.keys() for kept in state["state"].values()] == [names] * 4
    for i, p in enumerate(net.parameters()):
        assert {np.shape(state["state"][i][name]) for name in names - {"step"}} == {p.shape}


def test_descent_without_momentum_keeps_only_its_steps():
    p = leaf([0.0])
    p.grad = np.array([1.0])
    optimizer = nn.optim.SGD([p])
    optimizer.step()
    assert optimizer.state_dict()["state"] == {0: {"step": 1}}


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))], ids=["copy", "pickle"]
)
def test_copy_of_model_and_optimizer_goes_on_by_itself(copied):
    def step(model, optimizer):
        optimizer.zero_grad()
        model(np.ones((2, 3))).sum().backward()
        optimizer.step()

    first = nn.Linear(3, 2)
    first = first, nn.optim.Adam(first.parameters(), lr=0.1)
    step(*first)
    second, before = copied(first), first[0].state_dict()
    step(*second)
    for name, array in before.items():
        np.testing.assert_array_equal(first[0].state_dict()[name], array)
    step(*first)
    for name, array in first[0].state_dict().items():
        np.testing.assert_array_equal(second[0].state_dict()[name], array)
        assert (array != before[name]).all()


def test_state_of_an_optimizer_that_was_given_momentum_between_steps_is_its_own():
    p = leaf([1.0])
    optimizer = nn.optim.SGD([p], lr=0.1)
    p.grad = np.ones(1)
    optimizer.step()
    optimizer.param_groups[0]["momentum"] = 0.9
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.step()
    assert p.tolist() == pytest.approx([0.8])


def test_state_leaves_out_parameters_that_never_moved():
    still, moving = leaf([1.0]), leaf([1.0])
    optimizer = nn.optim.Adam([still, moving])
    (moving * 2).sum().backward()
    optimizer.step()
    assert list(optimizer.state_dict()["state"]) == [1]


@every_optimizer
def test_state_that_was_loaded_comes_out_again(make):
    net, other = model(), model()
    optimizer, second = make(net.parameters()), make(other.parameters())
    learn(net, optimizer, steps=3)
    second.load_state_dict(optimizer.state_dict())
    assert repr(second.state_dict()) == repr(optimizer.state_dict())


def test_state_is_a_copy():
    net = model()
    optimizer = nn.optim.Adam(net.parameters())
    learn(net, optimizer)
    held = optimizer.state_dict()
    before = held["state"][0]["exp_avg"].copy()
    learn(net, optimizer)
    np.testing.assert_array_equal(held["state"][0]["exp_avg"], before)


def test_loaded_learning_rate_counts_and_schedules_still_reach_it():
    p = leaf([0.0])
    optimizer = nn.optim.SGD([p], lr=1.0)
    schedule = nn.optim.lr_scheduler.StepLR(optimizer, 1)
    state = optimizer.state_dict()
    state["param_groups"][0]["lr"] = 0.25
    optimizer.load_state_dict(state)
    schedule.step()
    p.grad = np.array([1.0])
    optimizer.step()
    np.testing.assert_allclose(p.data, -0.025)


def test_state_of_pytorch_may_have_settings_of_its_own():
    p = leaf([0.0])
    optimizer = nn.optim.RMSprop([p])
    state = optimizer.state_dict()
    state["param_groups"][0] |= {"foreach": None, "capturable": False}
    state["state"] = {0: {"step": np.float32(1), "square_avg": np.array([0.99])}}
    optimizer.load_state_dict(state)
    p.grad = np.array([1.0])
    optimizer.step()
    np.testing.assert_allclose(p.data, -0.01 / np.sqrt(0.99**2 + 0.01))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("state"), r"state of an optimizer lacks \['state'\]"),
        (lambda s: s["param_groups"].pop(), r"has groups of \[2, 2\] parameters, the state has \[2\]"),
        (lambda s: s["param_groups"][1]["params"].pop(), r"has groups of \[2, 2\] parameters, the state has \[2, 1\]"),
        (lambda s: s["param_groups"][1].pop("betas"), r"lacks the settings \['betas'\]"),
        (lambda s: s["param_groups"][1].update(lr=np.nan), "bad setting: lr must be a finite number ≥ 0, got nan"),
        (lambda s: s["param_groups"][1].update(betas=None), "bad setting: "),
        (lambda s: s["state"][3].pop("exp_avg"), r"state of a parameter lacks \['exp_avg'\]"),
        (lambda s: s["state"][3].pop("step"), r"state of a parameter lacks \['step'\]"),
        (
            lambda s: s["state"][3].update(exp_avg=np.ones(2)),
            r"exp_avg must be numbers of shape \(1,\), got float64 of",
        ),
        (lambda s: s["state"][3].update(exp_avg=["a"]), r"exp_avg must be numbers of shape \(1,\), got <U1 of \(1,\)"),
        (lambda s: s["state"][3].update(step=[1, 2]), r"step must be numbers of shape \(\), got int64 of \(2,\)"),
    ],
    ids=range(11),
)
def test_refuses_a_state_that_does_not_fit_and_changes_nothing(change, message):
    net = model()
    optimizer = nn.optim.Adam([{"params": net[0].parameters()}, {"params": net[2].parameters(), "lr": 0.5}])
    learn(net, optimizer, steps=2)
    before, state = optimizer.state_dict(), optimizer.state_dict()
    state["param_groups"][0]["lr"] = 7.0
    state["state"][0]["exp_avg"] += 7
    change(state)
    with pytest.raises(nn.LoadError, match=message):
        optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 1e-3
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for i, kept in before["state"].items():
        for name, array in kept.items():
            np.testing.assert_array_equal(after["state"][i][name], array)


def test_a_parameter_without_a_gradient_stays_though_those_after_it_move():
    frozen, first, second = (nn.Parameter(np.ones(2)) for _ in range(3))
    optimizer = nn.optim.SGD([frozen, first, second], lr=0.1)
    for p in (frozen, first, second):
        p.grad = np.ones(2)
    optimizer.step()
    optimizer.zero_grad()
    (first.sum() + second.sum()).backward()
    optimizer.step()
    np.testing.assert_allclose(frozen.data, 0.9, rtol=1e-12)
    for p in (first, second):
        np.testing.assert_allclose(p.data, 0.8, rtol=1e-12)


def test_what_the_rule_keeps_follows_the_dtype_of_the_model():
    net = model()
    optimizer = nn.optim.Adam(net.parameters())
    learn(net, optimizer, steps=1)
    net.to("float32")
    learn(net, optimizer, steps=1)
    kept = optimizer.state_dict()["state"]
    assert {array.dtype for state in kept.values() for name, array in state.items() if name != "step"} == {
        np.dtype("float32")
    }


def test_descent_without_momentum_keeps_none():
    net = model()
    optimizer = nn.optim.SGD(net.parameters(), lr=0.1)
    learn(net, optimizer, steps=1)
    assert not any("momentum_buffer" in state for state in optimizer.state_dict()["state"].values())
