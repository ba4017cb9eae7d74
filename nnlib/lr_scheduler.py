"""Learning-rate schedules: each changes the ``lr`` of an optimiser's groups once an epoch, when ``step`` is called.

Most multiply the rate they find, so that several may act on one optimiser together.
"""

import copy
import math
from bisect import bisect_right

from nnlib.checks import integer, not_negative, one_of
from nnlib.module import LoadError


class LRScheduler:
    """What all schedules share. Epochs are counted from 0, which begins when the schedule is made.

    Args:
        optimizer: whose ``param_groups`` have the learning rates. The rate that each group first had is its η₀,
            kept in the group as ``initial_lr``.

    Attributes:
        last_epoch: the epoch t that the rates are for.
        base_lrs: η₀ of each group.

    Raises:
        TypeError: if ``optimizer`` is not an optimiser.
        ValueError: if a setting is out of range.
    """

    def __init__(self, optimizer):
        self._attach(optimizer)
        self.base_lrs = [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]
        self.last_epoch = -1
        self.step()
        for group, base_lr in zip(optimizer.param_groups, self.base_lrs, strict=True):
            group["initial_lr"] = base_lr

    def step(self):
        """Go to the next epoch: call it after the epoch's steps of the optimiser."""
        t = self.last_epoch + 1
        rates = self._rates(t)
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self.last_epoch, self._last_lr = t, rates

    def get_last_lr(self):
        """Return the rate of each group as this schedule left it."""
        return self._last_lr

    def state_dict(self):
        """Return a copy of the schedule's settings and of where it stands."""
        return copy.deepcopy({key: value for key, value in vars(self).items() if key not in self._not_saved})

    def load_state_dict(self, state_dict):
        """Go on from where a schedule of the same kind was. The rates themselves are in the optimiser's state.

        Args:
            state_dict: as :meth:`state_dict` returns it.

        Raises:
            LoadError: if the state is not one of this kind; nothing is changed.
        """
        self._require_own_state(state_dict)
        vars(self).update(copy.deepcopy({k: v for k, v in state_dict.items() if k not in self._not_saved}))

    _not_saved = ("optimizer",)

    def _attach(self, optimizer):
        if not hasattr(optimizer, "param_groups"):
            raise TypeError(f"{type(self).__name__} needs an optimizer, got {type(optimizer).__name__}")
        self.optimizer = optimizer

    def _require_own_state(self, state_dict):
        if state_dict.keys() != (own := self.state_dict()).keys():
            raise LoadError(f"the state of {type(self).__name__} has {sorted(own)}, got {sorted(state_dict)}")

    def _rates(self, t):
        groups = zip(self.optimizer.param_groups, self.base_lrs, strict=True)
        return [self._next(t, group["lr"], base_lr) for group, base_lr in groups]

    def _next(self, t, lr, base_lr):
        """Return the rate for epoch t of a group that has the rate ``lr`` and began with ``base_lr``."""
        raise NotImplementedError

    def _restart(self):
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = base
        self.last_epoch = -1
        self.step()


class StepLR(LRScheduler):
    """Multiply the rate by γ every ``step_size`` epochs.

    Args:
        optimizer: the optimiser.
        step_size: epochs between falls, ≥ 1.
        gamma: γ ≥ 0.
    """

    def __init__(self, optimizer, step_size, gamma=0.1):
        self.step_size = integer("step_size", step_size)
        self.gamma = not_negative("gamma", gamma)
        super().__init__(optimizer)

    def _next(self, t, lr, base_lr):
        return lr * self.gamma if t > 0 and t % self.step_size == 0 else lr


class MultiStepLR(LRScheduler):
    """Multiply the rate by γ at each of ``milestones``, twice where one is named twice.

    Args:
        optimizer: the optimiser.
        milestones: epochs ≥ 0.
        gamma: γ ≥ 0.
    """

    def __init__(self, optimizer, milestones, gamma=0.1):
        self.milestones = [integer("a milestone", t, least=0) for t in milestones]
        self.gamma = not_negative("gamma", gamma)
        super().__init__(optimizer)

    def _next(self, t, lr, base_lr):
        return lr * self.gamma ** self.milestones.count(t)


class ExponentialLR(LRScheduler):
    """Multiply the rate by γ every epoch: η = η₀ γᵗ.

    Args:
        optimizer: the optimiser.
        gamma: γ ≥ 0.
    """

    def __init__(self, optimizer, gamma):
        self.gamma = not_negative("gamma", gamma)
        super().__init__(optimizer)

    def _next(self, t, lr, base_lr):
        return lr * self.gamma if t > 0 else lr


