"""The record of a computation: what backward adds up, what it keeps, and when it refuses."""

import operator
import threading
import weakref

import numpy as np
import pytest

import nnlib as nn
from nnlib.tensor import record, record_jointly


def leaf(data):
    return nn.Tensor(data, requires_grad=True)


def test_gradients_add_up_over_calls():
    x = leaf([1.0, 2.0])
    (3 * x).sum().backward()
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [3 + 2, 3 + 4])


def test_leaf_used_by_two_losses_receives_both():
    x = leaf(2.0)
    (x**3 + 5 * x).backward()
    assert x.grad == 3 * 2**2 + 5


def test_every_path_counts():
    """y = x², z = y·y + y, so dz/dx = (2y + 1)·2x."""
    x = leaf(3.0)
    y = x * x
    (y * y + y).backward()
    assert x.grad == (2 * 9 + 1) * 6


@pytest.mark.parametrize("given", [None, [1.0]])
def test_backward_starts_in_the_dtype_of_the_result(given):
    x, seen = leaf(np.ones(1, np.float32)), []
    record(x.data, (x, lambda d: seen.append(d.dtype) or d)).backward(given)
    assert seen == [np.float32]


def test_backward_starts_in_the_shape_of_the_result():
    x, seen = leaf([[3.0]]), []
    record(x.data, (x, lambda d: seen.append(d.shape) or d)).backward()
    assert seen == [(1, 1)]


def test_backward_starts_from_the_gradient_given():
    x = leaf([1.0, 2.0])
    (x * x).backward([1.0, -1.0])
    np.testing.assert_array_equal(x.grad, [2, -4])


def test_backward_accepts_a_tensor_to_start_from():
    x = leaf([1.0, 2.0])
    (x * x).backward(nn.Tensor([1.0, -1.0]))
    np.testing.assert_array_equal(x.grad, [2, -4])


def test_backward_on_a_leaf_gives_one():
    x = leaf([5.0])
    x.backward()
    assert x.grad == [1]


def test_second_backward_raises_and_adds_nothing():
    x = leaf(3.0)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match="already used this record"):
        y.backward()
    assert x.grad == 6


def test_second_loss_over_a_used_part_raises_and_adds_nothing():
    x = leaf(3.0)
    hidden = x * x
    (2 * hidden).backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        (3 * hidden + x).backward()
    assert x.grad == 12


def test_retain_graph_allows_another_backward():
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad == 12


def test_record_is_freed_after_backward():
    y = leaf([3.0]).exp()
    array = weakref.ref(y.data)
    loss = (y * y).sum()
    del y
    assert array() is not None
    loss.backward()
    assert array() is None


def test_only_leaves_keep_gradients():
    x = leaf(3.0)
    y = x * x
    (2 * y).backward()
    assert (y.grad, x.grad) == (None, 12)


def test_retain_grad_keeps_the_gradient_of_an_intermediate():
    x = leaf(3.0)
    y = x * x
    y.retain_grad()
    (2 * y + y).backward()
    assert (y.grad, x.grad) == (3, 18)


def test_inputs_without_gradients_stay_without():
    x, constant = leaf(3.0), nn.Tensor(4.0)
    (x * constant).backward()
    assert (x.grad, constant.grad) == (4, None)


def test_vector_needs_a_gradient_to_start_from():
    x = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match=r"one number, this tensor has shape \(2,\).*sum\(\) or \.mean\(\)"):
        (x * 2).backward()
    assert x.grad is None


def test_gradient_of_another_shape_is_refused():
    x = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match=r"this tensor's shape \(2,\), got \(2, 1\)"):
        (x * 2).backward([[1.0], [1.0]])
    assert x.grad is None


def test_backward_of_a_constant_is_refused():
    with pytest.raises(RuntimeError, match="no input of this tensor requires gradients"):
        nn.Tensor(1.0).backward()


def test_detached_part_is_a_constant():
    x = leaf(3.0)
    (x * (x * x).detach()).backward()
    assert x.grad == 9


def test_no_grad_records_nothing_and_ends():
    x = leaf(1.0)
    with nn.no_grad():
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_no_grad_ends_after_an_error():
    with pytest.raises(ZeroDivisionError), nn.no_grad():
        raise ZeroDivisionError
    assert (leaf(1.0) * 2).requires_grad


def test_no_grad_decorates_a_function_that_calls_itself():
    @nn.no_grad()
    def descend(depth):
        return depth and descend(depth - 1)

    descend(3)
    assert (leaf(1.0) * 2).requires_grad


def test_no_grad_of_one_thread_is_not_that_of_another():
    recorded = []
    with nn.no_grad():
        thread = threading.Thread(target=lambda: recorded.append((leaf(1.0) * 2).requires_grad))
        thread.start()
        thread.join()
    assert recorded == [True]


def test_leaf_changes_in_place_where_nothing_is_recorded():
    x = w = leaf([1.0, 2.0])
    held = w.data
    with nn.no_grad():
        w += 1.0
        w *= [2.0, 3.0]
        w -= nn.Tensor([0.0, 1.0])
        w /= 4.0
    assert w is x and w.is_leaf and w.requires_grad
    assert w.data is held and held.tolist() == [1.0, 2.0]  # (1 + 1) · 2/4 and ((2 + 1) · 3 − 1)/4


@pytest.mark.parametrize("change", [operator.iadd, operator.isub, operator.imul, operator.itruediv])
def test_leaf_does_not_change_in_place_while_recording(change):
    w = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match="cannot change in place while operations are recorded"):
        change(w, 2.0)
    assert w.tolist() == [1, 2]


def test_what_an_operation_made_may_be_added_to():
    x, total = leaf(3.0), nn.Tensor(0.0)
    for _ in range(2):
        total += x * x
    total.backward()
    assert (total.item(), x.grad) == (18, 12)


def test_integers_that_shall_have_a_gradient_later_are_refused():
    x = nn.Tensor([1, 2])
    x.requires_grad = True
    with pytest.raises(TypeError, match="only floating-point tensors can require gradients, got dtype int64"):
        (x * 0.5).sum().backward()


def test_chain_of_10000_operations_needs_no_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(10_000):
        y = y + x
    y.backward()
    assert x.grad == 10_001


def test_chain_that_is_never_walked_can_be_dropped():
    y = leaf(1.0)
    for _ in range(30_000):
        y = y * 1.0
    del y


def test_diamonds_are_walked_once():
    """Forty doublings have 2⁴⁰ paths."""
    x = leaf(1.0)
    y = x
    for _ in range(40):
        y = y + y
    y.backward()
    assert x.grad == 2.0**40


def test_joint_record_gives_each_input_its_own():
    a, b, c = leaf(2.0), nn.Tensor(3.0), leaf(5.0)
    total = record_jointly(a.data * b.data * c.data, (a, b, c), lambda d: (d * 15.0, None, d * 6.0))
    total.backward()
    assert (a.grad, b.grad, c.grad) == (15, None, 6)


def test_joint_record_of_constants_records_nothing():
    assert not record_jointly(np.array(1.0), (nn.Tensor(1.0),), lambda d: (d,)).requires_grad
