"""Optimisers, from the simplest to the one most used: each turns gradients into a step of the parameters.

An optimiser gathers the parameters of a group, and their gradients, into one long vector each, of which the
parameters become views. So each rule below is written, and runs, on whole vectors θ and g.
"""

import math

import numpy as np

from nnlib import lr_scheduler  # noqa: F401  so that optim.lr_scheduler is found where PyTorch has it
from nnlib.checks import not_negative
from nnlib.module import LoadError
from nnlib.tensor import Tensor


class Optimizer:
    """What all optimisers share: groups of parameters, each with its own settings in ``param_groups``.

    It gives the parameters new arrays as their ``data``, which lie in one: arrays taken before stay as they are.

    Args:
        params: parameters, or dictionaries ``{"params": …, "lr": …}`` for groups with settings of their own.
        defaults: the settings of groups that do not say otherwise.

    Raises:
        ValueError: if there are no parameters, one is given twice, or a setting is out of range.
        TypeError: if something else than a tensor that requires gradients is given.
    """

    def __init__(self, params, defaults):
        groups = [{"params": params}] if isinstance(params, Tensor) else list(params)
        if not groups or not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        self.defaults = defaults
        for group in groups:
            if "params" not in group:
                raise ValueError(f"a group of parameters must have the key 'params', got {list(group)}")
        groups = [{**defaults, **group, "params": _parameter_list(group["params"])} for group in groups]
        parameters = [p for group in groups for p in group["params"]]
        if not all(group["params"] for group in groups):
            raise ValueError("an optimizer needs at least one parameter in each group, got none")
        if len({id(p) for p in parameters}) < len(parameters):
            raise ValueError("a parameter was given to the optimizer twice")
        for group in groups:
            self._check(group)
        self.param_groups = groups
        self._vectors = [_Vectors(group["params"]) for group in groups]

    def zero_grad(self):
        """Forget the gradients of all parameters; without this, they add up."""
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    def step(self):
        """Move every parameter that has a gradient."""
        for group, vectors in zip(self.param_groups, self._vectors, strict=True):
            names = self._slots(group)
            for t, part in vectors.begin_step():
                state = {name: vectors.slot(name)[part] for name in names}
                self._update(vectors.data[part], vectors.grad[part], state, t, group)

    def state_dict(self):
        """Return a copy of all that the next step depends on besides the parameters, in PyTorch's form.

        ``"param_groups"`` has the settings of each group and the numbers of its parameters, ``"state"`` for each
        number of a parameter that has moved its step count and its part of the vectors that the rule keeps.
        """
        groups, state = [], {}
        for group, vectors in zip(self.param_groups, self._vectors, strict=True):
            for name in self._slots(group):
                vectors.slot(name)  # zeros, if a setting that needs it came after the last step
            first = sum(len(g["params"]) for g in groups)
            numbers = range(first, first + len(group["params"]))
            groups.append({**group, "params": list(numbers)})
            state |= {i: kept for i, kept in zip(numbers, vectors.state(), strict=True) if kept}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict):
        """Go on from where an optimizer of the same kind was, over parameters of the same shapes.

        Args:
            state_dict: as :meth:`state_dict` returns it.

        Raises:
            LoadError: if groups, settings or shapes do not fit; nothing is changed.
        """
        if missing := {"state", "param_groups"} - state_dict.keys():
            raise LoadError(f"the state of an optimizer lacks {sorted(missing)}")
        given = state_dict["param_groups"]
        own_sizes, sizes = ([len(g["params"]) for g in groups] for groups in (self.param_groups, given))
        if own_sizes != sizes:
            raise LoadError(f"the optimizer has groups of {own_sizes} parameters, the state has {sizes}")
        groups, states = [], []
        for group, saved, vectors in zip(self.param_groups, given, self._vectors, strict=True):
            if missing := self.defaults.keys() - saved.keys():
                raise LoadError(f"the state lacks the settings {sorted(missing)}")
            groups.append({**group, **saved, "params": group["params"]})
            try:
                self._check(groups[-1])
            except (TypeError, ValueError) as error:
                raise LoadError(f"the state has a bad setting: {error}") from None
            kept = [state_dict["state"].get(i, {}) for i in saved["params"]]
            states.append(vectors.checked_state(kept, self._slots(groups[-1])))
        for group, new, vectors, kept in zip(self.param_groups, groups, self._vectors, states, strict=True):
            group.update(new)
            vectors.load_state(kept)

    def _slots(self, group):
        """Return the names of the vectors that the rule keeps between steps under the settings of ``group``."""
        return ()

    def _update(self, theta, g, state, t, group):
        """Change ``theta`` in place by its gradient ``g``; this is step ``t`` = 1, 2, … for these parameters."""
        raise NotImplementedError

    def _check(self, group):
        for name in ("lr", "weight_decay"):
            not_negative(name, group[name])


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
        not_negative("momentum", momentum)
        not_negative("dampening", dampening)
        if group["nesterov"] and (momentum == 0 or dampening != 0):
            raise ValueError(
                f"nesterov needs momentum > 0 and dampening = 0, got momentum = {momentum} and dampening = {dampening}"
            )

    def _slots(self, group):
        return ("momentum_buffer",) if group["momentum"] else ()

    def _update(self, theta, g, state, t, group):
        g = _with_decay(g, theta, group)
        if group["momentum"]:
            v = state["momentum_buffer"]
            v *= group["momentum"]
            v += g if t == 1 else (1 - group["dampening"]) * g
            g = g + group["momentum"] * v if group["nesterov"] else v
        theta -= group["lr"] * g


