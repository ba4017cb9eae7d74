"""The long trainings of chapter 10: `python trained/transformers.py [NAME …]` repeats them and replaces what is stored.

NAME is one of the functions at the end: gpt (4 minutes), bert (8), sizes (16), adding (4), images (6), shifts (2),
gan (3). The minutes are for one quiet core; all of them together fit in three quarters of an hour. Each writes
transformers_NAME.npz, weights and curves, beside this file. `pytorch`, after gpt, stores what PyTorch answers with the
decoder's weights, where PyTorch is installed.
"""

import argparse
import copy
from pathlib import Path

import numpy as np
from tqdm import tqdm

import nnlib as nn
from nnlib import functional as F
from nnlib.lr_scheduler import LambdaLR
from nnlib.widgets.transformers import LENGTH, LanguageModel, VisionTransformer, topics, trained

HERE = Path(__file__).parent
BITS = 1 / np.log(2)  # a loss in nats times this is in bits


def train(parameters, loss_of, steps, lr, name, weight_decay=0.01, clip=1.0):
    """Take steps of AdamW, with a short warm-up and then a cosine down to 0, and return the losses."""
    parameters = list(parameters)
    optimizer = nn.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay)
    warm = max(1, steps // 20)
    schedule = LambdaLR(
        optimizer, lambda i: min((i + 1) / warm, 0.5 * (1 + np.cos(np.pi * max(0, i - warm) / (steps - warm + 1))))
    )
    losses = []
    for step in tqdm(range(steps), desc=name, mininterval=5):
        loss = loss_of(step)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return np.array(losses)


def half(model):
    """The weights of a model in half the bytes."""
    return {name: np.asarray(array, np.float16) for name, array in model.state_dict().items()}


def smooth(losses, points=60):
    """So many means of neighbouring losses."""
    return np.array([part.mean() for part in np.array_split(losses, min(points, len(losses)))], np.float32)


# Characters


def windows(text, n, random):
    """Random pieces of the text, (n, LENGTH), and the same one character later."""
    starts = random.integers(0, len(text) - LENGTH, n)
    pieces = text[starts[:, None] + np.arange(LENGTH + 1)]
    return pieces[:, :-1], pieces[:, 1:]


def bits(model, text, n=200):
    """The loss of a decoder in bits per character, on n pieces of the text, for each place in the piece."""
    starts = np.linspace(0, len(text) - LENGTH - 1, n).astype(int)
    pieces = text[starts[:, None] + np.arange(LENGTH + 1)]
    with nn.no_grad():
        losses = F.cross_entropy(model(pieces[:, :-1]).transpose(1, 2), pieces[:, 1:], reduction="none")
    return losses.data.mean(axis=0) * BITS


def decoder(text, judged, d_model, steps, lr, seed=0, batch=16, layers=2):
    """A decoder that has learned from ``text``, its curve, and its bits on the ``judged`` text."""
    nn.manual_seed(seed)
    characters, _, _ = topics()
    model = LanguageModel(len(characters), d_model=d_model, layers=layers)
    random = np.random.default_rng(seed)

    def loss_of(step):
        x, y = windows(text, batch, random)
        return F.cross_entropy(model(x).transpose(1, 2), y)

    losses = train(model.parameters(), loss_of, steps, lr, f"decoder {d_model}, rate {lr}")
    return model, smooth(losses * BITS), bits(model, judged)


def gpt(steps=6000):
    """A decoder that predicts the next character."""
    _, text, judged = topics()
    model, curve, held_out = decoder(text, judged, 64, steps, lr=3e-3)
    print(f"{held_out.mean():.3f} bits per character held out")
    return {"weights": half(model), "curve": curve, "steps": steps, "by_place": held_out}


def sizes(steps=2000, widths=(8, 16, 32, 64), rates=(3e-3, 1e-2, 3e-2, 1e-1), seeds=2):
    """The same decoder in several widths: held-out bits of fresh seeds, each width at its own best rate.

    To choose the rate, a decoder learns from nine tenths of the training text and is judged on the last tenth.
    """
    _, text, held_out = topics()
    early, late = np.split(text, [len(text) * 9 // 10])
    reached, chosen = [], []
    for width in widths:
        best = min(rates, key=lambda lr: decoder(early, late, width, steps, lr)[2].mean())
        runs = [decoder(text, held_out, width, steps, best, seed)[2].mean() for seed in range(1, seeds + 1)]
        reached.append(runs)
        chosen.append(best)
        print(f"width {width}: rate {best}, {np.mean(runs):.3f} ± {np.std(runs):.3f} bits", flush=True)
    return {"widths": list(widths), "bits": np.array(reached), "rates": chosen, "steps": steps}


MASK_SHARE = 0.15


def masked(text, n, random, mask):
    """Random pieces of the text with characters replaced by ``mask``, and what stood there (−100 elsewhere)."""
    pieces, _ = windows(text, n, random)
    hidden = random.random(pieces.shape) < MASK_SHARE
    return np.where(hidden, mask, pieces), np.where(hidden, pieces, -100)


def bert(steps=12000, batch=16):
    """An encoder that fills in masked characters."""
    nn.manual_seed(0)
    characters, text, held_out = topics()
    mask, random = len(characters), np.random.default_rng(0)
    model = LanguageModel(mask + 1, causal=False)

    def loss_of(step):
        x, y = masked(text, batch, random, mask)
        return F.cross_entropy(model(x).transpose(1, 2), y, ignore_index=-100)

    losses = train(model.parameters(), loss_of, steps, 3e-3, "bert")
    x, y = masked(held_out, 400, np.random.default_rng(1), mask)
    with nn.no_grad():
        right = (model(x).data.argmax(axis=-1) == y)[y >= 0].mean()
    print(f"{right:.3f} of the masked characters right")
    return {"weights": half(model), "curve": smooth(losses * BITS), "steps": steps, "right": right}


# The adding problem


class Adder(nn.Module):
    """A recurrent layer and a linear one that reads its last state."""

    def __init__(self, cell, hidden=32):
        self.cell = cell(2, hidden, batch_first=True)
        self.read = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.read(self.cell(x)[0][:, -1])


def sums(n, length, random):
    """n sequences of numbers in [0, 1] with two of them marked, (n, length, 2), and the sums of the two."""
    x = np.zeros((n, length, 2), np.float32)
    x[:, :, 0] = random.random((n, length))
    first, second = random.integers(0, length // 2, n), random.integers(length // 2, length, n)
    rows = np.arange(n)
    x[rows, first, 1] = x[rows, second, 1] = 1
    return x, (x[rows, first, 0] + x[rows, second, 0])[:, None]


def adding(steps=1500, lengths=(10, 40), rates=(3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0), seeds=5):
    """RNN, LSTM and GRU on the adding problem: curves of test errors, each at its own best rate for each length.

    The rate is the one whose last error on validation sequences is least.
    """
    result = {"steps": steps, "lengths": list(lengths), "rates": list(rates)}
    for length in lengths:
        chosen_on, judged_on = (sums(300, length, np.random.default_rng(k)) for k in (1, 2))
        for cell in (nn.RNN, nn.LSTM, nn.GRU):

            def run(lr, seed, n, data, cell=cell, length=length):
                nn.manual_seed(seed)
                model, random, curve = Adder(cell), np.random.default_rng(100 + seed), []

                def loss_of(step):
                    if step % max(1, n // 25) == 0:
                        curve.append(nn.evaluate(model, data, F.mse_loss))
                    x, y = sums(32, length, random)
                    return F.mse_loss(model(x), y)

                train(model.parameters(), loss_of, n, lr, f"{cell.__name__} {length}, rate {lr}", 0.0)
                return [*curve, nn.evaluate(model, data, F.mse_loss)]

            tried = [run(lr, 0, steps, chosen_on)[-1] for lr in rates]
            best = rates[np.argmin(tried)]
            curves = [run(best, seed, steps, judged_on) for seed in range(1, seeds + 1)]
            result[f"{cell.__name__} {length}"] = {
                "rate": best,
                "tried": np.array(tried),
                "curves": np.array(curves, np.float32),
            }
            print(cell.__name__, length, best, np.round(tried, 4), [round(c[-1], 4) for c in curves], flush=True)
    return result


# Images


def shifted(images, dy, dx):
    """Digits, rows of 64 pixels, moved by whole pixels, with nothing coming in."""
    images = images.reshape(-1, 8, 8)
    moved = np.zeros_like(images)
    y, x = (slice(max(0, d), 8 + min(0, d)) for d in (dy, dx))
    y0, x0 = (slice(max(0, -d), 8 + min(0, -d)) for d in (dy, dx))
    moved[:, y, x] = images[:, y0, x0]
    return moved.reshape(-1, 64)


class Image(nn.Module):
    """Rows of 64 pixels as images of one channel."""

    def forward(self, x):
        return x.reshape(-1, 1, 8, 8)


def cnn(head="flat"):
    """A convolutional network for digits; its head reads a map of 2 × 2 places, or their mean."""
    pool, maps, places = (nn.MaxPool2d(2), 24, 4) if head == "flat" else (nn.AdaptiveAvgPool2d(1), 30, 1)
    return nn.Sequential(
        Image(),
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, maps, 3, padding=1),
        nn.ReLU(),
        pool,
        nn.Flatten(),
        nn.Linear(maps * places, 10),
    )


def mlp(hidden=49):
    return nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))


def split_digits():
    """Training, validation and test sets of digits, as in chapter 4."""
    X, y = nn.data.digits()
    X, X_test, y, y_test = nn.data.train_test_split(X.astype(np.float32), y, generator=np.random.default_rng(0))
    X, X_valid, y, y_valid = nn.data.train_test_split(X, y, generator=np.random.default_rng(1))
    return (X, y), (X_valid, y_valid), (X_test, y_test)


def classifier(make, data, lr, seed, epochs, batch=32):
    """Train a classifier on images."""
    nn.manual_seed(seed)
    model, (X, y), random = make(), data, np.random.default_rng(seed)
    per_epoch = len(X) // batch

    def loss_of(step):
        nonlocal order
        if step % per_epoch == 0:
            order = random.permutation(len(X))
        rows = order[step % per_epoch * batch :][:batch]
        return F.cross_entropy(model(X[rows]), y[rows])

    order = None
    train(model.parameters(), loss_of, epochs * per_epoch, lr, f"rate {lr}, seed {seed}")
    return model.eval()


RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)


def compared(models, sets, measures, epochs, rates, seeds):
    """What fresh seeds of each model reach in each measure, and the first of them.

    Each model has its own rate, the one with the best mean accuracy of three seeds on validation data.
    """
    data, valid, test = sets
    result, kept = {}, {}
    for name, make in models.items():
        tried = {
            lr: np.mean(
                [nn.evaluate(classifier(make, data, lr, seed, epochs), valid, nn.accuracy) for seed in (101, 102, 103)]
            )
            for lr in rates
        }
        best = max(rates, key=tried.get)
        fresh = [classifier(make, data, best, seed, epochs) for seed in range(1, seeds + 1)]
        scores = {
            m: np.array([nn.evaluate(f, change(test), nn.accuracy) for f in fresh]) for m, change in measures.items()
        }
        kept[name] = fresh[0]
        result[name] = scores | {"rate": best, "parameters": sum(p.data.size for p in kept[name].parameters())}
        print(
            name,
            best,
            result[name]["parameters"],
            {m: (s.mean().round(4), s.std().round(4)) for m, s in scores.items()},
            {lr: accuracy.round(4) for lr, accuracy in tried.items()},
            flush=True,
        )
    return result, kept


def images(epochs=25, rates=RATES, seeds=5):
    """CNN, MLP and vision transformer on digits, in their places and moved by a pixel."""
    moves = [(0, 1), (0, -1), (1, 0), (-1, 0)]
    measures = {
        "in place": lambda test: test,
        "moved": lambda test: (np.concatenate([shifted(test[0], *m) for m in moves]), np.tile(test[1], 4)),
    }
    models = {"MLP": mlp, "CNN": cnn, "CNN, mean": lambda: cnn("mean"), "ViT": VisionTransformer}
    result, kept = compared(models, split_digits(), measures, epochs, rates, seeds)
    return result | {"weights": {name: half(model) for name, model in kept.items()}, "epochs": epochs}


class Line(nn.Module):
    """Rows of 40 numbers as sequences of one channel."""

    def forward(self, x):
        return x.reshape(-1, 1, 40)


def line_cnn():
    return nn.Sequential(
        Line(),
        nn.Conv1d(1, 24, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv1d(24, 24, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv1d(24, 24, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24 * 5, 10),
    )


def line_mlp():
    return nn.Sequential(nn.Linear(40, 56), nn.ReLU(), nn.Linear(56, 38), nn.ReLU(), nn.Linear(38, 10))


def shifts(epochs=30, rates=RATES, seeds=5):
    """CNN and MLP on MNIST-1D."""
    X, X_test, y, y_test = nn.data.mnist1d()
    X, X_test = X.astype(np.float32), X_test.astype(np.float32)
    sets = (X[:3200], y[:3200]), (X[3200:], y[3200:]), (X_test, y_test)
    result, _ = compared({"MLP": line_mlp, "CNN": line_cnn}, sets, {"accuracy": lambda t: t}, epochs, rates, seeds)
    return result | {"epochs": epochs}


# Two networks against each other


CENTRES = 2 * np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=1)


def ring(n, random):
    """Points from eight small clouds on a circle."""
    return (CENTRES[random.integers(0, 8, n)] + random.normal(0, 0.1, (n, 2))).astype(np.float32)


def covered(points):
    """How many clouds hold at least one in fifty of the points, and the share of points within 0.3 of a centre."""
    distance = np.linalg.norm(points[:, None] - CENTRES, axis=2)
    near = distance.min(axis=1) < 0.3
    return int((np.bincount(distance.argmin(axis=1)[near], minlength=8) >= len(points) / 50).sum()), near.mean()


def generator():
    return nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))


