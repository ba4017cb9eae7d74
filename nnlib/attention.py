"""Attention: each element of a sequence asks all others, and takes from each as much as it answers the question."""

import copy
import math

import numpy as np

from nnlib import functional as F
from nnlib import init
from nnlib.checks import check_sizes, fraction
from nnlib.functional import _floating
from nnlib.layers import Dropout, LayerNorm, Linear, empty
from nnlib.module import Module, ModuleList, Parameter
from nnlib.tensor import Tensor, as_tensor, record_jointly, unbroadcast

# The operations


def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None):
    """Return A V with A = softmax(Q Kᵀ/√E + M): for each query a mean of the values, weighted by how their keys fit.

    Gradients: dV = Aᵀ d and dA = d Vᵀ; then through the softmax dS = A ⊙ (dA − Σ A ⊙ dA), summed over the keys;
    then dQ = dS K/√E, dK = dSᵀ Q/√E and dM = dS.
    Source: Vaswani et al. (2017).

    Args:
        query: Q, shape (..., L, E).
        key: K, shape (..., S, E).
        value: V, shape (..., S, E_v).
        attn_mask: M, in a shape that broadcasts to (..., L, S): numbers to add, or booleans that are true where a query
            may look. What may look nowhere receives 0.
        dropout_p: share of A that is dropped, in [0, 1]; always, so give 0 when not training.
        is_causal: whether query i may look at keys 0 … i only, in place of ``attn_mask``.
        scale: used in place of 1/√E.

    Returns:
        Shape (..., L, E_v).

    Raises:
        ValueError: if the shapes do not fit, ``dropout_p`` is out of range, or there are both a mask and ``is_causal``.
        TypeError: if the mask holds integers.
    """
    name = "scaled_dot_product_attention"
    q, k, v = _floating(query), as_tensor(key), as_tensor(value)
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        shapes = f"query {q.shape}, key {k.shape} and value {v.shape}"
        raise ValueError(f"{name}: {shapes} must have shapes (..., L, E), (..., S, E) and (..., S, E_v)")
    fraction(f"{name}: dropout_p", dropout_p)
    if is_causal:
        if attn_mask is not None:
            raise ValueError(
                f"{name}: give attn_mask or is_causal, not both: add nnlib.attention.causal_mask(L, S) to attn_mask"
            )
        attn_mask = causal_mask(q.shape[-2], k.shape[-2], q.dtype)
    return F.dropout(attention_weights(q, k, attn_mask, scale), dropout_p) @ v


def attention_weights(query, key, attn_mask=None, scale=None):
    """Return A = softmax(Q Kᵀ/√E + M), shape (..., L, S): how much each query takes from each key.

    Arguments, gradients and errors as in :func:`.scaled_dot_product_attention`, which does not keep A for you.
    """
    q, k = _floating(query), as_tensor(key)
    if min(q.ndim, k.ndim) < 2 or q.shape[-1] != k.shape[-1]:
        raise ValueError(
            f"attention_weights: query {q.shape} and key {k.shape} must have shapes (..., L, E), (..., S, E)"
        )
    mask = _additive_mask("attn_mask", attn_mask, q.dtype, True)
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else float(scale)
    a = (q.data * scale) @ k.data.swapaxes(-1, -2)
    try:
        a += mask.data
    except ValueError:
        raise ValueError(f"attn_mask must broadcast to {a.shape}, got shape {mask.shape}") from None
    top = a.max(axis=-1, keepdims=True, initial=-np.inf)
    a -= np.where(top == -np.inf, 0, top)
    np.exp(a, out=a)
    total = a.sum(axis=-1, keepdims=True)
    a /= np.where(total == 0, 1, total)

    def backward(d):
        d = a * (d - (d * a).sum(axis=-1, keepdims=True))  # the gradient of the scores
        return (
            unbroadcast(d @ k.data * scale, q),
            unbroadcast(d.swapaxes(-1, -2) @ q.data * scale, k),
            unbroadcast(d, mask) if mask.requires_grad else None,
        )

    return record_jointly(a, (q, k, mask), backward)


