"""The widgets of chapter 9: regularised networks, the peak of double descent, and the temperature of a softmax."""

from functools import lru_cache

import numpy as np

import nnlib as nn
from nnlib import functional as F
from nnlib.widgets.explorer import Control, Explorer
from nnlib.widgets.panels import Bars, Heatmap, Line, Panel, Points, Readout, Rule, number

WIDTHS = [4, 16, 64, 256]
DROPOUTS = [0.0, 0.5]
ALSO = {  # name: (weight decay, shifted images)
    "nothing": (0.0, False),
    "weight decay": (1.0, False),
    "shifted images": (0.0, True),
    "both": (1.0, True),
}
EPOCHS = 30
FEATURES = [2, 4, 6, 8, 11, 14, 17, 19, 20, 21, 23, 26, 32, 50, 100, 300, 1000]


def regularisation():
    """Training and validation loss of a digit network for every width, dropout, weight decay and augmentation."""
    train, valid, new = wrong_digits()

    @lru_cache
    def trained(width, dropout, also):
        decay, shift = ALSO[also]
        return overfit(train, valid, new, width, dropout, decay, shift)

    def compute(width, dropout, also):
        losses, right = trained(width, dropout, also)
        best = losses[:, 1].argmin()
        grid = [[100 * trained(w, p, also)[1][-1, 1] for p in DROPOUTS] for w in WIDTHS]
        return {
            "epoch": np.arange(1, EPOCHS + 1),
            "losses": losses.T,
            "best": best + 1,
            "best_loss": losses[best, 1],
            "on_train": right[-1, 0],
            "end": right[-1, 1],
            "stopped": right[best, 1],
            "grid": grid,
            "row": WIDTHS.index(width),
            "column": DROPOUTS.index(dropout),
        }

    def says(values, results):
        shares = {key: number(results[key], ".0%") for key in ("on_train", "end", "stopped")}
        return (
            f"After {EPOCHS} epochs {shares['on_train']} of the training labels, wrong ones included, are fitted, and "
            f"{shares['end']} of the new digits are right; stopped after epoch {results['best']}, {shares['stopped']}."
        )

    return Explorer(
        compute,
        [
            Control("width", WIDTHS, label="hidden units", default=256),
            Control("dropout", DROPOUTS, label="dropout p"),
            Control("also", list(ALSO), label="also"),
        ],
        [
            Panel(
                Line("epoch", "losses", color=["train", "test"], label=["training", "validation"]),
                Points("best", "best_loss", color="test", size=7, hollow=True),
                xlabel="epoch (ring: lowest validation loss)",
                ylabel="cross-entropy",
                ylim=(0, 2.4),
                aspect=0.75,
                width=1.5,
            ),
            Panel(
                Heatmap("grid", extent=(-0.5, 1.5, -0.5, 3.5), colors="gray", scale=(40.0, 160.0), format=".0f"),
                Points("column", "row", color="gradient", size=13, hollow=True),
                xlabel="dropout p",
                ylabel="hidden units",
                title="new digits right at the end, %",
                xticks={i: f"{p:g}" for i, p in enumerate(DROPOUTS)},
                yticks={i: str(w) for i, w in enumerate(WIDTHS)},
                aspect=1,
            ),
        ],
        [
            Readout("on_train", "training labels fitted", ".0%"),
            Readout("end", "new digits right", ".0%"),
            Readout("stopped", "if stopped at the ring", ".0%"),
        ],
        title="What keeps a network from learning mistakes by heart?",
        name="regularisation-grid",
        says=says,
        alt="Training loss falls to near zero while validation loss falls, turns and rises; a table of accuracies.",
    )


