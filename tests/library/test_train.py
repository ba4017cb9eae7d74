"""Training: the loop is the one written by hand; it stops when it should; and it goes on as if it had never stopped."""

import subprocess
import sys

import numpy as np
import pytest

import nnlib as nn
from nnlib.optim import lr_scheduler

X = np.random.default_rng(1).normal(size=(50, 3))
Y = (X[:, 0] > X[:, 1]).astype(int) + (X[:, 2] > 0.5)
X_VAL = np.random.default_rng(2).normal(size=(30, 3))
Y_VAL = (X_VAL[:, 0] > X_VAL[:, 1]).astype(int) + (X_VAL[:, 2] > 0.5)
VALIDATION = (X_VAL, Y_VAL)
LOSS = nn.CrossEntropyLoss()


def classifier():
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))


def trained(epochs=4, **options):
    """Return a model and the history of its training, the same ones whenever the options are."""
    nn.manual_seed(5)
    model = classifier()
    optimizer = nn.optim.Adam(model.parameters(), lr=0.03)
    if "scheduler" in options:
        options["scheduler"] = options["scheduler"](optimizer)
    return model, nn.fit(model, (X, Y), LOSS, optimizer, epochs, batch_size=8, **options)


def assert_same_state(a, b):
    assert a.keys() == b.keys()
    for name, array in a.items():
        np.testing.assert_array_equal(array, b[name], err_msg=name)


# The loop


