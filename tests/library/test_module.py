"""Module: PyTorch's names, shared parts once, and a state that goes out and comes back whole or not at all."""

import numpy as np
import pytest

import nnlib as nn


class Autoencoder(nn.Module):
    """A model with a list, a buffer, a part used twice and weights that are shared."""

    def __init__(self):
        self.steps = np.zeros(2)
        self.encoder = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
        self.blocks = nn.ModuleList([nn.Linear(2, 2, bias=False)])
        self.again = self.blocks
        self.decoder = nn.Linear(3, 2)
        self.decoder.weight = self.encoder[0].weight
        self.scale = nn.Parameter([1.0])

    def forward(self, x):
        return self.blocks[0](self.blocks[0](self.encoder(x)))


SHAPES = {
    "steps": (2,),
    "scale": (1,),
    "encoder.0.weight": (2, 3),
    "encoder.0.bias": (2,),
    "blocks.0.weight": (2, 2),
    "again.0.weight": (2, 2),
    "decoder.weight": (2, 3),
    "decoder.bias": (2,),
}


def contents(model):
    return {name: array.copy() for name, array in model.state_dict().items()}


def assert_unchanged(model, before):
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_state_dict_names_parameters_and_buffers_by_their_path():
    assert {name: array.shape for name, array in Autoencoder().state_dict().items()} == SHAPES


def test_shared_parameters_count_once():
    names = [name for name, _ in Autoencoder().named_parameters()]
    assert names == ["scale", "encoder.0.weight", "encoder.0.bias", "blocks.0.weight", "decoder.bias"]


def test_shared_modules_count_once():
    names = [name for name, _ in Autoencoder().named_modules()]
    assert names == ["", "encoder", "encoder.0", "encoder.1", "blocks", "blocks.0", "decoder"]


def test_part_used_twice_receives_both_gradients(rng):
    model = Autoencoder()
    x = nn.Tensor(rng.normal(size=(4, 3)))
    weight = model.blocks[0].weight
    assert nn.utils.gradcheck(lambda w: model.encoder(x) @ w.T @ w.T, weight)
    model(x).sum().backward()
    expected = nn.Tensor(weight.data.copy(), requires_grad=True)
    (model.encoder(x) @ expected.T @ expected.T).sum().backward()
    np.testing.assert_allclose(weight.grad, expected.grad, rtol=1e-12)


def test_state_goes_out_and_comes_back():
    first, second = Autoencoder(), Autoencoder()
    first.steps[:] = 7
    second.load_state_dict(first.state_dict())
    assert_unchanged(second, contents(first))


def test_state_dict_is_a_copy():
    model = Autoencoder()
    before = contents(model)
    for array in model.state_dict().values():
        array += 1
    assert_unchanged(model, before)


def test_loading_fills_the_arrays_that_the_optimizer_holds():
    model = nn.Linear(2, 1)
    nn.optim.SGD(model.parameters(), lr=0.1)
    held = model.weight.data
    model.load_state_dict({"weight": [[1.0, 2.0]], "bias": nn.Tensor([3.0])})
    assert model.weight.data is held and held.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("decoder.bias"), r"lacks \['decoder.bias'\]"),
        (lambda state: state.update(extra=np.zeros(1)), r"has \['extra'\], which Autoencoder has not"),
        (lambda state: state.update({"scale": np.zeros(2)}), r"scale must have shape \(1,\), got \(2,\)"),
        (lambda state: state.update({"scale": np.zeros(())}), r"scale must have shape \(1,\), got \(\)"),
        (lambda state: state.update({"scale": ["1"]}), "scale must hold numbers, got dtype <U1"),
        (lambda state: state.update({"scale": [1j]}), "scale must hold numbers, got dtype complex128"),
    ],
    ids=["missing", "unknown", "long", "scalar", "text", "complex"],
)
def test_loading_refuses_what_does_not_fit_and_changes_nothing(change, message):
    model = Autoencoder()
    before = contents(model)
    state = {name: array + 1 for name, array in before.items()}
    change(state)
    with pytest.raises(nn.LoadError, match=message):
        model.load_state_dict(state)
    assert_unchanged(model, before)


@pytest.mark.parametrize(
    "value", [np.ones((1, 2)), nn.Tensor([[1.0, 2.0]]), [[1.0, 2.0]]], ids=["array", "tensor", "list"]
)
def test_parameter_gives_way_to_a_parameter_only(value):
    model = nn.Linear(2, 1)
    weight = model.weight
    with pytest.raises(TypeError, match=f"weight is a parameter of Linear: .* got {type(value).__name__}; to change"):
        model.weight = value
    assert model.weight is weight
    model.weight, model.bias = nn.Parameter([[1.0, 2.0]]), None
    assert [p.tolist() for p in model.parameters()] == [[[1, 2]]]


def test_train_and_eval_reach_every_part():
    model = nn.Sequential(nn.Sequential(nn.Dropout()), nn.Linear(1, 1))
    assert model.eval() is model
    assert [m.training for m in model.modules()] == [False] * 4
    model.train()
    assert [m.training for m in model.modules()] == [True] * 4


def test_zero_grad_forgets_every_gradient(rng):
    model = Autoencoder()
    model(rng.normal(size=(4, 3))).sum().backward()
    model.zero_grad()
    assert [p.grad for p in model.parameters()] == [None] * 5


def test_to_converts_parameters_and_buffers_and_forgets_gradients(rng):
    model = Autoencoder()
    model(rng.normal(size=(4, 3))).sum().backward()
    assert model.to("float32") is model
    assert {array.dtype for array in model.state_dict().values()} == {np.dtype("float32")}
    assert [p.grad for p in model.parameters()] == [None] * 5


