"""What nnlib and PyTorch compute alike: the names are the same in both, so each case is written once.

Another operation, module or optimiser is one more entry of a table; then run ``make_parity.py``. A library is given as
a namespace of ``nn``, ``functional``, ``init``, ``optim``, ``utils`` and ``tensor(array, requires_grad=…)``.
"""

import zlib
from itertools import product

import numpy as np

STEPS = 20
EPOCHS = 60

# How an array is drawn


def normal(*shape):
    return lambda rng: rng.normal(size=shape)


def wide(*shape):
    return lambda rng: 30 * rng.normal(size=shape)


def probabilities(*shape):
    return lambda rng: rng.uniform(0.02, 0.98, shape)


def distributions(*shape):
    return lambda rng: np.moveaxis(rng.dirichlet(np.ones(shape[1]), (shape[0], *shape[2:])), -1, 1)


def classes(count, *shape):
    return lambda rng: rng.integers(count, size=shape)


def ties(*shape):
    return lambda rng: rng.integers(3, size=shape).astype(float)


def some_in_each_row(*shape):
    """Booleans of which the first in each row is true, and the last of all is false."""

    def draw(rng):
        chosen = rng.random(shape) < 0.6
        chosen[..., 0], chosen.flat[-1] = True, False
        return chosen

    return draw


def plateau(count):
    """Draw numbers that fall, then waver around 0.1."""
    return lambda rng: 0.1 + np.exp(-np.arange(count) / 4) + 0.02 * rng.normal(size=count)