class LambdaLR(LRScheduler):
    """Set the rate to η₀ · f(t), with a function of your own.

    Args:
        optimizer: the optimiser.
        lr_lambda: f, or a list with one for each group. It is not part of the state.

    Raises:
        ValueError: if the functions are not as many as the groups, or one gives a rate that is negative or not finite.
    """

    _not_saved = ("optimizer", "lr_lambdas")

    def __init__(self, optimizer, lr_lambda):
        self._attach(optimizer)
        self.lr_lambdas = _one_per_group("lr_lambda", lr_lambda, optimizer)
        super().__init__(optimizer)

    def _rates(self, t):
        pairs = zip(self.lr_lambdas, self.base_lrs, strict=True)
        return [base_lr * not_negative(f"lr_lambda({t})", f(t)) for f, base_lr in pairs]


class LinearLR(LRScheduler):
    """Change the rate evenly from η₀ · ``start_factor`` to η₀ · ``end_factor``, then leave it: a warm-up, mostly.

    Args:
        optimizer: the optimiser.
        start_factor: in (0, 1].
        end_factor: in [0, 1].
        total_iters: epochs until the end is reached, ≥ 1.
    """

    def __init__(self, optimizer, start_factor=1 / 3, end_factor=1.0, total_iters=5):
        if not 0 < start_factor <= 1:
            raise ValueError(f"start_factor must be in (0, 1], got {start_factor}")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"end_factor must be in [0, 1], got {end_factor}")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = integer("total_iters", total_iters)
        super().__init__(optimizer)

    def _next(self, t, lr, base_lr):
        if t > self.total_iters:
            return lr
        return lr * self._factor(t) / (self._factor(t - 1) if t > 0 else 1)

    def _factor(self, t):
        return (self.start_factor * (self.total_iters - t) + self.end_factor * t) / self.total_iters


class CosineAnnealingLR(LRScheduler):
    """Let the rate fall along half a cosine: η = η_min + (η₀ − η_min)(1 + cos(πt/T_max))/2.

    After T_max epochs it rises again the same way. Source: Loshchilov and Hutter (2017).

    Args:
        optimizer: the optimiser.
        T_max: epochs until η_min is reached, ≥ 1.
        eta_min: η_min ≥ 0.
    """

    def __init__(self, optimizer, T_max, eta_min=0.0):
        self.T_max = integer("T_max", T_max)
        self.eta_min = not_negative("eta_min", eta_min)
        super().__init__(optimizer)

    def _next(self, t, lr, base_lr):
        if t == 0:
            return lr
        before, now = (1 + math.cos(math.pi * i / self.T_max) for i in (t - 1, t))
        if (t - 1) % (2 * self.T_max) == self.T_max:  # at η_min, where nothing is left to multiply
            return lr + (base_lr - self.eta_min) * now / 2
        return self.eta_min + (lr - self.eta_min) * now / before


class CosineAnnealingWarmRestarts(LRScheduler):
    """Let the rate fall along half a cosine from η₀ to η_min, again and again.

    Source: Loshchilov and Hutter (2017).

    Args:
        optimizer: the optimiser.
        T_0: epochs of the first fall, ≥ 1.
        T_mult: how many times as long as the one before each fall lasts, an integer ≥ 1.
        eta_min: η_min ≥ 0.
    """

    def __init__(self, optimizer, T_0, T_mult=1, eta_min=0.0):
        self.T_0 = integer("T_0", T_0)
        self.T_mult = integer("T_mult", T_mult)
        self.eta_min = not_negative("eta_min", eta_min)
        super().__init__(optimizer)

    def _next(self, t, lr, base_lr):
        length = self.T_0
        while t >= length:
            t, length = t - length, length * self.T_mult
        return self.eta_min + (base_lr - self.eta_min) * (1 + math.cos(math.pi * t / length)) / 2