def test_fit_is_the_loop_written_by_hand():
    model, history = trained()
    nn.manual_seed(5)
    expected = classifier()
    optimizer = nn.optim.Adam(expected.parameters(), lr=0.03)
    for epoch in range(4):
        losses = []
        for x, y in nn.data.batches(X, Y, 8):
            loss = LOSS(expected(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item() * len(x))
        assert history.loss[epoch] == pytest.approx(sum(losses) / 50, rel=1e-12)
    assert_same_state(model.state_dict(), expected.state_dict())


def test_fit_takes_tensors_too():
    model, _ = trained(1)
    nn.manual_seed(5)
    other = classifier()
    nn.fit(other, (nn.Tensor(X), nn.Tensor(Y)), LOSS, nn.optim.Adam(other.parameters(), lr=0.03), 1, batch_size=8)
    assert_same_state(model.state_dict(), other.state_dict())


def test_model_learns_with_dropout_and_is_left_in_evaluation_mode():
    modes = []
    model, _ = trained(callbacks=[lambda history: modes.append(len(history.loss))])
    assert modes == [1, 2, 3, 4]
    assert not any(module.training for module in model.modules())
    np.testing.assert_array_equal(model(X).data, model(X).data)


def test_gradient_is_clipped_to_the_length_given():
    p = nn.Linear(1, 1)
    before = p.state_dict()
    data = (np.full((4, 1), 100.0), np.full((4, 1), -1e4))
    nn.fit(p, data, nn.MSELoss(), nn.optim.SGD(p.parameters(), lr=1.0), 1, clip_grad_norm=0.5)
    moved = [p.state_dict()[name] - before[name] for name in before]
    assert np.sqrt(sum((m**2).sum() for m in moved)) == pytest.approx(0.5)


def test_history_says_what_evaluation_says():
    model, history = trained(validation=VALIDATION, metric=nn.accuracy)
    loss, accuracy = nn.evaluate(model, VALIDATION, LOSS, nn.accuracy)
    assert (history.val_loss[-1], history.val_metric[-1]) == (loss, accuracy)


def test_history_has_a_number_for_each_epoch_and_nothing_that_was_not_asked_for():
    _, history = trained(3)
    assert (len(history.loss), len(history.lr)) == (3, 3)
    assert history.metric == history.val_loss == history.val_metric == []
    _, history = trained(3, validation=VALIDATION, metric=nn.accuracy)
    assert (len(history.metric), len(history.val_loss), len(history.val_metric)) == (3, 3, 3)


def test_best_epoch_has_the_least_validation_loss():
    history = nn.train.History(loss=[3, 2, 1, 0.5], val_loss=[4.0, 2.0, 2.0, 3.0])
    assert history.best_epoch == 2
    assert nn.train.History(loss=[3, 1, 2]).best_epoch == 2


def test_metric_of_training_is_the_mean_over_rows():
    seen = []

    def metric(output, y):
        seen.append((len(y), y.data.mean()))
        return y.data.mean()

    _, history = trained(1, metric=metric)
    assert [n for n, _ in seen] == [8] * 6 + [2]
    assert history.metric == [pytest.approx(Y.mean())]


def test_batches_have_32_rows_unless_told():
    model, sizes = nn.Linear(3, 3), []
    optimizer = nn.optim.SGD(model.parameters())
    nn.fit(model, (X, Y), LOSS, optimizer, 1, metric=lambda output, y: sizes.append(len(y)) or 0.0)
    assert sizes == [32, 18]


def test_schedule_is_stepped_after_each_epoch():
    _, history = trained(5, scheduler=lambda o: lr_scheduler.StepLR(o, 2))
    np.testing.assert_allclose(history.lr, 0.03 * np.array([1, 1, 0.1, 0.1, 0.01]))


@pytest.mark.parametrize("validation", [None, VALIDATION], ids=["loss", "val_loss"])
def test_plateau_judges_by_the_validation_loss_or_else_by_the_loss(validation):
    made = []
    _, history = trained(
        4, validation=validation, scheduler=lambda o: made.append(lr_scheduler.ReduceLROnPlateau(o)) or made[0]
    )
    assert made[0].best == min(history.val_loss if validation else history.loss)


def test_plateau_does_not_look_at_the_metric():
    made = []
    _, history = trained(
        4,
        validation=VALIDATION,
        metric=nn.accuracy,
        scheduler=lambda o: made.append(lr_scheduler.ReduceLROnPlateau(o)) or made[0],
    )
    assert made[0].best == min(history.val_loss)


def test_callback_that_returns_true_ends_training():
    _, history = trained(9, callbacks=[lambda h: len(h.loss) == 3])
    assert len(history.loss) == 3


def test_callback_may_return_something_else():
    _, history = trained(3, callbacks=[lambda h: "a picture"])
    assert len(history.loss) == 3


def test_model_is_in_evaluation_mode_between_epochs_and_when_training_was_interrupted():
    model = classifier()

    def interrupt(history):
        assert not any(module.training for module in model.modules())
        raise KeyboardInterrupt

    def broken(output, y):
        raise KeyboardInterrupt

    for loss_fn, callbacks in ((LOSS, [interrupt]), (broken, [])):
        with pytest.raises(KeyboardInterrupt):
            nn.fit(model.train(), (X, Y), loss_fn, nn.optim.SGD(model.parameters()), 2, callbacks=callbacks)
        assert not any(module.training for module in model.modules())


def test_every_callback_is_called():
    called = []
    trained(1, callbacks=[lambda h: True, called.append])
    assert len(called) == 1


@pytest.mark.parametrize(("progress", "shown"), [(None, False), (False, False), (True, True)])
def test_progress_is_shown_when_wanted(capsys, progress, shown):
    trained(2, progress=progress)
    assert ("2/2" in capsys.readouterr().err) == shown


def test_progress_tells_epochs_and_loss(capsys):
    _, history = trained(2, progress=True)
    shown = capsys.readouterr().err
    assert "epoch" in shown and f"loss={history.loss[-1]:.3g}" in shown


def test_progress_of_resumed_training_begins_where_it_was(capsys, tmp_path):
    trained(2, checkpoint=tmp_path / "run.npz")
    trained(4, checkpoint=tmp_path / "run.npz", resume=True, progress=True)
    assert "4/4" in capsys.readouterr().err


# Stopping


class Slide(nn.Module):
    """One number that rises by 1 every epoch, whatever the data."""

    def __init__(self):
        self.w = nn.Parameter([0.0])

    def forward(self, input):
        return input * 0 + self.w


def slide(best, patience, epochs=50):
    """Train so that the validation loss falls until the number is ``best``, then rises."""
    model, zeros = Slide(), np.zeros((4, 1))

    def loss_fn(output, y):
        return -output.sum() / 4 if y.data[0, 0] == 0 else ((output - y) ** 2).mean()

    optimizer = nn.optim.SGD(model.parameters(), lr=1.0)
    validation = (zeros, zeros + best)
    return model, nn.fit(model, (zeros, zeros), loss_fn, optimizer, epochs, validation=validation, patience=patience)


@pytest.mark.parametrize("patience", [1, 3])
def test_patience_stops_so_many_epochs_after_the_best_and_goes_back_to_it(patience):
    model, history = slide(best=5, patience=patience)
    assert len(history.loss) == 5 + patience and history.best_epoch == 5
    assert model.w.data == 5


def test_best_weights_come_back_where_training_was_not_stopped_early():
    model, history = slide(best=5, patience=10, epochs=7)
    assert len(history.loss) == 7 and model.w.data == 5


def test_last_weights_stay_without_patience():
    model, _ = slide(best=5, patience=None, epochs=7)
    assert model.w.data == 7


def nan_at(call):
    calls = []

    def loss_fn(output, y):
        calls.append(None)
        return LOSS(output, y) * (np.nan if len(calls) == call else 1.0)

    return loss_fn


def test_loss_that_is_not_finite_stops_naming_epoch_and_batch_and_moves_nothing():
    states = []
    for loss_fn, epochs in ((nan_at(10), 5), (nan_at(0), 1)):  # 7 batches an epoch: the 10th is the 3rd of the 2nd
        nn.manual_seed(0)
        model = classifier()
        optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
        if epochs == 5:
            with pytest.raises(FloatingPointError, match="the loss of epoch 2, batch 3 is nan: if the data are finite"):
                nn.fit(model, (X, Y), loss_fn, optimizer, epochs, batch_size=8)
        else:
            for n_batches in (7, 2):
                for x, y in list(nn.data.batches(X, Y, 8))[:n_batches]:
                    loss = loss_fn(model(x), nn.Tensor(y))
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
        states.append(model.state_dict())
    assert_same_state(*states)


def test_validation_loss_that_is_not_finite_stops_naming_the_epoch():
    with pytest.raises(FloatingPointError, match="the validation loss after epoch 1 is nan"):
        trained(validation=(X_VAL * np.nan, Y_VAL))


# Going on


@pytest.mark.parametrize("patience", [None, 3], ids=["last", "best"])
def test_resumed_training_is_the_same_bit_for_bit(tmp_path, patience):
    options = {"validation": VALIDATION, "metric": nn.accuracy, "patience": patience}
    options["scheduler"] = lambda o: lr_scheduler.CosineAnnealingLR(o, 10, eta_min=1e-3)
    expected, expected_history = trained(10, **options)
    trained(5, checkpoint=tmp_path / "run.npz", **options)
    nn.manual_seed(99)
    model = classifier()
    optimizer = nn.optim.Adam(model.parameters())
    options["scheduler"] = lr_scheduler.CosineAnnealingLR(optimizer, 3)
    options |= {"checkpoint": tmp_path / "run.npz", "resume": True, "batch_size": 8}
    history = nn.fit(model, (X, Y), LOSS, optimizer, 10, **options)
    assert history == expected_history
    assert_same_state(model.state_dict(), expected.state_dict())


def test_checkpoint_that_is_refused_leaves_the_schedule_where_it_was(tmp_path):
    trained(1, checkpoint=tmp_path / "run.npz", scheduler=lambda o: lr_scheduler.StepLR(o, 2))
    model = classifier()
    optimizer = nn.optim.SGD(model.parameters())
    schedule = lr_scheduler.StepLR(optimizer, 2)
    before = schedule.state_dict()
    options = {"scheduler": schedule, "checkpoint": tmp_path / "run.npz", "resume": True}
    with pytest.raises(nn.LoadError, match="the state lacks the settings"):
        nn.fit(model, (X, Y), LOSS, optimizer, 2, **options)
    assert schedule.state_dict() == before


def test_checkpoints_do_not_change_the_training(tmp_path):
    expected, _ = trained()
    model, _ = trained(checkpoint=tmp_path / "run.npz")
    assert_same_state(model.state_dict(), expected.state_dict())


def test_resuming_a_training_that_is_over_changes_nothing(tmp_path):
    options = {"validation": VALIDATION, "patience": 2, "checkpoint": tmp_path / "run.npz"}
    expected, expected_history = trained(60, **options)
    assert len(expected_history.loss) < 60
    model, history = trained(60, resume=True, **options)
    assert history == expected_history
    assert_same_state(model.state_dict(), expected.state_dict())


def test_patience_that_comes_after_the_last_epoch_leaves_the_weights(tmp_path):
    options = {"validation": VALIDATION, "checkpoint": tmp_path / "run.npz"}
    expected, _ = trained(2, **options)
    model, _ = trained(2, patience=1, resume=True, **options)
    assert_same_state(model.state_dict(), expected.state_dict())


RUN = """
import os, sys
import numpy as np
import nnlib as nn

path, epochs, killed_at = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
resume = os.path.exists(path)
nn.manual_seed(123 if resume else 0)
X = np.random.default_rng(0).normal(size=(100, 10))
y = np.random.default_rng(1).integers(4, size=100)
model = nn.Sequential(nn.Linear(10, 16), nn.BatchNorm1d(16), nn.GELU(), nn.Dropout(0.3), nn.Linear(16, 4))
optimizer = nn.optim.AdamW(model.parameters(), lr=0.01, amsgrad=True)
warm_up = nn.optim.lr_scheduler.LinearLR(optimizer, total_iters=3)
fall = nn.optim.lr_scheduler.CosineAnnealingLR(optimizer, 7)
scheduler = nn.optim.lr_scheduler.SequentialLR(optimizer, [warm_up, fall], [3])
cross_entropy, calls = nn.CrossEntropyLoss(), []

def loss_fn(output, target):
    calls.append(None)
    if len(calls) == killed_at:
        os._exit(9)
    return cross_entropy(output, target)

nn.fit(model, (X, y), loss_fn, optimizer, epochs, scheduler=scheduler, metric=nn.accuracy, clip_grad_norm=0.8,
       checkpoint=path, resume=resume)
"""


def test_training_in_two_processes_ends_in_the_same_bits_as_in_one(tmp_path):
    def run(name, epochs, killed_at=0):
        arguments = [sys.executable, "-c", RUN, tmp_path / name, str(epochs), str(killed_at)]
        return subprocess.run(arguments, capture_output=True, text=True, timeout=120)

    for name, *epochs in (("one", 10), ("two", 5, 10)):
        for number in epochs:
            assert run(name, number).stderr == ""
    assert run("killed", 10, killed_at=4 * 6 + 3).returncode == 9  # 4 batches an epoch: in the third of epoch 7
    assert run("killed", 10).stderr == ""
    contents = {name: (tmp_path / name).read_bytes() for name in ("one", "two", "killed")}
    assert contents["one"] == contents["two"] == contents["killed"]


def everything(model, optimizer):
    return repr([model.state_dict(), optimizer.state_dict(), nn.settings.get_generator().bit_generator.state])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: nn.save(classifier().state_dict(), path), "is not a checkpoint of fit"),
        (lambda path: nn.save([1], path), "is not a checkpoint of fit"),
        (lambda path: path.write_bytes(b"checkpoint"), "checksum is wrong"),
        (
            lambda path: trained(1, checkpoint=path, scheduler=lambda o: lr_scheduler.StepLR(o, 2)),
            "was made with a scheduler",
        ),
        (
            lambda path: nn.fit(m := nn.Linear(3, 3), (X, Y), LOSS, nn.optim.Adam(m.parameters()), 1, checkpoint=path),
            "state_dict lacks",
        ),
        (
            lambda path: nn.fit(m := classifier(), (X, Y), LOSS, nn.optim.SGD(m.parameters()), 1, checkpoint=path),
            "the state lacks the settings",
        ),
    ],
    ids=["state_dict", "list", "damage", "scheduler", "model", "optimizer"],
)
def test_refuses_a_checkpoint_of_something_else_and_changes_nothing(tmp_path, make, message):
    path = tmp_path / "run.npz"
    make(path)
    model = classifier()
    optimizer = nn.optim.Adam(model.parameters())
    before = everything(model, optimizer)
    with pytest.raises(nn.LoadError, match=message):
        nn.fit(model, (X, Y), LOSS, optimizer, 3, checkpoint=path, resume=True)
    assert everything(model, optimizer) == before


