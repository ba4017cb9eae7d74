"""The training loop, with what belongs around it: validation, early stopping, schedules, progress and checkpoints."""

import math
from dataclasses import asdict, dataclass, field

import numpy as np

from nnlib.checks import integer, positive
from nnlib.data import batches
from nnlib.lr_scheduler import ReduceLROnPlateau
from nnlib.module import LoadError
from nnlib.settings import get_generator, no_grad
from nnlib.tensor import Tensor, as_tensor
from nnlib.utils import clip_grad_norm_, load, save


@dataclass
class History:
    """What :func:`nnlib.fit` saw: lists with a number for each epoch. A list of what was not asked for stays empty.

    Attributes:
        loss: mean loss of the epoch's batches, each taken before its step.
        metric: the metric, likewise.
        val_loss: loss on the validation data after the epoch.
        val_metric: the metric, likewise.
        lr: the learning rate, that of the optimiser's first group.
    """

    loss: list = field(default_factory=list)
    metric: list = field(default_factory=list)
    val_loss: list = field(default_factory=list)
    val_metric: list = field(default_factory=list)
    lr: list = field(default_factory=list)

    @property
    def best_epoch(self):
        """The epoch, counted from 1, with the least validation loss; the least loss where there is no validation."""
        losses = self.val_loss or self.loss
        return 1 + losses.index(min(losses)) if losses else 0


def fit(model, data, loss_fn, optimizer, epochs, *, batch_size=32, metric=None, validation=None, patience=None,
        scheduler=None, clip_grad_norm=None, callbacks=(), checkpoint=None, resume=False, progress=None):  # fmt: skip
    """Train a model. For each batch of the data, which are shuffled anew in each epoch::

        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    Args:
        model: a module; between the epochs, and afterwards, it is in evaluation mode.
        data: (X, y), arrays with the same number of rows.
        loss_fn: a loss that is a mean over the batch, such as ``nn.MSELoss()``.
        optimizer: the optimiser of the model's parameters.
        epochs: passes over the data, ≥ 1; those before a resumed checkpoint count.
        batch_size: rows of a batch, ≥ 1.
        metric: a function of (output, y) that returns a number, such as ``nn.accuracy``.
        validation: (X, y) on which loss and metric are taken after each epoch.
        patience: stop when the validation loss has not fallen for so many epochs, ≥ 1, and go back to the weights
            with which it was least.
        scheduler: a schedule, stepped after each epoch (with the validation loss, or the loss, if it needs a number).
        clip_grad_norm: the greatest length that the gradient of all parameters together may have, > 0.
        callbacks: functions that are called with the history after each epoch; one that returns True ends training.
        checkpoint: a file in which to keep, after each epoch, all that it takes to go on.
        resume: go on from ``checkpoint``, as if training had never stopped: the same numbers, bit for bit.
        progress: show a bar; if ``None``, only in a terminal.

    Returns:
        The :class:`.History`, of all epochs.

    Raises:
        FloatingPointError: if a loss is not finite. For a loss of training it names epoch and batch, and the weights
            are those before its step; for one of validation it names the epoch.
        LoadError: if the checkpoint is not one of such a training; nothing is changed.
        ValueError: if an argument is out of range; nothing is changed.
    """
    from tqdm import tqdm

    data = _checked("data", data)
    integer("epochs", epochs)
    integer("batch_size", batch_size)
    if validation is not None:
        validation = _checked("validation", validation)
    if patience is not None and validation is None:
        raise ValueError("patience needs validation data to judge by")
    if patience is not None:
        integer("patience", patience)
    if clip_grad_norm is not None:
        positive("clip_grad_norm", clip_grad_norm)
    if resume and checkpoint is None:
        raise ValueError("resume needs a checkpoint to go on from")

    measures = [loss_fn] if metric is None else [loss_fn, metric]
    history, best = _resume(checkpoint, model, optimizer, scheduler) if resume else (History(), None)
    hidden = None if progress is None else not progress  # tqdm's None: unless in a terminal
    model.eval()
    with tqdm(total=epochs, initial=len(history.loss), unit="epoch", disable=hidden) as bar:
        while len(history.loss) < epochs and not _stalled(history, patience):
            epoch = len(history.loss) + 1
            history.lr.append(optimizer.param_groups[0]["lr"])
            means = _train(model, data, measures, optimizer, epoch, batch_size, clip_grad_norm)
            _append(means, history.loss, history.metric)
            if validation is not None:
                means = np.atleast_1d(evaluate(model, validation, *measures)).tolist()
                _require_finite(means[0], f"the validation loss after epoch {epoch}")
                _append(means, history.val_loss, history.val_metric)
            if patience is not None and history.best_epoch == epoch:
                best = model.state_dict()
            if scheduler is not None:
                scheduler.step(*means[:1] if isinstance(scheduler, ReduceLROnPlateau) else ())
            if checkpoint is not None:
                save(_state(model, optimizer, scheduler, history, best), checkpoint)
            bar.set_postfix(loss=f"{history.loss[-1]:.3g}", refresh=False)
            bar.update()
            answers = [callback(history) for callback in callbacks]
            if any(isinstance(answer, bool | np.bool_) and answer for answer in answers):
                break
    if patience is not None and best is not None:
        model.load_state_dict(best)
    return history


