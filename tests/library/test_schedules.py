"""Learning-rate schedules: their shapes by formula, their states, and what they refuse. PyTorch's numbers: parity."""

import math

import numpy as np
import pytest

import nnlib as nn
from nnlib.optim import lr_scheduler

SCHEDULES = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, 3),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [2, 5]),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + t)),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o, total_iters=8),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 10, eta_min=0.1),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3, T_mult=2),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o), lr_scheduler.ExponentialLR(o, 0.9)], [4]
    ),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=1, cooldown=1),
}
every_schedule = pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)


def optimizer(*rates):
    return nn.optim.SGD([{"params": [nn.Parameter([0.0])], "lr": lr} for lr in rates or (1.0,)])


def run(schedule, epochs):
    """Return the rate of the first group in each epoch."""
    rates = []
    for _ in range(epochs):
        rates.append(schedule.optimizer.param_groups[0]["lr"])
        schedule.step(*[1.0] if isinstance(schedule, lr_scheduler.ReduceLROnPlateau) else [])
    return rates


# Shapes


def test_cosine_falls_along_half_a_cosine_and_rises_again():
    rates = run(lr_scheduler.CosineAnnealingLR(optimizer(), 12, eta_min=0.2), 30)
    expected = [0.2 + 0.8 * (1 + math.cos(math.pi * t / 12)) / 2 for t in range(30)]
    np.testing.assert_allclose(rates, expected)


def test_warm_restarts_begin_again_from_the_first_rate():
    rates = run(lr_scheduler.CosineAnnealingWarmRestarts(optimizer(0.3), 2, T_mult=3), 30)
    assert [t for t, rate in enumerate(rates) if rate == 0.3] == [0, 2, 8, 26]


def test_warm_up_is_even():
    rates = run(lr_scheduler.LinearLR(optimizer(2.0), start_factor=0.25, total_iters=6), 9)
    np.testing.assert_allclose(rates, 2 * np.array([2, 3, 4, 5, 6, 7, 8, 8, 8]) / 8)


def test_linear_may_end_at_exactly_zero():
    assert run(lr_scheduler.LinearLR(optimizer(0.1), 1.0, 0.0, total_iters=7), 12)[7:] == [0.0] * 5


def test_sequence_follows_each_schedule_from_its_milestone():
    o = optimizer()
    warm_up, fall = lr_scheduler.LinearLR(o, 0.5, total_iters=2), lr_scheduler.ExponentialLR(o, 0.5)
    rates = run(lr_scheduler.SequentialLR(o, [warm_up, fall], [3]), 7)
    np.testing.assert_allclose(rates, [0.5, 0.75, 1, 1, 0.5, 0.25, 0.125])


def test_sequence_may_be_part_of_a_sequence():
    o = optimizer()
    inner = lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(o, 1), lr_scheduler.StepLR(o, 1, 0.5)], [2])
    rates = run(lr_scheduler.SequentialLR(o, [lr_scheduler.ExponentialLR(o, 0.9), inner], [2]), 7)
    np.testing.assert_allclose(rates, [1, 0.9, 1, 0.1, 1, 0.5, 0.25])


def test_plateau_waits_so_many_epochs_before_it_lowers_the_rate():
    rates = run(lr_scheduler.ReduceLROnPlateau(optimizer(), patience=3, factor=0.5), 11)
    np.testing.assert_allclose(rates, [1] * 5 + [0.5] * 4 + [0.25] * 2)


def test_plateau_may_fall_to_the_least_rate_at_once():
    rates = run(lr_scheduler.ReduceLROnPlateau(optimizer(), patience=0, factor=0.0, min_lr=0.25), 4)
    assert rates == [1, 1, 0.25, 0.25]


def test_plateau_leaves_out_a_fall_that_is_not_larger_than_eps():
    rates = run(lr_scheduler.ReduceLROnPlateau(optimizer(), patience=0, factor=0.5, eps=0.5), 4)
    assert rates == [1] * 4


@every_schedule
def test_schedule_counts_its_epochs_from_0(make):
    schedule = make(optimizer())
    assert schedule.last_epoch == 0
    run(schedule, 3)
    assert schedule.last_epoch == 3


@pytest.mark.parametrize(
    ("mode", "threshold_mode", "limit"),
    [("min", "rel", 2 * (1 - 0.2)), ("min", "abs", 2 - 0.2), ("max", "rel", 2 * (1 + 0.2)), ("max", "abs", 2 + 0.2)],
)
def test_plateau_counts_as_better_what_passes_the_threshold(mode, threshold_mode, limit):
    for metric, best in ((limit, 2.0), (better := limit + (0.01 if mode == "max" else -0.01), better)):
        schedule = lr_scheduler.ReduceLROnPlateau(optimizer(), mode, threshold=0.2, threshold_mode=threshold_mode)
        schedule.step(2.0)
        schedule.step(metric)
        assert schedule.best == best