def test_resuming_from_no_file_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        trained(checkpoint=tmp_path / "no.npz", resume=True)


# Bad arguments


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be an integer ≥ 1, got 0"),
        ({"epochs": 2.5}, "epochs must be an integer ≥ 1, got 2.5"),
        ({"batch_size": 0}, "batch_size must be an integer ≥ 1, got 0"),
        ({"data": (X, Y[:9])}, r"data must have as many rows in X as in y, and at least one, got \(50, 3\) and \(9,\)"),
        ({"data": (X[:0], Y[:0])}, r"data must have .* at least one, got \(0, 3\) and \(0,\)"),
        ({"data": X}, r"data must be a pair \(X, y\), got ndarray"),
        ({"data": X[:2]}, r"data must be a pair \(X, y\), got ndarray"),
        ({"data": [X, Y, Y]}, r"data must be a pair \(X, y\), got list"),
        ({"data": (X, 3)}, r"data must have as many rows in X as in y, and at least one, got \(50, 3\) and \(\)"),
        ({"validation": (X, Y[:9])}, "validation must have as many rows in X as in y"),
        ({"patience": 0, "validation": VALIDATION}, "patience must be an integer ≥ 1, got 0"),
        ({"patience": 3}, "patience needs validation data to judge by"),
        ({"clip_grad_norm": 0}, "clip_grad_norm must be a finite number > 0, got 0"),
        ({"clip_grad_norm": np.nan}, "clip_grad_norm must be a finite number > 0, got nan"),
        ({"resume": True}, "resume needs a checkpoint to go on from"),
    ],
    ids=str,
)
def test_refuses_a_bad_argument_and_changes_nothing(options, message):
    model = classifier()
    optimizer = nn.optim.Adam(model.parameters())
    before = everything(model, optimizer)
    arguments = {"data": (X, Y), "epochs": 2, **options}
    with pytest.raises(ValueError, match=message):
        nn.fit(model, loss_fn=LOSS, optimizer=optimizer, **arguments)
    assert everything(model, optimizer) == before and model.training