def discriminator():
    return nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))


def duel(steps, turns, seed, lr=1e-3):
    """Train a generator against a discriminator, which takes so many ``turns`` for each of the generator's."""
    nn.manual_seed(seed)
    random, G, D = np.random.default_rng(seed), generator(), discriminator()
    make, judge = (nn.optim.Adam(net.parameters(), lr=lr, betas=(0.5, 0.999)) for net in (G, D))
    loss_fn, ones, zeros = nn.BCEWithLogitsLoss(), np.ones((128, 1), np.float32), np.zeros((128, 1), np.float32)
    fixed = np.random.default_rng(7).normal(size=(400, 8)).astype(np.float32)
    shots, modes = [], []

    def noise():
        return random.normal(size=(128, 8)).astype(np.float32)

    for step in tqdm(range(steps + 1), desc=f"gan {turns}, seed {seed}", mininterval=5):
        if step % max(1, steps // 40) == 0:
            points = G(fixed).data
            shots.append(points.astype(np.float16))
            modes.append(covered(points))
        for _ in range(turns):
            fake = G(noise()).detach()
            loss = loss_fn(D(ring(128, random)), ones) + loss_fn(D(fake), zeros)
            judge.zero_grad()
            loss.backward()
            judge.step()
        loss = loss_fn(D(G(noise())), ones)
        make.zero_grad()
        loss.backward()
        make.step()
    return G, np.array(shots), np.array(modes, np.float32)


def gan(steps=3000, seeds=8):
    """A generator of points on a ring, with one and with five turns of the discriminator for each of its own."""
    result = {"steps": steps}
    for turns in (1, 5):
        runs = [duel(steps, turns, seed) for seed in range(seeds)]
        G, shots, _ = runs[0]
        result[str(turns)] = {"weights": half(G), "shots": shots[::5], "modes": np.array([modes for *_, modes in runs])}
        print(turns, "turns:", [m[-1].round(2).tolist() for *_, m in runs], flush=True)
    return result


def pytorch():
    """What PyTorch answers with the weights of the stored decoder; needs PyTorch."""
    import torch

    weights = {name: torch.tensor(array.astype(np.float32)) for name, array in trained("gpt")["weights"].items()}
    ids = [topics()[0].index(c) for c in 'The "while" statement is used for repeated execution']
    later = torch.nn.Transformer.generate_square_subsequent_mask(len(ids))
    x = weights["token.weight"][ids] + weights["place.weight"][: len(ids)]
    for i in range(2):
        block = torch.nn.TransformerEncoderLayer(64, 4, 256, 0.0, "gelu", batch_first=True, norm_first=True)
        prefix = f"blocks.{i}."
        block.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})
        x = block.eval()(x[None], src_mask=later)[0]
    x = torch.nn.functional.layer_norm(x, (64,), weights["norm.weight"], weights["norm.bias"])
    scores = x @ weights["head.weight"].T + weights["head.bias"]
    return {"scores": scores.detach().numpy()[None], "version": torch.__version__}


ALL = {function.__name__: function for function in (gpt, bert, sizes, adding, images, shifts, gan)}


def main(names, **options):
    before = copy.copy(nn.get_default_dtype())
    nn.set_default_dtype("float32")
    try:
        return {name: (ALL | {"pytorch": pytorch})[name](**options) for name in names}
    finally:
        nn.set_default_dtype(before)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*ALL, "pytorch", []], metavar="NAME", default=list(ALL))
    for name in parser.parse_args().names or ALL:
        nn.save(main([name])[name], HERE / f"transformers_{name}.npz")