def causal_mask(length, keys=None, dtype=None):
    """Return what to add to the scores so that query i looks at keys 0 … i only: 0 there, −∞ elsewhere.

    Args:
        length: how many queries there are, L.
        keys: how many keys, S; as many as queries if ``None``.
        dtype: that of the array, shape (L, S); float64 if ``None``.

    >>> causal_mask(3)
    array([[  0., -inf, -inf],
           [  0.,   0., -inf],
           [  0.,   0.,   0.]])
    """
    return np.triu(np.full((length, length if keys is None else keys), -np.inf, dtype), 1)


def positional_encoding(length, d_model):
    """Return PE with PE[t, 2i] = sin(t / 10000^(2i/E)) and PE[t, 2i + 1] = cos of the same, as an array (length, E).

    A shift in time turns each pair of columns by an angle, whatever t is. Source: Vaswani et al. (2017).

    Raises:
        ValueError: if ``length`` or ``d_model`` is not a positive integer, or ``d_model`` is odd.

    >>> positional_encoding(2, 4).round(4)
    array([[0.    , 1.    , 0.    , 1.    ],
           [0.8415, 0.5403, 0.01  , 1.    ]])
    """
    encoding = empty("positional_encoding", length=length, d_model=d_model)
    if d_model % 2:
        raise ValueError(f"positional_encoding: d_model must be even, got {d_model}")
    angles = np.arange(length)[:, None] / 10000 ** (np.arange(0, d_model, 2) / d_model)
    encoding[:, 0::2], encoding[:, 1::2] = np.sin(angles), np.cos(angles)
    return encoding


def _additive_mask(name, mask, dtype, allowed):
    """Return a mask as numbers to add to the scores; where a query may look, booleans are ``allowed``."""
    if mask is None:
        return Tensor(np.zeros((1, 1), dtype))
    mask = as_tensor(mask)
    if mask.dtype.kind == "b":
        return Tensor(np.where(mask.data == allowed, 0, -np.inf).astype(dtype))
    if mask.dtype.kind != "f":
        raise TypeError(f"{name} must hold booleans or floating-point numbers, got dtype {mask.dtype}")
    return mask if mask.dtype == dtype else mask.to(dtype)


# The modules