def draw(name, **draws):
    """Return an array for each of ``draws``; the same ones whenever the case has this name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return {key: draw(rng) for key, draw in draws.items()}


# The tables


def case(function, *inputs, **options):
    """Return a call of ``function``: inputs are drawn and get gradients; drawn options, such as weights, get none."""
    drawn = {str(i): draw for i, draw in enumerate(inputs)}
    drawn |= {key: value for key, value in options.items() if callable(value)}
    return function, drawn, {key: value for key, value in options.items() if not callable(value)}


def module(build, *inputs, call=lambda model, *inputs: model(*inputs), **options):
    """Return a call of what ``build`` makes: inputs are drawn and get gradients, options such as masks get none."""
    draws = {f"input {i}": draw for i, draw in enumerate(inputs)}
    return build, draws | {f"option {key}": draw for key, draw in options.items()}, call


REDUCTIONS = ("mean", "sum", "none")

FUNCTIONS = {
    f"{function} {options} {shape}": case(function, draw, **options)
    for function, options in [
        ("relu", {}),
        ("leaky_relu", {}),
        ("leaky_relu", {"negative_slope": 0.3}),
        ("elu", {}),
        ("elu", {"alpha": 2.5}),
        ("sigmoid", {}),
        ("tanh", {}),
        ("silu", {}),
        ("gelu", {}),
        ("gelu", {"approximate": "tanh"}),
        ("softplus", {}),
        ("logsigmoid", {}),
        ("softmax", {"dim": -1}),
        ("softmax", {"dim": 0}),
        ("log_softmax", {"dim": -1}),
        ("log_softmax", {"dim": 0}),
        ("dropout", {"p": 0.4, "training": False}),
    ]
    for shape, draw in [("vector", normal(5)), ("matrix", normal(3, 4)), ("wide", wide(2, 3, 4))]
}
FUNCTIONS |= {
    "linear": case("linear", normal(5, 3), normal(4, 3), normal(4)),
    "linear without bias": case("linear", normal(5, 3), normal(4, 3)),
    "linear of one example": case("linear", normal(3), normal(4, 3), normal(4)),
    "linear of a stack": case("linear", normal(2, 5, 3), normal(4, 3), normal(4)),
}
IMAGES = normal(2, 4, 6, 5)
FUNCTIONS |= {
    f"conv2d {options} {given}": case("conv2d", draw, normal(6, 4 // options.get("groups", 1), 3, 2), *bias, **options)
    for options in [
        {},
        {"stride": 2},
        {"stride": (1, 3), "padding": 1},
        {"padding": (2, 1)},
        {"padding": "valid"},
        {"padding": "same"},
        {"padding": "same", "dilation": (2, 3)},
        {"dilation": 2, "padding": (0, 1)},
        {"groups": 2},
        {"stride": 2, "padding": (2, 0), "dilation": (1, 2), "groups": 2},
    ]
    for given, draw, bias in [("with bias", IMAGES, [normal(6)]), ("single, without bias", normal(4, 6, 5), [])]
}
FUNCTIONS |= {
    f"conv1d {options}": case(
        "conv1d", normal(2, 4, 9), normal(6, 4 // options.get("groups", 1), 3), normal(6), **options
    )
    for options in [{}, {"padding": "same", "dilation": 2}, {"stride": 2, "padding": 1, "groups": 2}]
}
FUNCTIONS |= {
    f"{function} {options} {drawn}": case(function, draw, **options)
    for drawn, draw in [("images", IMAGES), ("single, with ties", ties(4, 6, 5))]
    for function, options in [
        ("max_pool2d", {"kernel_size": 2}),
        ("max_pool2d", {"kernel_size": 3, "stride": 1, "padding": 1}),
        ("max_pool2d", {"kernel_size": (2, 3), "stride": (1, 2), "padding": (0, 1)}),
        ("max_pool2d", {"kernel_size": 2, "stride": 1, "dilation": (3, 2)}),
        ("avg_pool2d", {"kernel_size": 2}),
        ("avg_pool2d", {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0)}),
        ("adaptive_avg_pool2d", {"output_size": 1}),
        ("adaptive_avg_pool2d", {"output_size": (4, 3)}),
        ("adaptive_avg_pool2d", {"output_size": (None, 7)}),
    ]
}
FUNCTIONS |= {
    "embedding": case("embedding", classes(5, 3, 4), normal(5, 2)),
    "embedding padding_idx": case("embedding", classes(3, 6), normal(3, 2), padding_idx=1),
    "embedding padding_idx from the end": case("embedding", classes(3, 6), normal(3, 2), padding_idx=-1),
    "layer_norm": case("layer_norm", normal(4, 2, 3), normalized_shape=(3,)),
    "layer_norm over two": case("layer_norm", normal(4, 2, 3), normalized_shape=(2, 3), eps=0.5),
}
HEADS = normal(2, 3, 4, 6), normal(2, 3, 5, 6), normal(2, 3, 5, 2)
FUNCTIONS |= {
    f"attention {name}": case("scaled_dot_product_attention", *inputs, **options)
    for name, inputs, options in [
        ("", HEADS, {}),
        ("of one head", (normal(4, 6), normal(5, 6), normal(5, 2)), {}),
        ("causal", HEADS, {"is_causal": True}),
        ("scale", HEADS, {"scale": 0.3}),
        ("added mask", (*HEADS, normal(2, 1, 4, 5)), {}),
        ("mask", HEADS, {"attn_mask": some_in_each_row(4, 5)}),
        ("mask that lets one see nothing", HEADS, {"attn_mask": lambda rng: np.arange(4)[:, None] > np.arange(5)}),
    ]
}
for reduction in REDUCTIONS:
    FUNCTIONS |= {
        f"{name} {reduction}": case(function, *inputs, **options, reduction=reduction)
        for name, (function, inputs, options) in {
            "mse": ("mse_loss", (normal(4, 3), normal(4, 3)), {}),
            "l1": ("l1_loss", (normal(4, 3), normal(4, 3)), {}),
            "bce": ("binary_cross_entropy", (probabilities(4, 3), probabilities(4, 3)), {}),
            "bce weight": (
                "binary_cross_entropy",
                (probabilities(4, 3), probabilities(4, 3)),
                {"weight": probabilities(3)},
            ),
            "bce of hard labels": ("binary_cross_entropy", (probabilities(6), lambda rng: np.arange(6.0) % 2), {}),
            "logits": ("binary_cross_entropy_with_logits", (wide(4, 3), probabilities(4, 3)), {}),
            "logits weight pos_weight": (
                "binary_cross_entropy_with_logits",
                (normal(4, 3), probabilities(4, 3)),
                {"weight": probabilities(4, 1), "pos_weight": probabilities(3)},
            ),
            "nll": ("nll_loss", (normal(6, 3), classes(3, 6)), {}),
            "nll weight ignore": (
                "nll_loss",
                (normal(6, 3), classes(3, 6)),
                {"weight": probabilities(3), "ignore_index": 1},
            ),
            "nll of images": ("nll_loss", (normal(2, 3, 4, 5), classes(3, 2, 4, 5)), {"weight": probabilities(3)}),
        }.items()
    }
    for soft, weighted, smoothing, ignored in product((False, True), (False, True), (0.0, 0.2), (-100, 1)):
        if soft and ignored == 1:
            continue  # ignore_index is for classes
        for shape in ((6, 4), (2, 4, 3)):
            target = distributions(*shape) if soft else classes(4, shape[0], *shape[2:])
            options = {"weight": probabilities(4)} if weighted else {}
            options |= {"label_smoothing": smoothing} | ({} if soft else {"ignore_index": ignored})
            name = f"cross_entropy {soft=} {weighted=} {smoothing=} {ignored=} {shape} {reduction}"
            FUNCTIONS[name] = case("cross_entropy", wide(*shape), target, **options, reduction=reduction)

MODULES = {
    "Linear": module(lambda nn: nn.Linear(3, 4), normal(5, 3)),
    "Linear without bias": module(lambda nn: nn.Linear(3, 4, bias=False), normal(5, 3)),
    "Flatten": module(lambda nn: nn.Sequential(nn.Flatten(), nn.Linear(6, 2)), normal(4, 2, 3)),
    "Dropout in evaluation": module(lambda nn: nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5)).eval(), normal(5, 3)),
    "nested": module(
        lambda nn: nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.Tanh()), nn.Identity(), nn.Linear(4, 2)),
        normal(5, 3),
    ),
    "every activation": module(
        lambda nn: nn.Sequential(
            *[nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.LeakyReLU(0.2), nn.Linear(4, 4), nn.ELU(0.7)],
            *[nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.SiLU()],
            *[nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4), nn.GELU("tanh"), nn.Linear(4, 4), nn.Softplus()],
            *[nn.Linear(4, 4), nn.Softmax(dim=1), nn.Linear(4, 4), nn.LogSoftmax(dim=1)],
        ),
        normal(5, 4),
    ),
}
MODULES |= {
    "Conv2d": module(lambda nn: nn.Conv2d(4, 6, (3, 2), stride=2, padding=1), IMAGES),
    "Conv2d same": module(lambda nn: nn.Conv2d(4, 6, 3, padding="same", dilation=2, groups=2, bias=False), IMAGES),
    "Conv1d": module(lambda nn: nn.Conv1d(4, 6, 3, stride=2, padding=1), normal(2, 4, 9)),
    "images": module(
        lambda nn: nn.Sequential(
            *[nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6)],
            *[nn.GELU(), nn.AvgPool2d(2, stride=1), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 3)],
        ),
        normal(3, 1, 10, 9),
    ),
    "Embedding": module(lambda nn: nn.Embedding(5, 2), classes(5, 3, 4)),
    "Embedding padding_idx": module(lambda nn: nn.Embedding(3, 2, padding_idx=-1), classes(3, 6)),
    "LayerNorm": module(lambda nn: nn.LayerNorm(3), normal(4, 2, 3)),
    "LayerNorm over two, eps": module(lambda nn: nn.LayerNorm((2, 3), eps=0.5), normal(4, 2, 3)),
    "LayerNorm without bias": module(lambda nn: nn.LayerNorm(3, bias=False), normal(5, 3)),
    "LayerNorm without affine": module(lambda nn: nn.LayerNorm(3, elementwise_affine=False), normal(5, 3)),
    "BatchNorm1d": module(lambda nn: nn.BatchNorm1d(3), normal(5, 3)),
    "BatchNorm1d of sequences, eps, momentum": module(lambda nn: nn.BatchNorm1d(3, 0.5, 0.3), normal(4, 3, 2)),
    "BatchNorm1d in evaluation": module(lambda nn: nn.BatchNorm1d(3, eps=0.5).eval(), normal(5, 3)),
    "BatchNorm1d without momentum": module(lambda nn: nn.BatchNorm1d(3, momentum=None), normal(5, 3)),
    "BatchNorm1d without affine": module(lambda nn: nn.BatchNorm1d(3, affine=False), normal(5, 3)),
    "BatchNorm1d without running values": module(
        lambda nn: nn.BatchNorm1d(3, track_running_stats=False).eval(), normal(5, 3)
    ),
    "BatchNorm2d": module(lambda nn: nn.BatchNorm2d(3), normal(4, 3, 2, 5)),
    "BatchNorm2d of one image in evaluation": module(lambda nn: nn.BatchNorm2d(3).eval(), normal(1, 3, 2, 5)),
}


def recurrent(kind, sequence, states=None, **options):
    """Return a call of a recurrent module, from states of this shape; LSTM takes and returns two of them, as a pair."""

    def call(model, x, *hx):
        return model(x, hx if kind == "LSTM" else hx[0]) if hx else model(x)

    starts = [] if states is None else [normal(*states)] * (2 if kind == "LSTM" else 1)
    return module(lambda nn: getattr(nn, kind)(3, 4, **options), normal(*sequence), *starts, call=call)


MODULES |= {
    f"{kind} {name} {more or ''}": recurrent(kind, *shapes, **options, **more)
    for kind, more in [("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("LSTM", {}), ("GRU", {})]
    for name, shapes, options in [
        ("from nothing", [(5, 2, 3)], {}),
        ("from states", [(5, 2, 3), (1, 2, 4)], {}),
        ("in layers", [(2, 5, 3), (2, 2, 4)], {"bias": False, "num_layers": 2, "batch_first": True}),
        ("both ways", [(5, 2, 3), (4, 2, 4)], {"bidirectional": True, "num_layers": 2}),
        ("of one sequence", [(5, 3), (2, 4)], {"bidirectional": True}),
    ]
}

SEQUENCES = normal(2, 4, 6), normal(2, 5, 6), normal(2, 5, 6)
MODULES |= {
    f"MultiheadAttention {name}": module(
        lambda nn, made=made: nn.MultiheadAttention(6, 3, **made), *inputs, call=call, **options
    )
    for name, made, inputs, call, options in [
        ("", {}, (normal(4, 2, 6), normal(5, 2, 6), normal(5, 2, 6)), lambda model, q, k, v: model(q, k, v), {}),
        (
            "of one sequence to itself, without bias",
            {"bias": False},
            (normal(4, 6),),
            lambda model, x: model(x, x, x, need_weights=False),
            {},
        ),
        (
            "each head's weights, masks",
            {"batch_first": True},
            SEQUENCES,
            lambda model, q, k, v, padding, mask: model(q, k, v, padding, attn_mask=mask, average_attn_weights=False),
            {"padding": lambda rng: np.arange(5) > np.array([[3], [2]]), "mask": lambda rng: np.eye(4, 5, 1) > 0},
        ),
        (
            "added masks",
            {"batch_first": True},
            SEQUENCES,
            lambda model, q, k, v, padding, mask: model(q, k, v, padding, need_weights=False, attn_mask=mask),
            {"padding": normal(2, 5), "mask": normal(4, 5)},
        ),
        (
            "a mask for each head",
            {"batch_first": True},
            SEQUENCES,
            lambda model, q, k, v, mask: model(q, k, v, need_weights=False, attn_mask=mask),
            {"mask": lambda rng: ~some_in_each_row(6, 4, 5)(rng)},
        ),
    ]
}


def encoder_layer(nn, **options):
    return nn.TransformerEncoderLayer(6, 2, dim_feedforward=5, dropout=0.0, **options)


FUTURE = {"mask": lambda rng: np.triu(np.ones((4, 4), bool), 1)}
MODULES |= {
    "encoder layer": module(encoder_layer, normal(4, 2, 6)),
    "encoder layer, pre-norm, causal": module(
        lambda nn: encoder_layer(nn, norm_first=True, batch_first=True, activation="gelu", layer_norm_eps=0.1),
        normal(2, 4, 6),
        call=lambda model, x, mask: model(x, mask, is_causal=True),
        **FUTURE,
    ),
    "encoder layer without bias, padding": module(
        lambda nn: encoder_layer(nn, bias=False, batch_first=True),
        normal(2, 4, 6),
        call=lambda model, x, padding: model(x, src_key_padding_mask=padding),
        padding=lambda rng: np.arange(4) > np.array([[3], [2]]),
    ),
    "encoder": module(
        lambda nn: nn.TransformerEncoder(encoder_layer(nn, norm_first=True, batch_first=True), 2, nn.LayerNorm(6)),
        normal(2, 4, 6),
        call=lambda model, x, mask: model(x, mask),
        **FUTURE,
    ),
}

OPTIMIZERS = {
    "SGD": lambda optim, a, b, c: optim.SGD([a, b, c], lr=0.1),
    "SGD by default": lambda optim, a, b, c: optim.SGD([a, b, c]),
    "SGD momentum": lambda optim, a, b, c: optim.SGD([a, b, c], lr=0.1, momentum=0.9),
    "SGD dampening": lambda optim, a, b, c: optim.SGD([a, b, c], lr=0.1, momentum=0.9, dampening=0.3),
    "SGD weight_decay": lambda optim, a, b, c: optim.SGD([a, b, c], lr=0.1, weight_decay=0.2),
    "SGD nesterov": lambda optim, a, b, c: optim.SGD([a, b, c], lr=0.1, momentum=0.8, nesterov=True),
    "SGD momentum, dampening, weight_decay": lambda optim, a, b, c: optim.SGD(
        [a, b, c], lr=0.05, momentum=0.7, dampening=0.5, weight_decay=0.1
    ),
    "SGD nesterov, weight_decay": lambda optim, a, b, c: optim.SGD(
        [a, b, c], lr=0.05, momentum=0.7, nesterov=True, weight_decay=0.1
    ),
    "SGD groups": lambda optim, a, b, c: optim.SGD(
        [{"params": [a, b], "lr": 0.5}, {"params": [c], "momentum": 0.0}], lr=0.1, momentum=0.9, weight_decay=0.01
    ),
    "Adam by default": lambda optim, a, b, c: optim.Adam([a, b, c]),
    "Adam": lambda optim, a, b, c: optim.Adam([a, b, c], lr=0.05, betas=(0.8, 0.95), eps=1e-3),
    "Adam weight_decay": lambda optim, a, b, c: optim.Adam([a, b, c], lr=0.05, weight_decay=0.3),
    "Adam groups": lambda optim, a, b, c: optim.Adam([{"params": [b]}, {"params": [c, a], "lr": 0.2}], lr=0.01),
    "AdamW by default": lambda optim, a, b, c: optim.AdamW([a, b, c]),
    "AdamW": lambda optim, a, b, c: optim.AdamW([a, b, c], lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.3),
}

OPTIMIZERS |= {
    f"{name} {options}": lambda optim, a, b, c, name=name, options=options: getattr(optim, name)([a, b, c], **options)
    for name, options in [
        ("Adagrad", {}),
        ("Adagrad", {"lr": 0.2, "lr_decay": 0.3, "weight_decay": 0.2, "initial_accumulator_value": 0.5}),
        ("Adagrad", {"eps": 0.1}),
        ("RMSprop", {}),
        ("RMSprop", {"lr": 0.05, "alpha": 0.7, "eps": 0.01, "weight_decay": 0.2}),
        ("RMSprop", {"lr": 0.05, "alpha": 0.8, "eps": 0.01, "centered": True}),
        ("RMSprop", {"lr": 0.05, "momentum": 0.6}),
        ("RMSprop", {"lr": 0.05, "eps": 0.01, "weight_decay": 0.2, "momentum": 0.6, "centered": True}),
        ("Adam", {"lr": 0.05, "betas": (0.8, 0.7), "weight_decay": 0.1, "amsgrad": True}),
        ("AdamW", {"lr": 0.05, "betas": (0.8, 0.7), "weight_decay": 0.3, "amsgrad": True}),
    ]
}

SCHEDULES = {
    f"{name} {options}": [(name, options)]
    for name, options in [
        ("StepLR", {"step_size": 7}),
        ("StepLR", {"step_size": 1, "gamma": 1.1}),
        ("StepLR", {"step_size": 100}),
        ("MultiStepLR", {"milestones": [3, 10, 45]}),
        ("MultiStepLR", {"milestones": [30, 5, 5, 0, 99], "gamma": 0.5}),
        ("MultiStepLR", {"milestones": []}),
        ("ExponentialLR", {"gamma": 0.9}),
        ("ExponentialLR", {"gamma": 0.0}),
        ("LinearLR", {}),
        ("LinearLR", {"start_factor": 0.01, "end_factor": 0.7, "total_iters": 33}),
        ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 10}),
        ("LinearLR", {"total_iters": 1}),
        ("CosineAnnealingLR", {"T_max": 60}),
        ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.03}),
        ("CosineAnnealingLR", {"T_max": 13, "eta_min": 0.9}),
        ("CosineAnnealingLR", {"T_max": 1}),
        ("CosineAnnealingWarmRestarts", {"T_0": 10}),
        ("CosineAnnealingWarmRestarts", {"T_0": 4, "T_mult": 2, "eta_min": 0.01}),
        ("CosineAnnealingWarmRestarts", {"T_0": 1}),
        ("CosineAnnealingWarmRestarts", {"T_0": 1, "T_mult": 3}),
        ("ReduceLROnPlateau", {}),
        ("ReduceLROnPlateau", {"patience": 2, "factor": 0.5, "cooldown": 3}),
        ("ReduceLROnPlateau", {"patience": 0, "threshold": 0.05, "threshold_mode": "abs", "min_lr": 0.02}),
        ("ReduceLROnPlateau", {"patience": 1, "mode": "max", "threshold": 0.2, "min_lr": [0.3, 0.001]}),
        ("ReduceLROnPlateau", {"patience": 1, "mode": "max", "threshold": 0.01, "threshold_mode": "abs"}),
        ("ReduceLROnPlateau", {"patience": 0, "factor": 0.8, "eps": 0.03}),
    ]
}
SCHEDULES |= {
    "LambdaLR": [("LambdaLR", {"lr_lambda": lambda t: 0.95**t})],
    "LambdaLR of each group": [("LambdaLR", {"lr_lambda": [lambda t: 1 / (1 + t), lambda t: t % 3]})],
    "chain": [("ExponentialLR", {"gamma": 0.97}), ("StepLR", {"step_size": 9}), ("LinearLR", {"total_iters": 20})],
    "chain, cosine": [("CosineAnnealingLR", {"T_max": 11, "eta_min": 0.01}), ("StepLR", {"step_size": 4})],
    "chain, warm-ups": [("LinearLR", {}), ("LinearLR", {"start_factor": 0.5, "total_iters": 9})],
    "chain, plateau": [("LinearLR", {"total_iters": 12}), ("ReduceLROnPlateau", {"patience": 1})],
}
_WARM_UP = [("LinearLR", {}), ("ExponentialLR", {"gamma": 0.9})]
SCHEDULES |= {
    name: [("SequentialLR", {"schedulers": schedulers, "milestones": milestones})]
    for name, schedulers, milestones in [
        ("sequence", _WARM_UP, [5]),
        ("sequence at once", [*_WARM_UP, ("StepLR", {"step_size": 9}), *_WARM_UP[1:]], [0, 20, 20]),
        ("sequence of one", _WARM_UP[1:], []),
        (
            "sequence of all",
            [
                ("LinearLR", {"total_iters": 8}),
                ("CosineAnnealingLR", {"T_max": 20, "eta_min": 0.01}),
                ("MultiStepLR", {"milestones": [0, 5], "gamma": 0.3}),
                ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2}),
                ("LambdaLR", {"lr_lambda": lambda t: 1 / (2 + t)}),
                ("StepLR", {"step_size": 2, "gamma": 0.7}),
                ("ExponentialLR", {"gamma": 0.8}),
            ],
            [8, 24, 32, 40, 48, 54],
        ),
    ]
}

CLIPS = {
    "norm, above": lambda utils, parameters: utils.clip_grad_norm_(parameters, 0.5),
    "norm, below": lambda utils, parameters: utils.clip_grad_norm_(parameters, 100.0),
    "value": lambda utils, parameters: utils.clip_grad_value_(parameters, 0.3),
}

GAINS = [("linear",), ("sigmoid",), ("tanh",), ("relu",), ("leaky_relu",), ("leaky_relu", 0.3)]

INITS = {
    f"{name} {shape}": (fill, shape)
    for name, fill in {
        "uniform": lambda init, w: init.uniform_(w),
        "normal": lambda init, w: init.normal_(w),
        "uniform, options": lambda init, w: init.uniform_(w, a=-2.0, b=3.0),
        "normal, options": lambda init, w: init.normal_(w, mean=1.0, std=0.2),
        "xavier_uniform": lambda init, w: init.xavier_uniform_(w),
        "xavier_uniform, gain": lambda init, w: init.xavier_uniform_(w, gain=5 / 3),
        "xavier_normal": lambda init, w: init.xavier_normal_(w),
        "xavier_normal, gain": lambda init, w: init.xavier_normal_(w, gain=2.0),
        "kaiming_uniform": lambda init, w: init.kaiming_uniform_(w),
        "kaiming_uniform, options": lambda init, w: init.kaiming_uniform_(w, a=0.3, mode="fan_out"),
        "kaiming_normal": lambda init, w: init.kaiming_normal_(w),
        "kaiming_normal, relu": lambda init, w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
    }.items()
    for shape in ((5, 3), (4, 3, 2, 2))
}

ORTHOGONALS = {"square": (4, 4), "tall": (5, 3), "wide": (3, 5), "kernel": (4, 2, 3, 3)}

TRAININGS = {
    "classifier, Adam": (
        lambda nn: nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 4)),
        lambda nn: nn.CrossEntropyLoss(label_smoothing=0.1),
        lambda optim, parameters: optim.Adam(parameters, lr=0.02),
        {"x": normal(STEPS, 10, 3), "y": classes(4, STEPS, 10)},
    ),
    "regression, SGD": (
        lambda nn: nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)),
        lambda nn: nn.MSELoss(),
        lambda optim, parameters: optim.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
        {"x": normal(STEPS, 10, 3), "y": normal(STEPS, 10, 1)},
    ),
    "binary, AdamW": (
        lambda nn: nn.Sequential(nn.Linear(2, 6), nn.SiLU(), nn.Linear(6, 1)),
        lambda nn: nn.BCEWithLogitsLoss(),
        lambda optim, parameters: optim.AdamW(parameters, lr=0.03),
        {"x": normal(STEPS, 10, 2), "y": lambda rng: rng.integers(2, size=(STEPS, 10, 1)).astype(float)},
    ),
}


# How a case is run: arrays in, arrays out


def run_function(library, function, options, arrays):
    tensors = {key: library.tensor(a, requires_grad=key.isdigit() and a.dtype.kind == "f") for key, a in arrays.items()}
    inputs = [tensors.pop(key) for key in sorted(tensors) if key.isdigit()]
    output = getattr(library.functional, function)(*inputs, **tensors, **options)
    return differentiate(library, output, {str(i): t for i, t in enumerate(inputs) if t.requires_grad})


def run_module(library, build, call, arrays):
    """Return what comes out, the gradients, and the buffers afterwards; ``state_of(arrays)`` goes in first."""
    model = build(library.nn)
    model.load_state_dict({name: library.tensor(a) for name, a in state_of(arrays).items()})
    inputs = {
        key: library.tensor(a, requires_grad=a.dtype.kind == "f") for key, a in arrays.items() if key[:6] == "input "
    }
    options = {key[7:]: library.tensor(a) for key, a in arrays.items() if key[:7] == "option "}
    output = call(model, *inputs.values(), **options)
    leaves = {key: x for key, x in inputs.items() if x.requires_grad} | dict(model.named_parameters())
    learned = dict(model.named_parameters())
    buffers = {f"{key} after": np.asarray(a) for key, a in model.state_dict().items() if key not in learned}
    return differentiate(library, output, leaves) | buffers


def state_of(arrays):
    """Return those of a module's arrays that are its state; the others have names of two words."""
    return {name: array for name, array in arrays.items() if " " not in name}


