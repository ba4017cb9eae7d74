"""The same training step in nnlib and in other libraries, from the same weights.

Each function takes a work and its weights, and returns `begin`, or None where its library has no such work. `begin()`
goes back to these weights and returns `run`; `run()` makes the work's steps and returns what they led to: the weights
of the first layer, or their gradient where nothing is optimised.
"""

from importlib import metadata

import numpy as np
from works import Perceptron

import nnlib

SGD_RATE, ADAM_RATE = 0.1, 0.001
EPSILON = 1e-12  # in Adam; so small that it does not matter that scikit-learn adds it at another place
SETTINGS = {"SGD": {"lr": SGD_RATE}, "Adam": {"lr": ADAM_RATE, "eps": EPSILON}}


def in_nnlib(work, weights):
    """The step as the book writes it."""
    return _with_modules(work, weights, nnlib, nnlib.optim, nnlib.Tensor, "float32")


def in_pytorch(work, weights):
    """The same words, run eagerly."""
    import torch

    torch.set_num_threads(1)
    return _with_modules(work, weights, torch.nn, torch.optim, torch.tensor, torch.float32)


def _with_modules(work, weights, m, optim, tensor, dtype):
    x, y, loss_fn = tensor(work.x), tensor(work.y), getattr(m, work.loss)()
    first = next(iter(weights))

    def begin():
        model = work.model(m).to(dtype)
        model.load_state_dict({name: tensor(value) for name, value in weights.items()})
        optimizer = work.optimizer and getattr(optim, work.optimizer)(model.parameters(), **SETTINGS[work.optimizer])

        def run():
            for _ in range(work.steps):
                loss = loss_fn(model(x), y)
                (optimizer or model).zero_grad()
                loss.backward()
                if optimizer:
                    optimizer.step()
            weight = dict(model.named_parameters())[first]
            return np.asarray(weight.detach().numpy() if optimizer else weight.grad)

        return run

    return begin


def in_numpy(work, weights):
    """The step written out for these layers alone, by hand: no tape, no checks, arrays that wait for their results."""
    if not isinstance(work, Perceptron):
        return None
    x, y, layers = work.x, work.y, len(weights) // 2
    sizes = np.cumsum([w.size for w in weights.values()])[:-1]

    def sigmoid(z):
        return np.divide(1, 1 + np.exp(-z, out=z), out=z)

    def relu(z):
        return np.maximum(z, 0, out=z)

    activation, slope = {
        "Sigmoid": (sigmoid, lambda a: a * (1 - a)),
        "ReLU": (relu, lambda a: a > 0),
    }[work.activation]

    def squares(out):
        return out - y, 2 / out.size

    def surprise(out):
        p = np.exp(out - out.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(y)), y] -= 1
        return p, 1 / len(y)

    slope_of_loss = {"MSELoss": squares, "CrossEntropyLoss": surprise}[work.loss]

    def begin():
        theta = np.concatenate([w.ravel() for w in weights.values()])
        g, m, v = (np.zeros_like(theta) for _ in range(3))
        shaped = [
            [part.reshape(w.shape) for part, w in zip(np.split(flat, sizes), weights.values(), strict=True)]
            for flat in (theta, g)
        ]
        (W, dW), (b, db) = ([parts[i::2] for parts in shaped] for i in (0, 1))
        ones = np.ones(len(x), x.dtype)

        def gradients():
            a = [x]
            for i in range(layers):
                z = a[-1].dot(W[i].T)
                z += b[i]
                a.append(activation(z) if i < layers - 1 or work.squashed else z)
            d, scale = slope_of_loss(a[-1])
            d *= scale
            for i in reversed(range(layers)):
                if i < layers - 1 or work.squashed:
                    d *= slope(a[i + 1])
                np.dot(d.T, a[i], out=dW[i])
                np.dot(ones, d, out=db[i])
                if i:
                    d = d.dot(W[i])

        def update(t):
            nonlocal theta
            if work.optimizer == "SGD":
                theta -= SGD_RATE * g
            else:
                m[...] = 0.9 * m + 0.1 * g
                v[...] = 0.999 * v + 0.001 * g * g
                theta -= ADAM_RATE / (1 - 0.9**t) * m / (np.sqrt(v / (1 - 0.999**t)) + EPSILON)

        t = 0

        def run():
            nonlocal t
            for _ in range(work.steps):
                gradients()
                if work.optimizer:
                    t += 1
                    update(t)
            return W[0] if work.optimizer else dW[0]

        return run

    return begin