class Adagrad(Optimizer):
    """Steps that shrink with all the gradients seen: rare ones keep a large rate, frequent ones a small one.

    v ← v + g²; θ ← θ − lr/(1 + (t − 1) · lr_decay) · g/(√v + ε). Weight decay λ adds λθ to g.
    Source: Duchi, Hazan and Singer (2011).

    Args:
        params: parameters or groups.
        lr: the learning rate η ≥ 0.
        lr_decay: how fast the rate falls besides, ≥ 0.
        weight_decay: λ ≥ 0.
        initial_accumulator_value: what v starts from, ≥ 0.
        eps: ε ≥ 0, which keeps the denominator from vanishing.

    Raises:
        ValueError: if a setting is out of range.
    """

    def __init__(self, params, lr=1e-2, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10):
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
        }
        super().__init__(params, defaults)

    def _check(self, group):
        super()._check(group)
        for name in ("lr_decay", "initial_accumulator_value", "eps"):
            not_negative(name, group[name])

    def _slots(self, group):
        return ("sum",)

    def _update(self, theta, g, state, t, group):
        g = _with_decay(g, theta, group)
        v = state["sum"]
        if t == 1:
            v += group["initial_accumulator_value"]
        v += g * g
        theta -= group["lr"] / (1 + (t - 1) * group["lr_decay"]) * (g / (np.sqrt(v) + group["eps"]))


class RMSprop(Optimizer):
    """Steps scaled by the running size of the gradient, which forgets, so that the rate does not die as Adagrad's.

    v ← αv + (1 − α)g²; θ ← θ − lr · g/(√v + ε). With ``centered``, v − ḡ² stands for v, where ḡ ← αḡ + (1 − α)g.
    With momentum μ, the step is along b ← μb + g/(√v + ε). Weight decay λ adds λθ to g.
    Source: Tieleman and Hinton (2012), Graves (2013) for ``centered``.

    Args:
        params: parameters or groups.
        lr: the learning rate η ≥ 0.
        alpha: α in [0, 1), the share of the past that v keeps.
        eps: ε ≥ 0, which keeps the denominator from vanishing.
        weight_decay: λ ≥ 0.
        momentum: μ ≥ 0.
        centered: scale by the variance of the gradient rather than by its mean square.

    Raises:
        ValueError: if a setting is out of range.
    """

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
        }
        super().__init__(params, defaults)

    def _check(self, group):
        super()._check(group)
        for name in ("alpha", "eps", "momentum"):
            not_negative(name, group[name])
        if not group["alpha"] < 1:
            raise ValueError(f"alpha must be in [0, 1), got {group['alpha']}")

    def _slots(self, group):
        wanted = {"square_avg": True, "momentum_buffer": group["momentum"] > 0, "grad_avg": group["centered"]}
        return [name for name in wanted if wanted[name]]

    def _update(self, theta, g, state, t, group):
        g = _with_decay(g, theta, group)
        alpha, v = group["alpha"], state["square_avg"]
        v *= alpha
        v += (1 - alpha) * g * g
        if group["centered"]:
            mean = state["grad_avg"]
            mean *= alpha
            mean += (1 - alpha) * g
            v = np.maximum(v - mean * mean, 0)  # a gradient that never changes rounds to just below 0
        step = g / (np.sqrt(v) + group["eps"])
        if group["momentum"]:
            b = state["momentum_buffer"]
            b *= group["momentum"]
            b += step
            step = b
        theta -= group["lr"] * step


