"""Attention: who sees whom, what the masks mean, and the blocks that are built of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.special import softmax

import nnlib as nn
from nnlib import functional as F
from nnlib.attention import attention_weights, causal_mask, positional_encoding


@pytest.fixture
def heads(rng):
    return rng.normal(size=(2, 3, 4, 6)), rng.normal(size=(2, 3, 5, 6)), rng.normal(size=(2, 3, 5, 2))


def test_attention_is_softmax_of_scaled_scores_times_values(heads):
    q, k, v = heads
    expected = softmax(q @ k.swapaxes(-1, -2) / np.sqrt(6), axis=-1) @ v
    np.testing.assert_allclose(F.scaled_dot_product_attention(q, k, v).data, expected, rtol=1e-12)


@given(batch=npst.array_shapes(min_dims=0, max_dims=2, max_side=3), queries=st.integers(0, 4), keys=st.integers(1, 5))
def test_order_of_the_keys_does_not_matter_whatever_the_shapes(batch, queries, keys):
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(*batch, n, 3)) for n in (queries, keys, keys))
    order = rng.permutation(keys)
    y = F.scaled_dot_product_attention(q, k, v).data
    mixed = F.scaled_dot_product_attention(q, k[..., order, :], v[..., order, :]).data
    assert y.shape == (*batch, queries, 3)
    np.testing.assert_allclose(mixed, y, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("options", [{}, {"attn_mask": np.tri(4, 5, dtype=bool)}, {"scale": 0.3}], ids=str)
def test_attention_weights_are_what_attention_takes(heads, options):
    q, k, v = heads
    taken = attention_weights(q, k, **options).data @ v
    np.testing.assert_allclose(F.scaled_dot_product_attention(q, k, v, **options).data, taken, rtol=1e-12)


def test_attention_weights_of_one_head_are_those_of_several(heads):
    q, k, _ = heads
    np.testing.assert_allclose(attention_weights(q[0, 0], k[0, 0]).data, attention_weights(q, k).data[0, 0], rtol=1e-12)


def test_masked_keys_might_as_well_not_be_there(heads):
    q, k, v = heads
    kept = np.array([True, False, True, True, False])
    expected = F.scaled_dot_product_attention(q, k[:, :, kept], v[:, :, kept]).data
    np.testing.assert_allclose(F.scaled_dot_product_attention(q, k, v, attn_mask=kept).data, expected, rtol=1e-12)


def test_query_that_may_look_nowhere_receives_0_and_no_gradient(heads):
    q, k, v = (nn.Tensor(a, requires_grad=True) for a in heads)
    allowed = np.arange(4)[:, None] > np.arange(5)  # the first query sees no key, the last key is seen by none
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
    y.sum().backward()
    assert not y.data[:, :, 0].any()
    assert not q.grad[:, :, 0].any() and not k.grad[:, :, 4].any() and not v.grad[:, :, 4].any()


def test_causal_attention_does_not_see_the_future(heads):
    q, k, v = heads
    before = F.scaled_dot_product_attention(q, k, v, is_causal=True).data
    k[:, :, 2:], v[:, :, 2:] = 0, 0
    after = F.scaled_dot_product_attention(q, k, v, is_causal=True).data
    np.testing.assert_array_equal(before[:, :, :2], after[:, :, :2])
    assert (before[:, :, 2:] != after[:, :, 2:]).all()


def test_scores_of_any_size_give_finite_results():
    q = 1e4 * np.eye(3)
    np.testing.assert_array_equal(F.scaled_dot_product_attention(q, q, np.eye(3)).data, np.eye(3))


def test_dropped_weights_are_made_up_for_by_the_others():
    ones = np.ones((200, 100, 1))
    y = F.scaled_dot_product_attention(ones, ones, ones, dropout_p=0.5).data
    assert y.std() > 0.05 and abs(y.mean() - 1) < 0.01


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda q, k, v: F.scaled_dot_product_attention(q, v, v),
            ValueError,
            r"scaled_dot_product_attention: query \(2, 3, 4, 6\), key \(2, 3, 5, 2\)",
        ),
        (lambda q, k, v: F.scaled_dot_product_attention(q, k, v[:, :, :4]), ValueError, r"value \(2, 3, 4, 2\) must"),
        (
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, np.ones((5, 4))),
            ValueError,
            r"attn_mask must broadcast to \(2, 3, 4, 5\), got shape \(5, 4\)",
        ),
        (
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, np.ones((4, 5), int)),
            TypeError,
            "attn_mask must hold booleans or floating-point numbers, got dtype int64",
        ),
        (
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, None, 1.5),
            ValueError,
            "scaled_dot_product_attention: dropout_p must be between 0 and 1",
        ),
        (
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, np.ones((4, 5)), is_causal=True),
            ValueError,
            "not both",
        ),
        (lambda q, k, v: attention_weights(q, k, np.ones((5, 4))), ValueError, "attn_mask must broadcast"),
        (
            lambda q, k, v: attention_weights(q, k, np.ones((4, 5), int)),
            TypeError,
            "attn_mask must hold .*got dtype int64",
        ),
        (
            lambda q, k, v: attention_weights(q, v),
            ValueError,
            r"attention_weights: query \(2, 3, 4, 6\) and key \(2, 3, 5, 2\)",
        ),
    ],
)
def test_attention_refuses_what_does_not_fit(call, error, message, heads):
    with pytest.raises(error, match=message):
        call(*heads)


# Several heads


@pytest.fixture
def attention():
    return nn.MultiheadAttention(6, 2, batch_first=True)


@pytest.fixture
def x(rng):
    return rng.normal(size=(3, 4, 6))


def test_attention_starts_as_pytorchs():
    attention = nn.MultiheadAttention(60, 2)
    bound = np.sqrt(6 / (60 + 3 * 60))
    assert -bound <= attention.in_proj_weight.data.min() < -0.99 * bound
    assert 0.99 * bound < attention.in_proj_weight.data.max() <= bound
    assert not attention.in_proj_bias.data.any() and not attention.out_proj.bias.data.any()


def test_attention_without_bias_has_none():
    assert list(nn.MultiheadAttention(6, 2, bias=False).state_dict()) == ["in_proj_weight", "out_proj.weight"]


def test_weights_of_several_heads_are_their_mean(attention, x):
    mean, each = (attention(x, x, x, average_attn_weights=average)[1].data for average in (True, False))
    np.testing.assert_allclose(mean, each.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(each.sum(axis=-1), 1, rtol=1e-12)


def test_output_is_the_same_with_and_without_weights(attention, x):
    with_weights, _ = attention(x, x, x)
    without, none = attention(x, x, x, need_weights=False)
    assert none is None
    np.testing.assert_allclose(with_weights.data, without.data, rtol=1e-12)


def test_batch_first_swaps_only_the_first_two_dimensions(attention, x):
    output, weights = attention(x, x, x)
    attention.batch_first = False
    swapped, same_weights = attention(*[x.swapaxes(0, 1)] * 3)
    np.testing.assert_array_equal(swapped.data, output.data.swapaxes(0, 1))
    np.testing.assert_array_equal(same_weights.data, weights.data)


@pytest.mark.parametrize("need_weights", [True, False])
def test_module_masks_are_true_where_a_query_may_not_look(attention, x, need_weights):
    future, padding = causal_mask(4) < 0, np.array([[False] * 4, [False] * 3 + [True], [False] * 2 + [True] * 2])
    masked, _ = attention(x, x, x, padding, need_weights, future)
    shortened, _ = attention(x[2:, :2], x[2:, :2], x[2:, :2], need_weights=need_weights, is_causal=True)
    np.testing.assert_allclose(masked.data[2:, :2], shortened.data, rtol=1e-12)


@pytest.mark.parametrize("need_weights", [True, False])
def test_padding_alone_gives_the_bias_of_the_output(attention, x, need_weights):
    attention.out_proj.bias.data[:] = range(6)
    output, _ = attention(x, x, x, np.ones((3, 4), bool), need_weights)
    np.testing.assert_array_equal(output.data, np.broadcast_to(range(6), x.shape))


def test_attention_drops_weights_only_while_training(x):
    attention = nn.MultiheadAttention(6, 2, dropout=1.0, batch_first=True)
    for need_weights in (True, False):
        assert not attention.train()(x, x, x, need_weights=need_weights)[0].data.any()
        assert attention.eval()(x, x, x, need_weights=need_weights)[0].data.any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.MultiheadAttention(6, 4), ValueError, "num_heads=4 must divide embed_dim=6"),
        (
            lambda: nn.MultiheadAttention(6, 2, dropout=1.5),
            ValueError,
            "MultiheadAttention: dropout must be between 0 and 1, got 1.5",
        ),
        (lambda: nn.MultiheadAttention(6, 2, dropout=-1), ValueError, "dropout must be between 0 and 1, got -1"),
    ],
)
def test_module_refuses_options_out_of_range(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda a, x: a(x[..., :5], x, x),
            ValueError,
            r"query \(3, 4, 5\), .* must have 2 or 3 dimensions, the last 6",
        ),
        (lambda a, x: a(x[0], x, x), ValueError, "must have 2 or 3 dimensions, the last 6"),
        (lambda a, x: a(x, x, x[:, :3]), ValueError, "key and value must have one shape, and the batch size of query"),
        (lambda a, x: a(x[:2], x, x), ValueError, r"the batch size of query, got query \(2, 4, 6\), key \(3, 4, 6\)"),
        (
            lambda a, x: a(x, x, x, attn_mask=np.ones((3, 3))),
            ValueError,
            r"shape \(4, 4\) or \(6, 4, 4\), got \(3, 3\)",
        ),
        (
            lambda a, x: a(x, x, x, np.ones((4, 3))),
            ValueError,
            r"key_padding_mask must have shape \(3, 4\), got \(4, 3\)",
        ),
        (
            lambda a, x: a(x, x, x, None, True, np.ones((4, 4), int)),
            TypeError,
            "MultiheadAttention: attn_mask must hold",
        ),
        (
            lambda a, x: a(x, x, x, np.ones((3, 4), int)),
            TypeError,
            "MultiheadAttention: key_padding_mask must hold booleans or floating-point numbers",
        ),
    ],
)
def test_module_refuses_what_does_not_fit(call, error, message, attention, x):
    with pytest.raises(error, match=message):
        call(attention, x)


# Blocks


def block(kind, **options):
    return kind(6, 2, dim_feedforward=5, dropout=0.0, batch_first=True, **options)


def test_layer_drops_at_its_four_places():
    layer = nn.TransformerEncoderLayer(6, 2, dim_feedforward=5, dropout=0.3)
    assert [layer.self_attn.dropout, layer.dropout.p, layer.dropout1.p, layer.dropout2.p] == [0.3] * 4


def test_layer_has_pytorchs_defaults():
    layer = nn.TransformerEncoderLayer(6, 2)
    assert (layer.linear1.out_features, layer.dropout.p, layer.norm1.eps, layer.norm2.eps) == (2048, 0.1, 1e-5, 1e-5)
    assert (layer.activation, layer.norm_first, layer.self_attn.batch_first) == (F.relu, False, False)


def test_post_norm_layer_ends_with_its_norm(x):
    y = block(nn.TransformerEncoderLayer)(x).data
    np.testing.assert_allclose(y.mean(axis=-1), 0, atol=1e-12)


def test_pre_norm_layer_whose_results_are_0_lets_everything_through(x):
    layer = block(nn.TransformerEncoderLayer, norm_first=True)
    for last in (layer.self_attn.out_proj, layer.linear2):
        nn.init.zeros_(last.weight), nn.init.zeros_(last.bias)
    np.testing.assert_array_equal(layer(x).data, x)


@pytest.mark.parametrize("norm_first", [False, True])
def test_causal_block_is_an_encoder_layer_with_a_causal_mask(norm_first, x):
    causal, layer = (block(kind, norm_first=norm_first) for kind in (nn.CausalBlock, nn.TransformerEncoderLayer))
    layer.load_state_dict(causal.state_dict())
    np.testing.assert_array_equal(causal(x).data, layer(x, is_causal=True).data)
    np.testing.assert_array_equal(causal(x).data, layer(x, causal_mask(4)).data)


def test_stack_of_causal_blocks_does_not_see_the_future(x):
    stack = nn.TransformerEncoder(block(nn.CausalBlock), 3)
    before = stack(x).data
    x[:, 2:] = 0
    np.testing.assert_array_equal(stack(x).data[:, :2], before[:, :2])


def test_stack_is_its_layers_in_a_row(x):
    stack = nn.TransformerEncoder(block(nn.TransformerEncoderLayer), 2)
    padding = np.array([[False] * 4, [False] * 3 + [True], [False] * 2 + [True] * 2])
    for masks in ((), (causal_mask(4).T, padding), (None, padding, True)):
        np.testing.assert_array_equal(stack(x, *masks).data, stack.layers[1](stack.layers[0](x, *masks), *masks).data)


def test_layers_of_a_stack_start_alike_but_learn_apart():
    first, second = nn.TransformerEncoder(block(nn.TransformerEncoderLayer), 2).layers
    for name, array in first.state_dict().items():
        np.testing.assert_array_equal(array, second.state_dict()[name])
    assert not {id(p) for p in first.parameters()} & {id(p) for p in second.parameters()}


def test_activation_may_be_any_function(x):
    layer = block(nn.TransformerEncoderLayer, activation=F.relu)
    named = block(nn.TransformerEncoderLayer)
    named.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(layer(x).data, named(x).data)


def test_layer_refuses_an_unknown_activation():
    with pytest.raises(ValueError, match="activation must be 'relu', 'gelu' or a function, got 'elu'"):
        nn.TransformerEncoderLayer(6, 2, activation="elu")


def test_stack_refuses_to_be_empty():
    with pytest.raises(ValueError, match="TransformerEncoder: num_layers must be an integer ≥ 1, got 0"):
        nn.TransformerEncoder(block(nn.TransformerEncoderLayer), 0)


# Positions


def test_positions_are_sines_and_cosines_of_falling_frequency():
    expected = [f(t / 10000 ** (i / 6)) for t in range(5) for i in (0, 2, 4) for f in (np.sin, np.cos)]
    np.testing.assert_allclose(positional_encoding(5, 6).ravel(), expected, rtol=1e-12)


def test_even_number_of_columns_need_not_be_a_multiple_of_three():
    np.testing.assert_allclose(positional_encoding(2, 4)[1], [np.sin(1), np.cos(1), np.sin(0.01), np.cos(0.01)])


def test_positions_are_added_along_the_first_dimension_unless_told():
    y = nn.PositionalEncoding(6, dropout=0.0)(np.zeros((5, 2, 6))).data
    np.testing.assert_allclose(y[:, 1], positional_encoding(5, 6))


def test_product_of_two_positions_depends_on_their_distance_only():
    products = positional_encoding(9, 6) @ positional_encoding(9, 6).T
    for distance in range(9):
        diagonal = np.diag(products, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("shape", "batch_first"), [((5, 6), False), ((5, 6), True), ((5, 2, 6), False), ((2, 5, 6), True)]
)
def test_positions_are_added_along_the_sequence(shape, batch_first):
    y = nn.PositionalEncoding(6, dropout=0.0, batch_first=batch_first)(np.ones(shape)).data
    sequences = y[:, None] if y.ndim == 2 else y.swapaxes(0, 1) if batch_first else y
    for i in range(sequences.shape[1]):
        np.testing.assert_allclose(sequences[:, i], 1 + positional_encoding(5, 6), rtol=1e-12)


def test_positions_are_no_part_of_the_state():
    assert nn.PositionalEncoding(6).state_dict() == {}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.PositionalEncoding(5), "d_model must be even, got 5"),
        (lambda: nn.PositionalEncoding(0), "d_model must be an integer ≥ 1, got 0"),
        (lambda: nn.PositionalEncoding(3), "d_model must be even, got 3"),
        (lambda: positional_encoding(0, 6), "positional_encoding: length must be an integer ≥ 1, got 0"),
        (lambda: positional_encoding(10**7, 10**7), "would take 745,058 GiB, more than 16 GiB"),
        (lambda: nn.PositionalEncoding(6)(np.ones((5, 4))), r"the last 6, got shape \(5, 4\)"),
    ],
)
def test_positions_refuse_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_attention_without_keys_answers_0():
    answer = F.scaled_dot_product_attention(np.ones((2, 4)), np.ones((0, 4)), np.ones((0, 3)))
    np.testing.assert_array_equal(answer.data, np.zeros((2, 3)))


@pytest.mark.parametrize("vector", range(3))
def test_attention_refuses_a_single_vector(vector):
    arrays = [np.ones((4, 4))] * 3
    arrays[vector] = np.ones(4)
    with pytest.raises(ValueError, match="scaled_dot_product_attention"):
        F.scaled_dot_product_attention(*arrays)


def test_multihead_attention_hides_later_keys_where_there_are_more_keys_than_questions():
    nn.manual_seed(0)
    layer = nn.MultiheadAttention(8, 2)
    x, memory = np.random.default_rng(0).normal(size=(2, 5, 8))
    hidden = np.triu(np.ones((3, 5), bool), 1)
    expected, _ = layer(x[:3], memory, memory, attn_mask=hidden)
    np.testing.assert_allclose(layer(x[:3], memory, memory, is_causal=True)[0].data, expected.data, rtol=1e-12)


def test_multihead_attention_of_one_sequence_takes_a_mask_for_each_head():
    nn.manual_seed(0)
    layer, x = nn.MultiheadAttention(8, 2), np.random.default_rng(0).normal(size=(5, 8))
    hidden = np.stack([np.triu(np.ones((5, 5), bool), 1), np.zeros((5, 5), bool)])
    _, weights = layer(x, x, x, attn_mask=hidden, average_attn_weights=False)
    assert (weights.data[0][hidden[0]] == 0).all() and (weights.data[1] > 0).all()