def double_descent():
    """Least squares on random tanh units of one input: the fitted curve, and the error for every width."""
    axis = np.linspace(-1, 1, 101)
    draws = range(25)

    @lru_cache
    def errors(ridge, noise):
        """Median over the draws of the root mean squared error, on new and on training points, for every width."""
        found = np.empty((len(draws), len(FEATURES), 2))
        for draw in draws:
            x, y = wavy(20, noise, draw)
            for k, width in enumerate(FEATURES):
                curve = fit_features(x, y, width, ridge, draw)
                found[draw, k] = rms(curve(axis) - truth(axis)), rms(curve(x) - y)
        return np.median(found, axis=0).T

    def compute(width, ridge, noise):
        x, y = wavy(20, noise, 0)
        curve = fit_features(x, y, width, ridge, 0)
        medians = errors(ridge, noise)
        k = FEATURES.index(width)
        return {
            "x": x,
            "y": y,
            "axis": axis,
            "truth": truth(axis),
            "curve": np.clip(curve(axis), -9, 9),
            "widths": FEATURES,
            "medians": np.maximum(medians, 1e-4),
            "width": width,
            "typical": medians[0, k],
            "on_train": rms(curve(x) - y),
            "on_new": rms(curve(axis) - truth(axis)),
        }

    def says(values, results):
        hit = "passes through all 20 points" if results["on_train"] < 5e-3 else "misses some of the points"
        return (
            f"{values['width']} random units, ridge {values['ridge']:g}: the curve {hit}. It is off the truth by "
            f"{number(results['on_new'], '.2f')} here, and by {number(results['typical'], '.2f')} in the median of "
            "25 draws."
        )

    return Explorer(
        compute,
        [
            Control("width", FEATURES, label="random units", default=8),
            Control("ridge", [0, 1e-3, 1e-2, 1e-1], label="ridge λ", default=0),
            Control("noise", [0.0, 0.2, 0.5], label="noise of the labels", default=0.2),
        ],
        [
            Panel(
                Line("axis", "truth", color="muted", dash=True, label="truth"),
                Line("axis", "curve", color="accent", label="fit"),
                Points("x", "y", color="ink", size=3.5),
                xlabel="x",
                ylabel="y",
                xlim=(-1, 1),
                ylim=(-3, 3),
                aspect=0.85,
            ),
            Panel(
                Rule(x=20, label="20 examples"),
                Line("widths", "medians", color=["test", "train"], label=["new", "training"]),
                Points("width", "typical", color="test", size=7, hollow=True),
                xlabel="random units",
                ylabel="off by (rms), median of 25 draws",
                xscale="log",
                yscale="log",
                ylim=(0.003, 50),
                aspect=0.85,
            ),
        ],
        [
            Readout("on_train", "off the 20 points", ".2f"),
            Readout("on_new", "off the truth, this draw", ".2f"),
            Readout("typical", "median of 25 draws", ".2f"),
        ],
        title="How many units are too many?",
        name="double-descent",
        says=says,
        alt="A curve of eight units by twenty noisy points, and an error that falls, peaks at 20 units, falls again.",
    )


def calibration():
    """What a network says against how often it is right, for every length of training and every temperature."""
    labels, scores = scores_by_epoch()
    edges = np.linspace(0, 1, 11)

    def compute(epochs, temperature):
        p = F.softmax(scores[epochs] / temperature, dim=1).data
        confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
        place = np.minimum((10 * confidence).astype(int), 9)
        counts = np.bincount(place, minlength=10)
        with np.errstate(invalid="ignore"):
            share = np.bincount(place, right, 10) / counts
            said = np.bincount(place, confidence, 10) / counts
        gap = np.nansum(counts * np.abs(share - said)) / counts.sum()
        return {
            "middle": edges[:-1] + 0.05,
            "share": np.where(counts < 5, np.nan, share),
            "said": np.where(counts < 5, np.nan, said),
            "counts": counts / counts.sum(),
            "gap": gap,
            "accuracy": right.mean(),
            "confidence": confidence.mean(),
            "loss": F.cross_entropy(scores[epochs] / temperature, labels).item(),
        }

    def says(values, results):
        said, right = number(results["confidence"], ".0%"), number(results["accuracy"], ".0%")
        return (
            f"{values['epochs']} epochs, T = {values['temperature']:g}: it says {said} on average and is right in "
            f"{right}; calibration error {number(results['gap'], '.2f')}."
        )

    return Explorer(
        compute,
        [
            Control("epochs", list(scores), label="epochs of training", default=list(scores)[-1]),
            Control("temperature", [0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0], label="temperature T", default=1.0),
        ],
        [
            Panel(
                Bars("middle", "share", color="accent", width=0.09),
                Line([0, 1], [0, 1], color="muted", dash=True),
                Points("said", "share", color="ink", size=4),
                xlabel="what it says (dashes: ideal)",
                ylabel="share right",
                xlim=(0, 1),
                ylim=(0, 1.03),
                aspect=0.9,
            ),
            Panel(
                Bars("middle", "counts", color="muted", width=0.09),
                xlabel="what it says",
                ylabel="share of the examples",
                xlim=(0, 1),
                ylim=(0, 1),
                aspect=0.9,
            ),
        ],
        [
            Readout("gap", "calibration error", ".2f"),
            Readout("accuracy", "accuracy", ".0%"),
            Readout("loss", "cross-entropy", ".2f"),
        ],
        title="Is it as often right as it says?",
        name="calibration",
        says=says,
        alt="Bars of the share of right answers lie far below the diagonal; most answers are nearly certain.",
    )


