"""Optimisers, from the simplest to the one most used: each turns gradients into a step of the parameters.

An optimiser gathers the parameters of a group, and their gradients, into one long vector each, of which the
parameters become views. So each rule below is written, and runs, on whole vectors θ and g.
"""

import math

import numpy as np

from nnlib.tensor import Tensor


class Optimizer:
    """What all optimisers share: groups of parameters, each with its own settings in ``param_groups``.

    Args:
        params: parameters, or dictionaries ``{"params": …, "lr": …}`` for groups with settings of their own.
        defaults: the settings of groups that do not say otherwise.

    Raises:
        ValueError: if there are no parameters, one is given twice, or a setting is out of range.
        TypeError: if something else than a tensor that requires gradients is given.
    """

    slots = ()  # names of the vectors that the rule keeps between steps

    def __init__(self, params, defaults):
        groups = [{"params": params}] if isinstance(params, Tensor) else list(params)
        if not groups or not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        groups = [{**defaults, **group, "params": _parameter_list(group["params"])} for group in groups]
        parameters = [p for group in groups for p in group["params"]]
        if not all(group["params"] for group in groups):
            raise ValueError("an optimizer needs at least one parameter in each group, got none")
        if len({id(p) for p in parameters}) < len(parameters):
            raise ValueError("a parameter was given to the optimizer twice")
        for group in groups:
            self._check(group)
        self.param_groups = groups
        self._vectors = [_Vectors(group["params"], self.slots) for group in groups]

    def zero_grad(self):
        """Forget the gradients of all parameters; without this, they add up."""
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    def step(self):
        """Move every parameter that has a gradient."""
        for group, vectors in zip(self.param_groups, self._vectors, strict=True):
            for t, part in vectors.parts_with_gradients():
                state = [slot[part] for slot in vectors.slots]
                self._update(vectors.data[part], vectors.grad[part], state, t, group)

    def _update(self, theta, g, state, t, group):
        """Change ``theta`` in place by its gradient ``g``; this is step ``t`` = 1, 2, … for these parameters."""
        raise NotImplementedError

    def _check(self, group):
        for name in ("lr", "weight_decay"):
            _require_not_negative(name, group[name])


class SGD(Optimizer):
    """Stochastic gradient descent: θ ← θ − lr · g, with momentum if asked.

    With momentum μ, the step is along v ← μv + (1 − dampening) g (first v = g), or along g + μv with ``nesterov``.
    Weight decay λ adds λθ to g. Source: Robbins and Monro (1951), Polyak (1964), Sutskever et al. (2013).

    Args:
        params: parameters or groups.
        lr: the learning rate η ≥ 0.
        momentum: μ ≥ 0.
        dampening: share of g that momentum leaves out, ≥ 0.
        weight_decay: λ ≥ 0.
        nesterov: look ahead along v; needs momentum and no dampening.

    Raises:
        ValueError: if a setting is out of range.
    """

    slots = ("velocity",)

    def __init__(self, params, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
        }
        super().__init__(params, defaults)

    def _check(self, group):
        super()._check(group)
        momentum, dampening = group["momentum"], group["dampening"]
        _require_not_negative("momentum", momentum)
        _require_not_negative("dampening", dampening)
        if group["nesterov"] and (momentum == 0 or dampening != 0):
            raise ValueError(
                f"nesterov needs momentum > 0 and dampening = 0, got momentum = {momentum} and dampening = {dampening}"
            )

    def _update(self, theta, g, state, t, group):
        if group["weight_decay"]:
            g = g + group["weight_decay"] * theta
        if group["momentum"]:
            (v,) = state
            v *= group["momentum"]
            v += g if t == 1 else (1 - group["dampening"]) * g
            g = g + group["momentum"] * v if group["nesterov"] else v
        theta -= group["lr"] * g