def draw_state(state):
    """Return how to draw arrays like those of a state: variances positive, counts whole."""

    def drawing(name, value):
        if name.endswith("num_batches_tracked"):
            return classes(9)
        return probabilities(*value.shape) if name.endswith("running_var") else normal(*value.shape)

    return {name: drawing(name, value) for name, value in state.items()}


def differentiate(library, output, leaves):
    """Return the outputs, and the gradients of their sum, weighted so that no two elements count alike."""
    outputs = flat(output)
    weights = [np.cos(np.arange(1.0, 1 + np.asarray(o.detach()).size)).reshape(tuple(o.shape)) for o in outputs]
    sum((o * library.tensor(w)).sum() for o, w in zip(outputs, weights, strict=True)).backward()
    results = {f"output {i}": np.asarray(o.detach()) for i, o in enumerate(outputs)}
    return results | {f"gradient of {name}": np.asarray(leaf.grad) for name, leaf in leaves.items()}


def flat(output):
    """Return the tensors in nested tuples; a module may also return ``None`` among them."""
    if isinstance(output, tuple):
        return [tensor for part in output for tensor in flat(part)]
    return [] if output is None else [output]


def run_optimizer(library, make, arrays):
    """Return the parameters after each step; ``b`` has no gradient in every third one."""
    parameters = {name: library.tensor(arrays[name].copy(), requires_grad=True) for name in "abc"}
    optimizer = make(library.optim, **parameters)
    path = {name: [] for name in "abc"}
    for step in range(STEPS):
        learning = {name: p for name, p in parameters.items() if name != "b" or step % 3 != 1}
        optimizer.zero_grad()
        sum((p * library.tensor(arrays[f"slope {name}"][step])).sum() for name, p in learning.items()).backward()
        optimizer.step()
        for name, p in parameters.items():
            path[name].append(np.array(p.detach()))
    return {name: np.stack(values) for name, values in path.items()}