class MultiheadAttention(Module):
    """Attention in several heads, each with queries, keys and values of its own, joined by a linear layer.

    Head i is softmax(Q_i K_iᵀ/√(E/heads) + M) V_i, where Q, K and V are linear in what the module is called with, and
    Q_i, K_i, V_i the i-th part of their columns. Source: Vaswani et al. (2017).

    Args:
        embed_dim: numbers in each element of a sequence, E.
        num_heads: heads, which must divide E.
        dropout: share of the weights A that is dropped while training, in [0, 1].
        bias: whether the linear layers add a bias.
        batch_first: whether sequences have shape (N, L, E) instead of (L, N, E).

    Attributes:
        in_proj_weight: the weights of Q, K and V, one below the other, shape (3E, E). First as by
            :func:`nnlib.init.xavier_uniform_`.
        in_proj_bias: their biases, shape (3E,), first 0; or ``None``.
        out_proj: the :class:`Linear` layer that joins the heads.

    Raises:
        ValueError: if a size is not a positive integer, or too large for memory, or an option is out of range.
    """

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, batch_first=False):
        check_sizes("MultiheadAttention", embed_dim=embed_dim, num_heads=num_heads)
        if embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: {num_heads=} must divide {embed_dim=}")
        fraction("MultiheadAttention: dropout", dropout)
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        weight = empty("MultiheadAttention", **{"3 · embed_dim": 3 * embed_dim, "embed_dim": embed_dim})
        self.in_proj_weight = init.xavier_uniform_(Parameter(weight))
        self.in_proj_bias = Parameter(np.zeros_like(weight[:, 0])) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias)
        if bias:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query,
        key,
        value,
        key_padding_mask=None,
        need_weights=True,
        attn_mask=None,
        average_attn_weights=True,
        is_causal=False,
    ):
        """Return what each query takes, and the weights it took it with.

        Args:
            query: shape (L, N, E), or (L, E) for a single sequence.
            key, value: shape (S, N, E) or (S, E).
            key_padding_mask: shape (N, S) or (S,): booleans that are true for keys that nobody may look at, or numbers
                to add to their scores.
            need_weights: whether to return the weights.
            attn_mask: shape (L, S), or (N · heads, L, S): booleans that are true where a query may *not* look (as in
                PyTorch, unlike those of :func:`.scaled_dot_product_attention`), or numbers to add to the scores.
            average_attn_weights: whether to return the mean of the heads' weights rather than each.
            is_causal: whether query i may look at keys 0 … i only.

        Returns:
            The output, in the shape of ``query``, and A, shape (N, L, S) or (N, heads, L, S), without N for a single
            sequence; or ``None``.

        Raises:
            ValueError: if the shapes do not fit.
            TypeError: if a mask holds integers.
        """
        q, k, v = (_floating(t) for t in (query, key, value))
        shapes = f"query {q.shape}, key {k.shape}, value {v.shape}"
        if q.ndim not in (2, 3) or any(t.ndim != q.ndim or t.shape[-1] != self.embed_dim for t in (q, k, v)):
            raise ValueError(f"MultiheadAttention: {shapes} must have 2 or 3 dimensions, the last {self.embed_dim}")
        swap = q.ndim == 3 and not self.batch_first
        if swap:
            q, k, v = (t.transpose(0, 1) for t in (q, k, v))
        if k.shape != v.shape or q.shape[:-2] != k.shape[:-2]:
            raise ValueError(
                f"MultiheadAttention: key and value must have one shape, and the batch size of query, got {shapes}"
            )
        mask = self._mask(attn_mask, key_padding_mask, is_causal, q, k)
        q, k, v = (self._project(t, i) for i, t in enumerate((q, k, v)))  # (N, heads, L or S, E / heads)
        dropout = self.dropout if self.training else 0.0
        weights = F.dropout(attention_weights(q, k, mask), dropout)
        joined = (weights @ v).transpose(-3, -2)  # (N, L, heads, E / heads)
        output = self.out_proj(joined.reshape(*joined.shape[:-2], self.embed_dim))
        if not need_weights:
            weights = None
        elif average_attn_weights:
            weights = weights.mean(dim=-3)
        return output.transpose(0, 1) if swap else output, weights

    def _project(self, input, i):
        """Return the queries (i = 0), keys (1) or values (2) of all heads."""
        rows = slice(i * self.embed_dim, (i + 1) * self.embed_dim)
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        projected = F.linear(input, self.in_proj_weight[rows], bias)
        return projected.reshape(*input.shape[:-1], self.num_heads, self.embed_dim // self.num_heads).transpose(-3, -2)

    def _mask(self, attn_mask, key_padding_mask, is_causal, q, k):
        """Return all that is to be added to the scores (N, heads, L, S), or ``None``."""
        batch, length, keys = q.shape[:-2], q.shape[-2], k.shape[-2]
        masks = [causal_mask(length, keys, q.dtype)] if is_causal else []
        if attn_mask is not None:
            mask = _additive_mask("MultiheadAttention: attn_mask", attn_mask, q.dtype, False)
            every = (*batch, self.num_heads, length, keys)
            if mask.shape not in ((length, keys), (math.prod(every[:-2]), length, keys)):
                raise ValueError(
                    f"MultiheadAttention: attn_mask must have shape {(length, keys)} or "
                    f"{(math.prod(every[:-2]), length, keys)}, got {mask.shape}"
                )
            masks.append(mask if mask.ndim == 2 else mask.reshape(*every))
        if key_padding_mask is not None:
            mask = _additive_mask("MultiheadAttention: key_padding_mask", key_padding_mask, q.dtype, allowed=False)
            if mask.shape != (*batch, keys):
                raise ValueError(
                    f"MultiheadAttention: key_padding_mask must have shape {(*batch, keys)}, got {mask.shape}"
                )
            masks.append(mask.reshape(*batch, 1, 1, keys))
        return sum(masks[1:], as_tensor(masks[0])) if masks else None


class TransformerEncoderLayer(Module):
    """Self-attention, then a network of one hidden layer for each element, both with a way around and a layer norm.

    As first published (post-norm): y = norm1(x + attention(x)), then norm2(y + network(y)). With ``norm_first``
    (pre-norm): y = x + attention(norm1(x)), then y + network(norm2(y)), which trains deep stacks more easily.
    Source: Vaswani et al. (2017), Xiong et al. (2020).

    Args:
        d_model: numbers in each element of a sequence, E.
        nhead: heads, which must divide E.
        dim_feedforward: units of the hidden layer.
        dropout: share of the attention's weights, of the hidden layer, and of both results, that is dropped while
            training, in [0, 1].
        activation: of the hidden layer: ``"relu"``, ``"gelu"``, or a function of a tensor.
        layer_norm_eps: ε of the layer norms.
        batch_first: whether sequences have shape (N, L, E) instead of (L, N, E).
        norm_first: whether the norm comes before attention and network.
        bias: whether the linear layers and norms add a bias.

    Raises:
        ValueError: if a size is not a positive integer, or too large for memory, or an option is out of range.
    """

    causal = False

    def __init__(
        self,
        d_model,
        nhead,
        dim_feedforward=2048,
        dropout=0.1,
        activation="relu",
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
        bias=True,
    ):
        activations = {"relu": F.relu, "gelu": F.gelu}
        if not callable(activation) and activation not in activations:
            raise ValueError(
                f"{type(self).__name__}: activation must be 'relu', 'gelu' or a function, got {activation!r}"
            )
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first)
        self.linear1 = Linear(d_model, dim_feedforward, bias)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = activations.get(activation, activation)

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        """Return the sequence after attention and network, in the shape of ``src``.

        ``src_mask`` and ``src_key_padding_mask`` are ``attn_mask`` and ``key_padding_mask`` of
        :class:`MultiheadAttention`; with ``is_causal``, element i sees only elements 0 … i.
        """
        masks = src_mask, src_key_padding_mask, is_causal or self.causal
        if self.norm_first:
            x = src + self._attend(self.norm1(src), *masks)
            return x + self._feed(self.norm2(x))
        x = self.norm1(src + self._attend(src, *masks))
        return self.norm2(x + self._feed(x))

    def _attend(self, x, mask, padding, is_causal):
        output, _ = self.self_attn(x, x, x, padding, need_weights=False, attn_mask=mask, is_causal=is_causal)
        return self.dropout1(output)

    def _feed(self, x):
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class CausalBlock(TransformerEncoderLayer):
    """A :class:`TransformerEncoderLayer` in which element i sees only elements 0 … i: the block of GPT-style decoders.

    Source: Radford et al. (2018).
    """

    causal = True