def wrong_digits():
    """300 digits, a fifth with labels drawn at random; with true labels, 500 to choose by and 997 to judge by."""
    X, y = nn.data.digits()
    rng = np.random.default_rng(0)
    order = rng.permutation(len(X))
    train, valid, new = np.split(order, [300, 800])
    labels = y[train].copy()
    drawn = rng.random(300) < 0.2
    labels[drawn] = rng.integers(0, 10, drawn.sum())
    return (X[train], labels), (X[valid], y[valid]), (X[new], y[new])


def shifted(images, rng):
    """Each 8 × 8 image moved by −1, 0 or 1 pixel in both directions."""
    wide = np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    down, right = rng.integers(0, 3, (2, len(images), 1, 1))
    rows, columns = np.arange(8)[:, None], np.arange(8)
    return wide[np.arange(len(images))[:, None, None], down + rows, right + columns].reshape(-1, 64)


def overfit(train, valid, new, width, dropout, decay, shift):
    """After each epoch: losses on training and validation data, shares right on training and (when needed) new data."""
    nn.manual_seed(0)
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 10))
    optimizer = nn.optim.AdamW(model.parameters(), lr=0.01, weight_decay=decay)
    seen = []
    for epoch in range(EPOCHS):
        model.train()
        for images, labels in nn.data.batches(*train, 100):
            images = shifted(images, rng) if shift else images
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss, right = nn.evaluate(model, train, F.cross_entropy, nn.accuracy, batch_size=300)
        on_valid = nn.evaluate(model, valid, F.cross_entropy, batch_size=500)
        if on_valid <= min((losses[1] for losses, _ in seen), default=np.inf) or epoch == EPOCHS - 1:
            on_new = nn.evaluate(model, new, nn.accuracy, batch_size=997)
        seen.append(((loss, on_valid), (right, on_new)))
    return np.moveaxis(np.array(seen), 1, 0)


def truth(x):
    """The function that the points of the double descent come from."""
    return np.sin(4 * x)


def wavy(n, noise, seed):
    """n points of the truth, with noise."""
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, n) + rng.uniform(-0.3, 0.3, n) / n
    return x, truth(x) + noise * rng.normal(size=n)


def fit_features(x, y, width, ridge, seed):
    """What least squares (of least norm, or with a penalty) makes of random tanh units; y may have several columns."""
    features, (left, size, right) = random_units(tuple(x), width, seed)
    kept = size > 1e-10 * size[0]
    factor = np.where(kept, size / (size**2 + ridge + (ridge == 0) * 1e-30), 0)
    weights = right.T @ (factor * (left.T @ y).T).T
    return lambda x: features(x) @ weights


@lru_cache(maxsize=512)
def random_units(x, width, seed):
    """So many random tanh units, as a function, and the singular value decomposition of what they say at x."""
    rng = np.random.default_rng([seed, 1])
    center, steepness = rng.uniform(-1.2, 1.2, 1000)[:width], 8 * rng.normal(size=1000)[:width]

    @lru_cache
    def at(x):
        return np.tanh(steepness * (np.array(x)[:, None] - center)) / np.sqrt(width)

    return lambda x: at(tuple(x)), np.linalg.svd(at(x), full_matrices=False)


def rms(error):
    """The root of the mean square."""
    return np.sqrt(np.mean(error**2))


def scores_by_epoch():
    """The labels of 2,000 digits of MNIST-1D, and the scores of a network after so many epochs of training."""
    X, X_test, y, y_test = nn.data.mnist1d()
    X_shown, y_shown = np.concatenate([X[3000:], X_test]), np.concatenate([y[3000:], y_test])
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(40, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = nn.optim.Adam(model.parameters(), lr=2e-3)
    scores, done = {}, 0
    for epochs in (2, 5, 10, 20, 40):
        nn.fit(
            model, (X[:2000], y[:2000]), nn.CrossEntropyLoss(), optimizer, epochs - done, batch_size=50, progress=False
        )
        scores[epochs], done = model(X_shown).data, epochs
    return y_shown, scores