class Adam(Optimizer):
    """Steps scaled by running estimates of each gradient's mean and size.

    m ← β₁m + (1 − β₁)g and v ← β₂v + (1 − β₂)g²; both start at 0 and are therefore divided by 1 − βᵗ;
    θ ← θ − lr · m̂/(√v̂ + ε). Weight decay λ adds λθ to g. Source: Kingma and Ba (2015).

    Args:
        params: parameters or groups.
        lr: the learning rate η ≥ 0.
        betas: (β₁, β₂), each in [0, 1).
        eps: ε ≥ 0, which keeps the denominator from vanishing.
        weight_decay: λ ≥ 0.

    Raises:
        ValueError: if a setting is out of range.
    """

    slots = ("mean", "square")

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def _check(self, group):
        super()._check(group)
        if len(group["betas"]) != 2 or not all(0 <= beta < 1 for beta in group["betas"]):
            raise ValueError(f"betas must be two numbers in [0, 1), got {group['betas']}")
        _require_not_negative("eps", group["eps"])

    def _update(self, theta, g, state, t, group):
        if group["weight_decay"]:
            g = g + group["weight_decay"] * theta
        m, v = state
        beta1, beta2 = group["betas"]
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * g * g
        denominator = np.sqrt(v)
        denominator /= math.sqrt(1 - beta2**t)
        denominator += group["eps"]
        theta -= (group["lr"] / (1 - beta1**t)) * (m / denominator)


class AdamW(Adam):
    """Adam with the weight decay taken out of the gradient: first θ ← θ − lr · λθ, then Adam's step.

    Source: Loshchilov and Hutter (2019). Arguments as :class:`Adam`, with λ = 0.01 by default.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, lr, betas, eps, weight_decay)

    def _update(self, theta, g, state, t, group):
        theta *= 1 - group["lr"] * group["weight_decay"]
        super()._update(theta, g, state, t, {**group, "weight_decay": 0})


class _Vectors:
    """The parameters of a group as views into one vector, their gradients into another, and the rule's own vectors."""

    def __init__(self, parameters, slots):
        self.parameters = parameters
        ends = np.cumsum([p.numel() for p in parameters])
        self.parts = [slice(int(end) - p.numel(), int(end)) for p, end in zip(parameters, ends, strict=True)]
        self.steps = [0] * len(parameters)
        self.slots = [np.zeros(ends[-1]) for _ in slots]
        self.gather()

    def gather(self):
        """Copy the parameters into the vector and make them views of it."""
        if len(dtypes := {p.dtype for p in self.parameters}) > 1:
            raise ValueError(f"the parameters of a group must have one dtype, got {sorted(map(str, dtypes))}")
        self.data = np.concatenate([p.data.reshape(-1) for p in self.parameters])
        self.grad = np.zeros_like(self.data)
        self.slots = [slot.astype(self.data.dtype, copy=False) for slot in self.slots]
        self.views = []
        for p, part in zip(self.parameters, self.parts, strict=True):
            p.data, p._grad_buffer = (vector[part].reshape(p.shape) for vector in (self.data, self.grad))
            self.views.append((p, p.data, p._grad_buffer))

    def parts_with_gradients(self):
        """Return (t, slice) for the longest runs of parameters that have a gradient and are at the same step t."""
        if any(p.data is not data or p._grad_buffer is not grad for p, data, grad in self.views):
            self.gather()  # somebody gave a parameter a new array
        runs = []
        for i, (p, part) in enumerate(zip(self.parameters, self.parts, strict=True)):
            if p.grad is None:
                continue
            if p.grad is not p._grad_buffer:
                p._grad_buffer[...] = p.grad
                p.grad = p._grad_buffer
            self.steps[i] += 1
            if runs and runs[-1][1].stop == part.start and runs[-1][0] == self.steps[i]:
                runs[-1] = self.steps[i], slice(runs[-1][1].start, part.stop)
            else:
                runs.append((self.steps[i], part))
        return runs


def _parameter_list(params):
    if isinstance(params, Tensor):
        raise TypeError("params must be an iterable of parameters, got a single tensor: put it in a list")
    params = list(params)
    for p in params:
        if not isinstance(p, Tensor) or not p.is_leaf or not p.requires_grad:
            raise TypeError(f"an optimizer takes leaf tensors that require gradients, got {type(p).__name__}")
    return params


def _require_not_negative(name, value):
    if not (isinstance(value, int | float | np.number) and math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be a finite number ≥ 0, got {value!r}")