def run_schedule(library, schedule, arrays):
    """Return the learning rates of two groups in each epoch, and what each schedule says that it set."""

    def build(name, options):
        inner = [build(*scheduler) for scheduler in options.get("schedulers", ())]
        return getattr(library.optim.lr_scheduler, name)(
            optimizer, **options | ({"schedulers": inner} if inner else {})
        )

    a, b = (library.tensor(np.zeros(2), requires_grad=True) for _ in range(2))
    optimizer = library.optim.SGD([{"params": [a], "lr": 0.5}, {"params": [b]}], lr=0.1)
    schedulers = [build(*scheduler) for scheduler in schedule]
    rates, last = [], []
    for metric in arrays["metric"]:
        rates.append([group["lr"] for group in optimizer.param_groups])
        last.append([scheduler.get_last_lr() for scheduler in schedulers])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step(*[metric] if hasattr(scheduler, "patience") else [])
    return {"rates": np.array(rates), "last": np.array(last)}


def run_clip(library, clip, arrays):
    parameters = [library.tensor(a, requires_grad=True) for a in arrays.values()]
    sum((p * p).sum() for p in parameters).backward()
    norm = clip(library.utils, parameters)
    results = {name: np.asarray(p.grad) for name, p in zip(arrays, parameters, strict=True)}
    return results if norm is None else results | {"norm": np.asarray(norm)}


def run_training(library, build, make_loss, make_optimizer, arrays):
    model, loss_fn = build(library.nn), make_loss(library.nn)
    start = {name.removeprefix("start "): library.tensor(a) for name, a in arrays.items() if name.startswith("start ")}
    model.load_state_dict(start)
    optimizer = make_optimizer(library.optim, model.parameters())
    losses = []
    for x, y in zip(arrays["x"], arrays["y"], strict=True):
        loss = loss_fn(model(library.tensor(x)), library.tensor(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    end = {f"end {name}": np.asarray(value) for name, value in model.state_dict().items()}
    return {"losses": np.array(losses), **end}
