"""Tensor: what it holds, and arithmetic, products, reductions and indexing for every shape that NumPy allows."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import nnlib as nn

NUMBERS = st.floats(-3, 3).filter(lambda x: abs(x) > 0.1)


def arrays(shape):
    return npst.arrays(np.float64, shape, elements=NUMBERS)


def leaf(array):
    return nn.Tensor(array, requires_grad=True)


# What it holds


def test_python_floats_take_the_default_dtype():
    nn.set_default_dtype("float32")
    assert nn.Tensor([1.0, 2.0]).dtype == np.float32


def test_arrays_keep_their_dtype():
    assert nn.Tensor(np.zeros(2, np.float32)).dtype == np.float32


def test_integers_stay_integers():
    assert nn.Tensor([1, 2]).dtype.kind == "i"


def test_array_is_shared_not_copied():
    array = np.zeros(3)
    assert nn.Tensor(array).data is array


def test_tensor_of_a_tensor_shares_its_numbers():
    first = nn.Tensor([1.0, 2.0])
    assert nn.Tensor(first).data is first.data


def test_dtype_argument_converts():
    assert nn.Tensor([1, 2], dtype="float32").dtype == np.float32


def test_to_gives_the_gradient_back_in_the_first_dtype():
    x = nn.Tensor(np.ones(3, np.float32), requires_grad=True)
    y = x.to("float64")
    y.sum().backward()
    assert (y.dtype, x.grad.dtype) == (np.float64, np.float32)


def test_number_has_no_dimensions_to_permute():
    assert nn.Tensor(2.0).permute().item() == nn.Tensor(2.0).permute(()).item() == 2


def test_number_is_formatted_as_one():
    loss = nn.Tensor(0.12345, requires_grad=True)
    assert (f"{loss:.2f}", f"{loss}") == ("0.12", "0.12345")
    assert f"{nn.Tensor([0.5])}" == "Tensor([0.5])"


def test_element_that_a_tuple_picks_twice_receives_both_gradients():
    x = leaf(np.ones((2, 3)))
    x[:, (0, 0, 1)].sum().backward()
    assert x.grad.tolist() == [[2, 1, 0], [2, 1, 0]]


def test_to_integers_ends_the_record():
    y = nn.Tensor([1.5, 2.0], requires_grad=True).to(int)
    assert (y.tolist(), y.requires_grad) == ([1, 2], False)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ("word", "<U4"),
        (["1.5"], "<U3"),
        ([1, None], "object"),
        (1 + 2j, "complex128"),
        ([{}], "object"),
        (2**70, "object"),
    ],
    ids=str,
)
def test_refuses_what_is_no_real_number(data, named):
    with pytest.raises(TypeError, match=f"real numbers, got dtype {named}"):
        nn.Tensor(data)


@pytest.mark.parametrize("data", [["1.5"], np.array([1j])], ids=str)
def test_dtype_argument_turns_nothing_into_numbers(data):
    with pytest.raises(TypeError, match="real numbers, got dtype"):
        nn.Tensor(data, dtype="float64")


def test_refuses_a_dtype_that_is_no_real_number():
    with pytest.raises(TypeError, match="real numbers, got dtype complex128"):
        nn.Tensor([1.0], dtype="complex128")


def test_refuses_ragged_lists():
    with pytest.raises(ValueError, match="data must be numbers in lists of equal lengths"):
        nn.Tensor([[1.0], [2.0, 3.0]])


@pytest.mark.parametrize("data", [[1, 2], [True]], ids=str)
def test_refuses_gradients_for_integers(data):
    with pytest.raises(TypeError, match="floating-point tensors can require gradients, got dtype"):
        nn.Tensor(data, requires_grad=True)


def test_item_refuses_several_elements():
    with pytest.raises(ValueError, match=r"one element, this one has shape \(2,\)"):
        nn.Tensor([1.0, 2.0]).item()


def test_numpy_refuses_a_tensor_that_requires_gradients():
    with pytest.raises(RuntimeError, match=r"detach\(\)\.numpy\(\)"):
        leaf([1.0]).numpy()


def test_converts_to_array_number_list_and_truth():
    x = nn.Tensor([1.5])
    assert (np.asarray(x).tolist(), float(x), int(x), bool(x), x.tolist()) == ([1.5], 1.5, 1, True, [1.5])


def test_detach_shares_numbers_and_forgets_the_rest():
    x = leaf([1.0])
    assert x.detach().data is x.data and not x.detach().requires_grad


def test_comparisons_compare_elements():
    a, b = nn.Tensor([1.0, 2.0, 3.0]), [2.0, 2.0, 2.0]
    results = [a == b, a != b, a < b, a <= b, a > b, a >= b]
    expected = [[0, 1, 0], [1, 0, 1], [1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1]]
    np.testing.assert_array_equal([r.data for r in results], np.array(expected, bool))


def test_is_its_own_key_in_a_set():
    a, b = nn.Tensor([1.0, 2.0]), nn.Tensor([1.0, 2.0])
    assert a in {a} and len({a, b, a}) == 2


def test_argmax_is_numpys(rng):
    array = rng.normal(size=(3, 4))
    np.testing.assert_array_equal(nn.Tensor(array).argmax(dim=1).data, array.argmax(axis=1))


def test_iterates_over_rows_that_keep_the_gradient():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    sum((i + 1) * row.sum() for i, row in enumerate(x)).backward()
    np.testing.assert_array_equal(x.grad, [[1, 1], [2, 2]])


def test_prints_its_numbers_and_what_is_unusual_about_it():
    assert repr(leaf([1.0, 2.5])) == "Tensor([1. , 2.5], requires_grad=True)"
    assert repr(nn.Tensor(np.zeros(1, np.float32))) == "Tensor([0.], dtype=float32)"


def test_numbers_are_printed_to_four_places():
    assert repr(nn.Tensor([2 / 3, 1e-7])) == "Tensor([0.6667, 0.    ])"


def test_rows_are_printed_below_each_other():
    assert repr(nn.Tensor([[1.0], [2.0]])) == "Tensor([[1.],\n        [2.]])"


# One dtype

FLOAT32 = np.array([1.0, 2.0], np.float32)


@pytest.mark.parametrize(
    "other",
    [2, 0.5, True, np.float64(0.5), np.int64(3), [1.5, 2.5], np.array([1, 2]), nn.Tensor([1, 2]), nn.Tensor(3)],
    ids=repr,
)
@pytest.mark.parametrize("operation", ["__add__", "__sub__", "__rsub__", "__mul__", "__truediv__", "__rtruediv__"])
def test_numbers_and_integers_do_not_widen_float32(operation, other):
    x = leaf(FLOAT32)
    y = getattr(x, operation)(other)
    y.sum().backward()
    assert (y.dtype, x.grad.dtype) == (np.float32, np.float32)


def test_integers_on_the_left_do_not_widen_float32():
    x = leaf(FLOAT32)
    assert [(nn.Tensor([1, 2]) * x).dtype, (np.array([1, 2]) - x).dtype, (3 / x).dtype] == [np.float32] * 3


def test_float32_and_float64_give_float64_and_each_its_own_gradient():
    a, b = leaf(FLOAT32), leaf([1.0, 2.0])
    c = a * b
    c.sum().backward()
    assert (c.dtype, a.grad.dtype, b.grad.dtype) == (np.float64, np.float32, np.float64)


def test_integers_with_a_python_float_take_the_default_dtype():
    nn.set_default_dtype("float32")
    assert (nn.Tensor([1, 2]) * 0.5).dtype == np.float32


# Every shape that NumPy allows


@given(npst.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), st.data())
def test_arithmetic_broadcasts_as_numpy_and_gradients_come_back_in_shape(shapes, data):
    a, b = (data.draw(arrays(shape)) for shape in shapes.input_shapes)
    np.testing.assert_array_equal((nn.Tensor(a) / nn.Tensor(b) + nn.Tensor(a)).data, a / b + a)
    assert nn.utils.gradcheck(lambda a, b: (a - b) * (a + b) / b, [leaf(a), leaf(b)])


@pytest.mark.parametrize("calculate", [operator.add, operator.sub, operator.mul, operator.truediv, operator.matmul])
def test_tensor_may_stand_on_the_right(calculate):
    left, right = np.array([3.0, 5.0]), np.array([2.0, 4.0])
    assert calculate(left, nn.Tensor(right)).tolist() == calculate(left, right).tolist()


@st.composite
def factors(draw):
    """Draw two arrays that have a matrix product: vectors, matrices and stacks that broadcast."""
    shapes = draw(npst.mutually_broadcastable_shapes(signature="(m?,n),(n,p?)->(m?,p?)", max_dims=2, max_side=3))
    return [draw(arrays(shape)) for shape in shapes.input_shapes]


@given(factors())
def test_product_is_numpys_with_gradients_for_vectors_matrices_and_stacks(pair):
    a, b = pair
    np.testing.assert_array_equal((nn.Tensor(a) @ nn.Tensor(b)).data, a @ b)
    assert nn.utils.gradcheck(lambda a, b: a @ b, [leaf(a), leaf(b)])


@given(npst.array_shapes(max_dims=3, max_side=3), st.booleans(), st.data())
def test_reductions_are_numpys_over_any_dimensions(shape, keepdim, data):
    x = data.draw(arrays(shape))
    dims = data.draw(st.none() | npst.valid_tuple_axes(len(shape), min_size=1))
    for name in ("sum", "mean", "max"):
        expected = getattr(np, name)(x, axis=dims, keepdims=keepdim)
        np.testing.assert_allclose(getattr(nn.Tensor(x), name)(dims, keepdim).data, expected, rtol=1e-15)


@pytest.mark.parametrize("name", ["sum", "mean", "max"])
def test_reductions_drop_the_dimension_by_default(name):
    assert getattr(nn.Tensor(np.ones((2, 3))), name)(dim=1).shape == (2,)


@given(npst.array_shapes(max_dims=3, max_side=3), st.booleans(), st.data())
def test_reductions_have_gradients_over_any_dimensions(shape, keepdim, data):
    x = data.draw(npst.arrays(np.float64, shape, elements=NUMBERS, unique=True))
    dims = data.draw(st.none() | npst.valid_tuple_axes(len(shape), min_size=1))
    assert nn.utils.gradcheck(lambda x: x.sum(dims, keepdim) * x.mean(dims, keepdim), leaf(x))


@given(npst.array_shapes(max_dims=3, max_side=4), st.data())
def test_indexing_is_numpys_with_gradients(shape, data):
    x = data.draw(arrays(shape))
    index = data.draw(npst.basic_indices(shape, allow_newaxis=True))
    np.testing.assert_array_equal(nn.Tensor(x)[index].data, x[index])
    assert nn.utils.gradcheck(lambda x: x[index], leaf(x))


@given(npst.array_shapes(min_dims=1, max_dims=3, max_side=4), st.data())
def test_picking_with_arrays_adds_up_the_gradients_of_what_is_picked_twice(shape, data):
    picked = data.draw(npst.integer_array_indices(shape))
    x = leaf(np.zeros(shape))
    x[picked].sum().backward()
    expected = np.zeros(shape)
    for position in zip(*(p.ravel() for p in np.broadcast_arrays(*picked)), strict=True):
        expected[position] += 1
    np.testing.assert_array_equal(x.grad, expected)


@given(npst.array_shapes(min_dims=2, max_dims=4, max_side=3), st.data())
def test_reordered_dimensions_are_numpys_with_gradients(shape, data):
    x = data.draw(arrays(shape))
    dims = data.draw(st.permutations([d - len(shape) * (d % 2) for d in range(len(shape))]))
    np.testing.assert_array_equal(nn.Tensor(x).permute(*dims).data, x.transpose(dims))
    np.testing.assert_array_equal(nn.Tensor(x).permute(tuple(dims)).data, x.transpose(dims))
    assert nn.utils.gradcheck(lambda x: (x.permute(*dims) * 2).transpose(0, -1).T.reshape(-1), leaf(x))


@pytest.mark.parametrize(
    "shapes", [((2, 3), (2, 3)), ((3,), (4,)), ((), (3,)), ((3,), ()), ((2, 3, 4), (3, 2))], ids=str
)
def test_product_refuses_shapes_that_do_not_fit(shapes):
    a, b = (nn.Tensor(np.ones(shape)) for shape in shapes)
    with pytest.raises(ValueError, match=r"cannot multiply matrices of shapes \("):
        a @ b


@pytest.mark.parametrize("exponent", [nn.Tensor(2.0), "2", None], ids=repr)
def test_power_refuses_what_is_no_number(exponent):
    with pytest.raises(TypeError, match=f"exponent must be a number, got {type(exponent).__name__}"):
        nn.Tensor([2.0]) ** exponent


@pytest.mark.parametrize("x", [0.0, -2.0])
@pytest.mark.parametrize("d", [0.0, 3.0])
def test_the_power_0_is_flat_everywhere(x, d):
    t = nn.Tensor([x], requires_grad=True)
    (t**0).backward(np.array([d]))
    assert t.grad.tolist() == [0.0]