def in_scikit_learn(work, weights):
    """`MLPClassifier.partial_fit`, which knows classes only, and always makes a step."""
    if not isinstance(work, Perceptron) or work.loss != "CrossEntropyLoss" or work.optimizer != "Adam":
        return None
    from sklearn.neural_network import MLPClassifier

    settings = {"learning_rate_init": ADAM_RATE, "epsilon": EPSILON, "alpha": 0, "shuffle": False}
    arrays = list(weights.values())

    def begin():
        model = MLPClassifier(work.sizes[1:-1], work.activation.lower(), batch_size=len(work.x), **settings)
        model.partial_fit(
            work.x, work.y, classes=np.arange(work.sizes[-1])
        )  # draws weights, and makes a step with them
        model.coefs_, model.intercepts_ = [w.T.copy() for w in arrays[::2]], [b.copy() for b in arrays[1::2]]
        del model._optimizer  # which remembers that step; the next call makes a new one

        def run():
            for _ in range(work.steps):
                model.partial_fit(work.x, work.y)
            return model.coefs_[0].T

        return run

    return begin


def in_jax(work, weights):
    """The whole step compiled into one function."""
    if not isinstance(work, Perceptron):
        return None
    import jax
    from jax import numpy as jnp

    activation = getattr(jax.nn, work.activation.lower())
    x, y = jnp.asarray(work.x), jnp.asarray(work.y)
    start = [jnp.asarray(w) for w in weights.values()]

    def loss_fn(parameters, x, y):
        a = x
        for w, b in zip(parameters[::2], parameters[1::2], strict=True):
            z = a @ w.T + b
            a = activation(z)
        out = a if work.squashed else z
        if work.loss == "MSELoss":
            return jnp.mean((out - y) ** 2)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(out), y[:, None], axis=1))

    def adam(parameters, grads, state):
        t, m, v = state
        t = t + 1
        m = [0.9 * m + 0.1 * g for m, g in zip(m, grads, strict=True)]
        v = [0.999 * v + 0.001 * g * g for v, g in zip(v, grads, strict=True)]
        steps = [m / (1 - 0.9**t) / (jnp.sqrt(v / (1 - 0.999**t)) + EPSILON) for m, v in zip(m, v, strict=True)]
        return [p - ADAM_RATE * s for p, s in zip(parameters, steps, strict=True)], (t, m, v)

    def sgd(parameters, grads, state):
        return [p - SGD_RATE * g for p, g in zip(parameters, grads, strict=True)], state

    def nothing(parameters, grads, state):
        return grads, state

    update = {"Adam": adam, "SGD": sgd, None: nothing}[work.optimizer]

    @jax.jit
    def step(parameters, state, x, y):
        loss, grads = jax.value_and_grad(loss_fn)(parameters, x, y)
        return loss, *update(parameters, grads, state)

    def begin():
        zeros = [jnp.zeros_like(p) for p in start]
        parameters, state = start, (0.0, zeros, zeros) if work.optimizer == "Adam" else None

        def run():
            nonlocal parameters, state
            for _ in range(work.steps):
                result = _, led_to, state = step(parameters, state, x, y)
                parameters = led_to if work.optimizer else start
            return np.asarray(jax.block_until_ready(result)[1][0])

        return run

    return begin


def in_micrograd(work, weights):
    """A tape of single numbers, which knows ReLU only."""
    if not isinstance(work, Perceptron) or work.activation != "ReLU" or work.loss != "MSELoss":
        return None
    from micrograd.engine import Value
    from micrograd.nn import MLP

    arrays = [w.tolist() for w in weights.values()]
    examples = list(zip(work.x.tolist(), work.y[:, 0].tolist(), strict=True))

    def begin():
        model = MLP(work.sizes[0], list(work.sizes[1:]))
        for layer, w, b in zip(model.layers, arrays[::2], arrays[1::2], strict=True):
            for neuron, row, bias in zip(layer.neurons, w, b, strict=True):
                neuron.w, neuron.b = [Value(number) for number in row], Value(bias)

        def run():
            for _ in range(work.steps):
                loss = sum((model(x) - y) ** 2 for x, y in examples) / len(examples)
                model.zero_grad()
                loss.backward()
                for p in model.parameters():
                    p.data -= SGD_RATE * p.grad
            return np.array([[w.data for w in neuron.w] for neuron in model.layers[0].neurons])

        return run

    return begin


RIVALS = {
    "PyTorch": in_pytorch,
    "NumPy": in_numpy,
    "scikit-learn": in_scikit_learn,
    "JAX": in_jax,
    "micrograd": in_micrograd,
}
PACKAGES = {
    "PyTorch": "torch",
    "NumPy": "numpy",
    "scikit-learn": "scikit-learn",
    "JAX": "jax",
    "micrograd": "micrograd",
}


def installed():
    """The version of each rival that is installed, by name."""
    packages = {package.name: package.version for package in metadata.distributions()}
    return {rival: packages[name] for rival, name in PACKAGES.items() if name in packages}
