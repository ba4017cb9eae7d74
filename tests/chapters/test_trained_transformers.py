"""The trainings of chapter 10 run, and what they stored is as good as the chapter says."""

import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

import nnlib as nn
from nnlib import functional as F
from nnlib.widgets import transformers as widgets

ROOT = Path(__file__).parents[2]
TRAINED = ROOT / "trained"
sys.path.insert(0, str(TRAINED))
import transformers as script  # noqa: E402

SHORT = {
    "gpt": {"steps": 2},
    "bert": {"steps": 2},
    "sizes": {"steps": 2, "widths": (4, 8)},
    "adding": {"steps": 2, "lengths": (10,), "rates": (0.01,), "seeds": 1},
    "images": {"epochs": 1, "rates": (0.01,), "seeds": 1},
    "shifts": {"epochs": 1, "rates": (0.01,), "seeds": 1},
    "gan": {"steps": 2, "seeds": 1},
}


@pytest.mark.parametrize("name", script.ALL)
def test_a_short_training_gives_what_is_stored(name, tmp_path):
    result = script.main([name], **SHORT[name])[name]
    nn.save(result, tmp_path / "result.npz")
    stored = widgets.trained(name)
    if name != "adding":  # fewer lengths in the short one
        assert set(nn.load(tmp_path / "result.npz")) == set(stored)


def test_the_chapter_fetches_what_is_stored_from_where_it_installs_the_library():
    cells = [cell.source for cell in nbformat.read(ROOT / "chapters/10_transformers.ipynb", 4).cells]
    setup, fetch = (next(i for i, s in enumerate(cells) if word in s) for word in ("pip install", "git clone"))
    address = re.search(r"https://\S+", cells[setup]).group()
    assert address in cells[fetch] and f'Path("{address.split("/")[-1]}/trained")' in cells[fetch]
    assert fetch < min(i for i, source in enumerate(cells) if re.search(r"widgets\.[a-z_]+\(", source))


def test_what_is_stored_can_lie_in_another_folder(tmp_path, monkeypatch):
    nn.save({"steps": 7}, tmp_path / "transformers_elsewhere.npz")
    monkeypatch.setattr(widgets, "TRAINED", tmp_path)
    assert widgets.trained("elsewhere")["steps"] == 7


def test_training_leaves_the_default_dtype_alone():
    assert nn.get_default_dtype() == np.float64


def test_everything_stored_is_small():
    assert sum(path.stat().st_size for path in TRAINED.glob("t*")) < 1_500_000


def test_the_decoder_predicts_held_out_text():
    _, _, held_out = widgets.topics()
    assert script.bits(widgets.language_model("gpt"), held_out).mean() < 2.75


def test_the_decoder_does_not_look_ahead():
    model, (_, _, held_out) = widgets.language_model("gpt"), widgets.topics()
    other = held_out[:40].copy()
    other[30:] = 0
    assert np.array_equal(model(held_out[None, :40]).data[0, :30], model(other[None]).data[0, :30])


def test_the_encoder_fills_half_of_the_gaps():
    _, _, held_out = widgets.topics()
    x, y = script.masked(held_out, 100, np.random.default_rng(5), len(widgets.topics()[0]))
    right = (widgets.language_model("bert")(x).data.argmax(axis=-1) == y)[y >= 0].mean()
    assert right > 0.5


@pytest.mark.parametrize("name", ["MLP", "CNN", "CNN, mean", "ViT"])
def test_the_stored_classifiers_know_their_digits(name):
    makers = {"MLP": script.mlp, "CNN": script.cnn, "CNN, mean": lambda: script.cnn("mean")}
    model = makers.get(name, script.VisionTransformer)()
    model.load_state_dict(widgets.trained("images")["weights"][name])
    _, _, (X, y) = script.split_digits()
    assert nn.evaluate(model.to("float32"), (X, y), nn.accuracy) > 0.93


def test_the_adding_problem_separates_plain_from_gated():
    stored = widgets.trained("adding")
    last = {cell: stored[f"{cell} 40"]["curves"][:, -1] for cell in ("RNN", "LSTM", "GRU")}
    assert last["RNN"].min() > 10 * max(last["LSTM"].min(), last["GRU"].min())


def test_attention_maps_are_those_of_the_blocks():
    model = widgets.language_model("gpt")
    ids = widgets.topics()[2][:20]
    maps = widgets.attention_maps(model, ids)
    assert maps.shape == (2, 4, 20, 20)
    assert np.allclose(maps.sum(axis=-1), 1, atol=1e-5) and not np.triu(maps, 1).any()


def test_patches_are_neighbouring_pixels():
    first = widgets.patches(np.arange(64.0)[None])[0]
    assert first[0].tolist() == [0, 1, 8, 9] and first[5].tolist() == [18, 19, 26, 27]


def test_shifted_digits_lose_what_leaves():
    image = np.arange(64.0)[None]
    assert script.shifted(image, 0, 1).reshape(8, 8)[3].tolist() == [0, *range(24, 31)]
    assert script.shifted(image, -1, 0).reshape(8, 8)[0].tolist() == list(range(8, 16))


def test_a_decoder_for_bits_is_cross_entropy():
    model, (_, text, _) = widgets.language_model("gpt"), widgets.topics()
    x = text[:64]
    loss = F.cross_entropy(model(x[None]).data[0], text[1:65]).item() / np.log(2)
    assert loss < 4