class SequentialLR(LRScheduler):
    """Let one schedule follow the other; each begins, from η₀, at its milestone.

    Args:
        optimizer: the optimiser.
        schedulers: schedules of this optimiser.
        milestones: the epochs at which the second, third, … begin, in rising order: one fewer than schedules.

    Raises:
        TypeError: if one of ``schedulers`` is not a schedule that steps by itself.
        ValueError: if one belongs to another optimiser, or the milestones do not fit.
    """

    _not_saved = ("optimizer", "schedulers")

    def __init__(self, optimizer, schedulers, milestones):
        self.schedulers = list(schedulers)
        self.milestones = [integer("a milestone", t, least=0) for t in milestones]
        if not self.schedulers:
            raise ValueError("SequentialLR needs at least one schedule")
        for scheduler in self.schedulers:
            if not isinstance(scheduler, LRScheduler) or isinstance(scheduler, ReduceLROnPlateau):
                raise TypeError(f"SequentialLR takes schedules that need no metric, got {type(scheduler).__name__}")
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"{type(scheduler).__name__} belongs to another optimizer")
        if len(self.milestones) != len(self.schedulers) - 1 or self.milestones != sorted(self.milestones):
            raise ValueError(
                f"{len(self.schedulers)} schedulers need {len(self.schedulers) - 1} milestones in rising order, "
                f"got {self.milestones}"
            )
        super().__init__(optimizer)

    def step(self):
        t = self.last_epoch + 1
        scheduler = self.schedulers[bisect_right(self.milestones, t)]
        if t == 0 or t in self.milestones:
            scheduler._restart()
        else:
            scheduler.step()
        self.last_epoch, self._last_lr = t, scheduler.get_last_lr()

    def state_dict(self):
        return {**super().state_dict(), "schedulers": [scheduler.state_dict() for scheduler in self.schedulers]}

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        for scheduler, state in zip(self.schedulers, state_dict["schedulers"], strict=True):
            scheduler.load_state_dict(state)

    def _require_own_state(self, state_dict):
        super()._require_own_state(state_dict)
        states = state_dict["schedulers"]
        if len(states) != len(self.schedulers):
            raise LoadError(f"there are {len(self.schedulers)} schedulers, the state has {len(states)}")
        for scheduler, state in zip(self.schedulers, states, strict=True):
            scheduler._require_own_state(state)


class ReduceLROnPlateau(LRScheduler):
    """Multiply the rate by ``factor`` when a number that should improve has not done so for a while.

    Args:
        optimizer: the optimiser.
        mode: ``"min"`` for a number that should fall, ``"max"`` for one that should rise.
        factor: in [0, 1).
        patience: epochs without improvement that are still accepted, ≥ 0.
        threshold: what counts as better: by more than this share of the best (``"rel"``) or by this much (``"abs"``).
        threshold_mode: ``"rel"`` or ``"abs"``.
        cooldown: epochs after a fall that are not judged, ≥ 0.
        min_lr: the least rate, or a list with one for each group.
        eps: falls that are not larger than this are left out.

    Attributes:
        best: the best number so far.
        num_bad_epochs: epochs in a row without improvement.
    """

    def __init__(self, optimizer, mode="min", factor=0.1, patience=10, threshold=1e-4, threshold_mode="rel", cooldown=0,
                 min_lr=0.0, eps=1e-8):  # fmt: skip
        self._attach(optimizer)
        one_of("mode", mode, "min", "max")
        one_of("threshold_mode", threshold_mode, "rel", "abs")
        if not 0 <= factor < 1:
            raise ValueError(f"factor must be in [0, 1), got {factor}")
        self.min_lrs = [not_negative("min_lr", least) for least in _one_per_group("min_lr", min_lr, optimizer)]
        self.mode, self.factor, self.threshold_mode = mode, factor, threshold_mode
        self.threshold, self.eps = not_negative("threshold", threshold), not_negative("eps", eps)
        self.patience, self.cooldown = integer("patience", patience, least=0), integer("cooldown", cooldown, least=0)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    def step(self, metrics):
        """Judge the epoch by ``metrics``, the number that should improve: the validation loss mostly."""
        metric = float(metrics)
        self.last_epoch += 1
        self.num_bad_epochs += 1
        if self._is_better(metric):
            self.best, self.num_bad_epochs = metric, 0
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _is_better(self, metric):
        sign = 1 if self.mode == "max" else -1
        relative = self.threshold_mode == "rel"
        least = self.best * (1 + sign * self.threshold) if relative else self.best + sign * self.threshold
        return sign * metric > sign * least

    def _reduce(self):
        for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            rate = max(group["lr"] * self.factor, least)
            if group["lr"] - rate > self.eps:
                group["lr"] = rate


def _one_per_group(name, value, optimizer):
    groups = len(optimizer.param_groups)
    values = list(value) if isinstance(value, list | tuple) else [value] * groups
    if len(values) != groups:
        raise ValueError(f"{name} must be one for all, or one for each of {groups} groups, got {len(values)}")
    return values