def test_each_group_keeps_its_own_rate():
    schedule = lr_scheduler.ExponentialLR(optimizer(1.0, 0.1), 0.5)
    schedule.step()
    np.testing.assert_allclose(schedule.get_last_lr(), [0.5, 0.05])


@every_schedule
def test_optimizer_steps_with_the_rate_of_the_schedule(make):
    o = optimizer(0.5)
    schedule = make(o)
    run(schedule, 3)
    (p,) = o.param_groups[0]["params"]
    p.grad = np.ones(1)
    o.step()
    np.testing.assert_allclose(p.data, -schedule.get_last_lr()[0])


# States


@every_schedule
def test_state_lets_another_schedule_go_on_bit_for_bit(make):
    expected = run(make(optimizer()), 40)
    first = make(optimizer())
    run(first, 7)
    second = make(optimizer())
    second.load_state_dict(first.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    assert second.get_last_lr() == first.get_last_lr()
    assert run(second, 33) == expected[7:]


@every_schedule
def test_state_is_a_copy(make):
    schedule = make(optimizer())
    state = schedule.state_dict()
    before = repr(state)
    run(schedule, 10)
    assert repr(state) == before


def test_state_shares_nothing_with_the_schedule():
    schedule = lr_scheduler.MultiStepLR(optimizer(), [2, 5])
    state = schedule.state_dict()
    state["milestones"].append(9)
    assert schedule.milestones == [2, 5]
    schedule.load_state_dict(state)
    state["milestones"].append(11)
    assert schedule.milestones == [2, 5, 9]


def test_first_rate_is_kept_in_the_group():
    o = optimizer(0.5)
    run(lr_scheduler.ExponentialLR(o, 0.1), 3)
    assert o.param_groups[0]["initial_lr"] == 0.5


@every_schedule
def test_refuses_the_state_of_another_kind_and_changes_nothing(make):
    schedule = make(optimizer())
    run(schedule, 2)
    before = schedule.state_dict()
    with pytest.raises(nn.LoadError, match=f"the state of {type(schedule).__name__} has "):
        schedule.load_state_dict({**before, "last_epoch": 9, "other": 1})
    assert schedule.state_dict() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda states: states.pop(), "there are 2 schedulers, the state has 1"),
        (lambda states: states[1].pop("gamma"), "the state of ExponentialLR has"),
    ],
)
def test_sequence_refuses_a_state_with_other_schedules_and_changes_nothing(change, message):
    schedule = SCHEDULES["SequentialLR"](optimizer())
    before, state = schedule.state_dict(), schedule.state_dict()
    state["last_epoch"] = state["schedulers"][0]["last_epoch"] = 9
    change(state["schedulers"])
    with pytest.raises(nn.LoadError, match=message):
        schedule.load_state_dict(state)
    assert schedule.state_dict() == before