def test_to_keeps_the_numbers():
    model, before = nn.BatchNorm1d(2), nn.BatchNorm1d(2).state_dict()
    assert_unchanged(model.to("float32"), before)
    assert list(model.state_dict()) == list(before)


def test_to_keeps_shared_parameters_shared():
    model = Autoencoder().to("float32")
    assert model.decoder.weight is model.encoder[0].weight


def test_to_refuses_all_but_float32_and_float64():
    model = Autoencoder()
    with pytest.raises(ValueError, match="dtype must be float32 or float64, got 'int64'"):
        model.to("int64")
    assert model.scale.dtype == np.float64


def test_apply_visits_parts_before_the_whole():
    visited = []
    model = nn.Sequential(nn.Sequential(nn.Tanh()), nn.ReLU())
    assert model.apply(lambda module: visited.append(type(module).__name__)) is model
    assert visited == ["Tanh", "Sequential", "ReLU", "Sequential"]


def test_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Module must define forward"):
        nn.Module()(1)


def test_sequential_is_its_modules_in_a_row(rng):
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    x = rng.normal(size=(4, 3))
    np.testing.assert_allclose(model(x).data, np.tanh(x @ model[0].weight.data.T + model[0].bias.data), rtol=1e-14)


def test_containers_are_counted_iterated_and_indexed():
    modules = [nn.Tanh(), nn.ReLU()]
    for container in (nn.Sequential(*modules), nn.ModuleList(modules)):
        assert (len(container), list(container), container[-1]) == (2, modules, modules[1])


@pytest.mark.parametrize("kind", [lambda modules: nn.Sequential(*modules), nn.ModuleList])
def test_slice_of_a_container_is_one_of_the_same_modules(kind):
    modules = [nn.Tanh(), nn.Linear(1, 1), nn.ReLU()]
    part = kind(modules)[1:]
    assert (type(part), list(part)) == (type(kind([])), modules[1:])


def test_module_list_appends():
    modules = nn.ModuleList().append(nn.Linear(1, 1)).append(nn.Linear(1, 1))
    assert list(modules.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_containers_refuse_what_is_no_module():
    with pytest.raises(TypeError, match="Sequential holds modules, got function at position 1"):
        nn.Sequential(nn.Tanh(), nn.functional.relu)
    with pytest.raises(TypeError, match="ModuleList holds modules, got int at position 0"):
        nn.ModuleList().append(3)


def test_parameter_refuses_integers():
    with pytest.raises(TypeError, match="floating-point tensors can require gradients, got dtype int64"):
        nn.Parameter([1, 2])


def test_model_prints_as_in_pytorch():
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 3, bias=False)), nn.LeakyReLU(0.2), nn.Softmax(dim=1))
    assert repr(model).splitlines() == [
        "Sequential(",
        "  (0): Sequential(",
        "    (0): Linear(in_features=2, out_features=3, bias=False)",
        "  )",
        "  (1): LeakyReLU(negative_slope=0.2)",
        "  (2): Softmax(dim=1)",
        ")",
    ]


@pytest.mark.parametrize(
    ("make", "printed"),
    [
        (lambda: nn.Dropout(0.1), "Dropout(p=0.1)"),
        (lambda: nn.Dropout(), "Dropout(p=0.5)"),
        (lambda: nn.LeakyReLU(), "LeakyReLU(negative_slope=0.01)"),
        (lambda: nn.ELU(), "ELU(alpha=1.0)"),
        (lambda: nn.ELU(2.0), "ELU(alpha=2.0)"),
        (lambda: nn.GELU("tanh"), "GELU(approximate='tanh')"),
        (lambda: nn.LogSoftmax(dim=-1), "LogSoftmax(dim=-1)"),
        (lambda: nn.Tanh(), "Tanh()"),
    ],
)
def test_layer_prints_its_settings(make, printed):
    assert repr(make()) == printed


# Layers


def test_flatten_joins_all_dimensions_but_the_first(rng):
    array = rng.normal(size=(4, 2, 3))
    np.testing.assert_array_equal(nn.Flatten()(array).data, array.reshape(4, 6))


def test_flatten_accepts_an_empty_batch():
    assert nn.Flatten()(nn.Tensor(np.zeros((0, 2, 3)))).shape == (0, 6)


@pytest.mark.parametrize("sizes", [(0, 3), (3, 0), (-1, 3), (2.0, 3), ("2", 3), (True, 3), (None, 3)], ids=str)
def test_linear_refuses_a_size_that_is_no_positive_integer(sizes):
    with pytest.raises(ValueError, match=r"Linear: (in|out)_features must be an integer ≥ 1, got"):
        nn.Linear(*sizes)


def test_linear_refuses_more_than_memory_holds_before_taking_any():
    with pytest.raises(ValueError, match="out_features = 10000000 × in_features = 10000000 would take 745,058 GiB"):
        nn.Linear(10**7, 10**7)


def test_linear_refuses_just_over_16_gib():
    with pytest.raises(ValueError, match="would take 16 GiB, more than 16 GiB"):
        nn.Linear(2**16, 2**15 + 1)


def test_linear_accepts_numpy_integers():
    assert nn.Linear(np.int64(2), np.int64(3)).weight.shape == (3, 2)


def test_gelu_module_refuses_another_approximation():
    with pytest.raises(ValueError, match="GELU: approximate must be 'none' or 'tanh', got 'erf'"):
        nn.GELU("erf")