def _train(model, data, measures, optimizer, epoch, batch_size, clip_grad_norm):
    """Take the steps of one epoch, and return the means of loss and metric."""
    loss_fn, *metrics = measures
    totals = np.zeros(len(measures))
    model.train()
    try:
        for batch, (x, y) in enumerate(batches(*data, batch_size), start=1):
            x, y = Tensor(x), Tensor(y)
            output = model(x)
            loss = loss_fn(output, y)
            _require_finite(loss.item(), f"the loss of epoch {epoch}, batch {batch}")
            optimizer.zero_grad()
            loss.backward()
            if clip_grad_norm is not None:
                clip_grad_norm_(model.parameters(), clip_grad_norm)
            optimizer.step()
            totals += len(x) * np.array([float(loss), *(float(metric(output, y)) for metric in metrics)])
    finally:
        model.eval()
    return (totals / len(data[0])).tolist()


def evaluate(model, data, *measures, batch_size=256):
    """Return the means of measures over data, with the model in evaluation mode and nothing recorded.

    Args:
        model: a module; it and all below come back in the modes they were in.
        data: (X, y), arrays with the same number of rows.
        measures: functions of (output, y) that return a mean over a batch: losses, :func:`accuracy`.
        batch_size: rows to compute at a time, ≥ 1.

    Returns:
        A number; a list of them for several measures.
    """
    X, y = _checked("data", data)
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad():
            totals = np.zeros(len(measures))
            for x, target in batches(X, y, batch_size, shuffle=False):
                output = model(Tensor(x))
                totals += len(x) * np.array([float(measure(output, Tensor(target))) for measure in measures])
    finally:
        for module, mode in modes:
            module.training = mode
    means = (totals / len(X)).tolist()
    return means if len(measures) > 1 else means[0]


def accuracy(output, target):
    """Return the share of rows in which the right class has the highest score.

    Args:
        output: scores or probabilities, shape (N, classes) with at least two classes.
        target: the right classes, integers of shape (N,).

    Raises:
        ValueError: if the shapes do not fit.
    """
    scores, classes = as_tensor(output).data, as_tensor(target).data
    if scores.ndim != 2 or scores.shape[1] < 2 or classes.shape != scores.shape[:1]:
        raise ValueError(
            f"accuracy needs scores of shape (N, classes) and targets of (N,), got {scores.shape} and {classes.shape}"
        )
    return float((scores.argmax(axis=1) == classes).mean())


def _state(model, optimizer, scheduler, history, best):
    """Return all that the next epoch depends on."""
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": None if scheduler is None else scheduler.state_dict(),
        "random": get_generator().bit_generator.state,
        "history": asdict(history),
        "best": best,
    }


def _resume(checkpoint, model, optimizer, scheduler):
    """Put everything where the checkpoint says, and return the history and the best weights, or change nothing."""
    state, before = load(checkpoint), _state(model, optimizer, scheduler, History(), None)
    if not isinstance(state, dict) or state.keys() != before.keys():
        raise LoadError(f"{checkpoint} is not a checkpoint of fit")
    if (state["scheduler"] is None) != (scheduler is None):
        raise LoadError(f"{checkpoint} was made {'with' if scheduler is None else 'without'} a scheduler")

    def restore(state):
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if scheduler is not None:
            scheduler.load_state_dict(state["scheduler"])
        get_generator().bit_generator.state = state["random"]

    try:
        restore(state)
    except LoadError:
        restore(before)
        raise
    return History(**state["history"]), state["best"]


def _stalled(history, patience):
    return patience is not None and len(history.loss) - history.best_epoch >= patience


def _append(means, *lists):
    for mean, numbers in zip(means, lists, strict=False):  # there may be no metric
        numbers.append(mean)


def _checked(name, data):
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ValueError(f"{name} must be a pair (X, y), got {type(data).__name__}")
    X, y = map(np.asarray, data)
    if not X.ndim or not y.ndim or not len(X) or len(X) != len(y):
        raise ValueError(f"{name} must have as many rows in X as in y, and at least one, got {X.shape} and {y.shape}")
    return X, y


def _require_finite(loss, name):
    if not math.isfinite(loss):
        raise FloatingPointError(f"{name} is {loss}: if the data are finite, a lower lr or clip_grad_norm may help")