# Evaluation


@pytest.mark.parametrize("batch_size", [1, 7, 30, 256])
def test_evaluation_is_the_mean_over_all_rows(batch_size):
    model = classifier().eval()
    expected = LOSS(model(X_VAL), Y_VAL).item()
    assert nn.evaluate(model, VALIDATION, LOSS, batch_size=batch_size) == pytest.approx(expected, rel=1e-12)


def test_evaluation_takes_256_rows_at_a_time():
    sizes = []
    nn.evaluate(nn.Identity(), (np.zeros(600), np.zeros(600)), lambda output, y: sizes.append(len(y)) or 0.0)
    assert sizes == [256, 256, 88]


def test_evaluation_refuses_data_that_are_no_pair():
    with pytest.raises(ValueError, match=r"data must be a pair \(X, y\), got ndarray"):
        nn.evaluate(classifier(), X_VAL, LOSS)


def test_evaluation_drops_nothing_out_and_leaves_the_mode():
    model = classifier()
    first, second = (nn.evaluate(model, VALIDATION, LOSS) for _ in range(2))
    assert first == second
    assert all(module.training for module in model.modules())


def test_evaluation_leaves_each_part_in_its_own_mode():
    model = classifier()
    frozen = next(model.children()).eval()
    nn.evaluate(model, VALIDATION, LOSS)
    assert [module for module in model.modules() if not module.training] == [frozen]