class TransformerEncoder(Module):
    """Copies of one layer in a row, and a norm at the end if given.

    Args:
        encoder_layer: a :class:`TransformerEncoderLayer`; all copies start from its weights.
        num_layers: how many copies.
        norm: a module for the result, which a stack of pre-norm layers needs; or ``None``.

    Raises:
        ValueError: if ``num_layers`` is not a positive integer.
    """

    def __init__(self, encoder_layer, num_layers, norm=None):
        check_sizes("TransformerEncoder", num_layers=num_layers)
        self.layers = ModuleList([copy.deepcopy(encoder_layer) for _ in range(num_layers)])
        self.norm = norm

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=False):
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal)
        return src if self.norm is None else self.norm(src)


class PositionalEncoding(Module):
    """Add to each element of a sequence what tells its position, then dropout; see :func:`.positional_encoding`.

    Args:
        d_model: numbers in each element, E, even.
        dropout: share of the sum that is dropped while training, in [0, 1].
        batch_first: whether sequences have shape (N, L, E) instead of (L, N, E).

    Raises:
        ValueError: if ``d_model`` is not an even positive integer, or ``dropout`` is out of range.
    """

    def __init__(self, d_model, dropout=0.1, batch_first=False):
        positional_encoding(1, d_model)  # which checks d_model
        self.d_model, self.dropout, self.batch_first = d_model, Dropout(dropout), batch_first

    def forward(self, input):
        x = _floating(input)
        if x.ndim not in (2, 3) or x.shape[-1] != self.d_model:
            raise ValueError(
                f"PositionalEncoding: input must have 2 or 3 dimensions, the last {self.d_model}, got shape {x.shape}"
            )
        length = x.shape[1] if self.batch_first and x.ndim == 3 else x.shape[0]
        position = positional_encoding(length, self.d_model).astype(x.dtype)
        return self.dropout(x + (position if self.batch_first or x.ndim == 2 else position[:, None]))