# Bad settings


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: lr_scheduler.StepLR(o, 0), "step_size must be an integer ≥ 1, got 0"),
        (lambda o: lr_scheduler.StepLR(o, 2.0), "step_size must be an integer ≥ 1, got 2.0"),
        (lambda o: lr_scheduler.StepLR(o, True), "step_size must be an integer ≥ 1, got True"),
        (lambda o: lr_scheduler.StepLR(o, 2, -0.1), "gamma must be a finite number ≥ 0, got -0.1"),
        (lambda o: lr_scheduler.MultiStepLR(o, [3, -1]), "a milestone must be an integer ≥ 0, got -1"),
        (lambda o: lr_scheduler.MultiStepLR(o, [3], math.nan), "gamma must be a finite number ≥ 0, got nan"),
        (lambda o: lr_scheduler.ExponentialLR(o, math.inf), "gamma must be a finite number ≥ 0, got inf"),
        (lambda o: lr_scheduler.ExponentialLR(o, "0.9"), "gamma must be a finite number ≥ 0, got '0.9'"),
        (lambda o: lr_scheduler.LambdaLR(o, [abs] * 3), "lr_lambda must be one for all, or one for each of 2 groups"),
        (lambda o: lr_scheduler.LambdaLR(o, lambda t: -1), r"lr_lambda\(0\) must be a finite number ≥ 0, got -1"),
        (lambda o: lr_scheduler.LinearLR(o, 0), r"start_factor must be in \(0, 1\], got 0"),
        (lambda o: lr_scheduler.LinearLR(o, 1.5), r"start_factor must be in \(0, 1\], got 1.5"),
        (lambda o: lr_scheduler.LinearLR(o, math.nan), r"start_factor must be in \(0, 1\], got nan"),
        (lambda o: lr_scheduler.LinearLR(o, 1, 1.1), r"end_factor must be in \[0, 1\], got 1.1"),
        (lambda o: lr_scheduler.LinearLR(o, total_iters=0), "total_iters must be an integer ≥ 1, got 0"),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 0), "T_max must be an integer ≥ 1, got 0"),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 5, -1), "eta_min must be a finite number ≥ 0, got -1"),
        (lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 0), "T_0 must be an integer ≥ 1, got 0"),
        (lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 1, 0), "T_mult must be an integer ≥ 1, got 0"),
        (
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 1, 1, -1),
            "eta_min must be a finite number ≥ 0, got -1",
        ),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, "least"), "mode must be 'min' or 'max', got 'least'"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1), r"factor must be in \[0, 1\), got 1"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=-1), "patience must be an integer ≥ 0, got -1"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, cooldown=1.5), "cooldown must be an integer ≥ 0, got 1.5"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, threshold=-1), "threshold must be a finite number ≥ 0, got -1"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, eps=-1), "eps must be a finite number ≥ 0, got -1"),
        (
            lambda o: lr_scheduler.ReduceLROnPlateau(o, threshold_mode="r"),
            "threshold_mode must be 'rel' or 'abs', got 'r'",
        ),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, min_lr=[0.1]), "min_lr must be one for all, or one for each of 2"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, min_lr=-0.1), "min_lr must be a finite number ≥ 0, got -0.1"),
        (lambda o: lr_scheduler.SequentialLR(o, [], []), "SequentialLR needs at least one schedule"),
        (
            lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(o, 1)], [3]),
            r"1 schedulers need 0 milestones in rising order, got \[3\]",
        ),
        (
            lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(o, 1)] * 2, [-1]),
            "a milestone must be an integer ≥ 0, got -1",
        ),
        (
            lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(o, 1)] * 3, [3, 1]),
            r"3 schedulers need 2 milestones in rising order, got \[3, 1\]",
        ),
        (
            lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(optimizer(), 1)], []),
            "StepLR belongs to another optimizer",
        ),
    ],
)
def test_refuses_a_bad_setting_and_leaves_the_rates(make, message):
    o = optimizer(1.0, 0.5)
    with pytest.raises(ValueError, match=message):
        make(o)
    assert [group["lr"] for group in o.param_groups] == [1.0, 0.5]


@pytest.mark.parametrize("total", [3, 7, 57])
@pytest.mark.parametrize("start", [0.01, 0.05, 1 / 3, 1.0])
def test_rate_that_falls_to_0_is_never_below(start, total):
    o = optimizer(0.1)
    schedule = lr_scheduler.LinearLR(o, start, 0.0, total)
    rates = [o.param_groups[0]["lr"]]
    for _ in range(total):
        schedule.step()
        rates.append(o.param_groups[0]["lr"])
    assert min(rates[:-1]) > 0 and rates[-1] == 0


def test_refused_schedule_leaves_no_first_rate_behind():
    o = optimizer(1.0)
    with pytest.raises(ValueError):
        lr_scheduler.LambdaLR(o, lambda t: -1)
    o.param_groups[0]["lr"] = 0.1
    assert lr_scheduler.ExponentialLR(o, 0.5).base_lrs == [0.1]


def test_refuses_a_function_that_turns_negative_and_stays_in_its_epoch():
    schedule = lr_scheduler.LambdaLR(optimizer(), lambda t: 1 - t)
    schedule.step()
    with pytest.raises(ValueError, match=r"lr_lambda\(2\) must be a finite number ≥ 0, got -1"):
        schedule.step()
    assert schedule.last_epoch == 1 and schedule.get_last_lr() == [0.0]


def test_plateau_refuses_what_is_no_number_and_counts_no_epoch():
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer())
    before = schedule.state_dict()
    with pytest.raises(TypeError):
        schedule.step(None)
    assert schedule.state_dict() == before


@pytest.mark.parametrize("wrong", [None, 0.1, nn.Linear(1, 1)], ids=str)
def test_refuses_what_is_no_optimizer(wrong):
    with pytest.raises(TypeError, match=f"StepLR needs an optimizer, got {type(wrong).__name__}"):
        lr_scheduler.StepLR(wrong, 1)


def test_sequence_refuses_a_schedule_that_needs_a_metric():
    o = optimizer()
    with pytest.raises(TypeError, match="SequentialLR takes schedules that need no metric, got ReduceLROnPlateau"):
        lr_scheduler.SequentialLR(o, [lr_scheduler.ReduceLROnPlateau(o)], [])