def test_evaluation_leaves_the_mode_when_a_measure_fails():
    model = classifier()
    with pytest.raises(ZeroDivisionError):
        nn.evaluate(model, VALIDATION, lambda output, y: 1 / 0)
    assert model.training


def test_evaluation_records_nothing():
    recorded = []
    nn.evaluate(classifier(), VALIDATION, lambda output, y: recorded.append(output.requires_grad) or 0.0)
    assert recorded == [False]


def test_evaluation_of_several_measures_is_a_list():
    model = classifier()
    measures = (LOSS, nn.accuracy)
    assert nn.evaluate(model, VALIDATION, *measures) == [nn.evaluate(model, VALIDATION, m) for m in measures]


def test_accuracy_is_the_share_of_rows_whose_highest_score_is_right():
    assert nn.accuracy(np.array([[0.1, 0.9], [2.0, 1.0], [-1.0, -3.0], [0.0, 1.0]]), np.array([1, 0, 1, 1])) == 0.75


@pytest.mark.parametrize(
    ("output", "target"), [((4, 1), (4,)), ((4,), (4,)), ((4, 2), (4, 1)), ((4, 2), (3,))], ids=str
)
def test_accuracy_refuses_shapes_that_do_not_fit(output, target):
    with pytest.raises(ValueError, match=r"scores of shape \(N, classes\) and targets of \(N,\), got"):
        nn.accuracy(np.zeros(output), np.zeros(target, int))