class Adam(Optimizer):
    """Steps scaled by running estimates of each gradient's mean and size.

    m ← β₁m + (1 − β₁)g and v ← β₂v + (1 − β₂)g²; both start at 0 and are therefore divided by 1 − βᵗ;
    θ ← θ − lr · m̂/(√v̂ + ε). Weight decay λ adds λθ to g. With ``amsgrad``, the largest v so far stands for v.
    Source: Kingma and Ba (2015), Reddi, Kale and Kumar (2018) for ``amsgrad``.

    Args:
        params: parameters or groups.
        lr: the learning rate η ≥ 0.
        betas: (β₁, β₂), each in [0, 1).
        eps: ε ≥ 0, which keeps the denominator from vanishing.
        weight_decay: λ ≥ 0.
        amsgrad: never let the denominator fall.

    Raises:
        ValueError: if a setting is out of range.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        super().__init__(params, defaults)

    def _check(self, group):
        super()._check(group)
        betas = group["betas"]
        if not isinstance(betas, tuple | list) or len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must be two numbers in [0, 1), got {betas}")
        not_negative("eps", group["eps"])

    def _slots(self, group):
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def _update(self, theta, g, state, t, group):
        g = _with_decay(g, theta, group)
        m, v = state["exp_avg"], state["exp_avg_sq"]
        beta1, beta2 = group["betas"]
        step = (1 - beta1) * g  # and room for all that follows
        m *= beta1
        m += step
        np.multiply(g, g, out=step)
        step *= 1 - beta2
        v *= beta2
        v += step
        if group["amsgrad"]:
            v = np.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
        correction = math.sqrt(1 - beta2**t)
        np.sqrt(v, out=step)  # √v̂ + ε is (√v + ε · correction) / correction
        step += group["eps"] * correction
        np.divide(m, step, out=step)
        step *= group["lr"] * correction / (1 - beta1**t)
        theta -= step


class AdamW(Adam):
    """Adam with the weight decay taken out of the gradient: first θ ← θ − lr · λθ, then Adam's step.

    Source: Loshchilov and Hutter (2019). Arguments as :class:`Adam`, with λ = 0.01 by default.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)

    def _update(self, theta, g, state, t, group):
        theta *= 1 - group["lr"] * group["weight_decay"]
        super()._update(theta, g, state, t, {**group, "weight_decay": 0})


class _Vectors:
    """The parameters of a group as views into one vector, their gradients into another, and the rule's own vectors."""

    def __init__(self, parameters):
        self.parameters = parameters
        ends = np.cumsum([p.numel() for p in parameters])
        self.parts = [slice(int(end) - p.numel(), int(end)) for p, end in zip(parameters, ends, strict=True)]
        self.steps = [0] * len(parameters)
        self.slots = {}
        self.gather()

    def slot(self, name):
        """Return one of the rule's own vectors, zeros when it is first asked for."""
        if name not in self.slots:
            self.slots[name] = np.zeros_like(self.data)
        return self.slots[name]

    def __setstate__(self, state):  # of a copy, whose parameters are arrays of their own
        vars(self).update(state)
        self.gather()

    def gather(self):
        """Copy the parameters into the vector and make them views of it."""
        if len(dtypes := {p.dtype for p in self.parameters}) > 1:
            raise ValueError(f"the parameters of a group must have one dtype, got {sorted(map(str, dtypes))}")
        self.data = np.concatenate([p.data.reshape(-1) for p in self.parameters])
        self.grad = np.zeros_like(self.data)
        self.slots = {name: slot.astype(self.data.dtype, copy=False) for name, slot in self.slots.items()}
        self.views = []
        for p, part in zip(self.parameters, self.parts, strict=True):
            p.data, p._grad_buffer = (vector[part].reshape(p.shape) for vector in (self.data, self.grad))
            self.views.append((p, p.data, p._grad_buffer))

    def begin_step(self):
        """Count a step of each parameter with a gradient; return (t, slice) for the longest runs that are at step t."""
        for p, data, grad in self.views:
            if p.data is not data or p._grad_buffer is not grad:  # somebody gave a parameter a new array
                self.gather()
                break
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

    def state(self):
        """Return, for each parameter, its step and its part of each slot; nothing before its first step."""
        return [
            {"step": t} | {name: slot[part].reshape(p.shape).copy() for name, slot in self.slots.items()} if t else {}
            for t, p, part in zip(self.steps, self.parameters, self.parts, strict=True)
        ]

    def checked_state(self, states, names):
        """Return ``states``, as :meth:`state` gives them, as arrays, after checking that they fit."""
        checked = []
        for p, state in zip(self.parameters, states, strict=True):
            if state and (missing := {"step", *names} - state.keys()):
                raise LoadError(f"the state of a parameter lacks {sorted(missing)}")
            arrays = {name: np.asarray(value) for name, value in state.items()}
            for name, array in arrays.items():
                if array.shape != (shape := () if name == "step" else p.shape) or array.dtype.kind not in "fiu":
                    raise LoadError(f"{name} must be numbers of shape {shape}, got {array.dtype} of {array.shape}")
            checked.append(arrays)
        return checked

    def load_state(self, states):
        """Take over what :meth:`checked_state` returned."""
        self.steps = [int(state.get("step", 0)) for state in states]
        self.slots = {}
        for state, part in zip(states, self.parts, strict=True):
            for name, array in state.items():
                if name != "step":
                    self.slot(name)[part] = array.reshape(-1)


def _parameter_list(params):
    if isinstance(params, Tensor):
        raise TypeError("params must be an iterable of parameters, got a single tensor: put it in a list")
    params = list(params)
    for p in params:
        if not isinstance(p, Tensor):
            raise TypeError(f"an optimizer takes tensors, got {type(p).__name__}")
        if not p.is_leaf or not p.requires_grad:
            why = "does not require gradients" if p.is_leaf else "is the result of an operation"
            raise TypeError(f"an optimizer takes leaf tensors that require gradients, got one of {p.shape} that {why}")
    return params


def _with_decay(g, theta, group):
    return g + group["weight_decay"] * theta if group["weight_decay"] else g
