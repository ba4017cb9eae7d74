"""nnlib: neural networks in NumPy, small enough to read beside the book, with PyTorch's names.

>>> import nnlib as nn
>>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
"""

from nnlib import classic, data, functional, init, optim, utils
from nnlib.attention import (
    CausalBlock,
    MultiheadAttention,
    PositionalEncoding,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from nnlib.conv import AdaptiveAvgPool2d, AvgPool2d, Conv1d, Conv2d, MaxPool2d
from nnlib.layers import (
    ELU,
    GELU,
    BatchNorm1d,
    BatchNorm2d,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from nnlib.losses import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss
from nnlib.module import LoadError, Module, ModuleList, Parameter, Sequential
from nnlib.recurrent import GRU, LSTM, RNN
from nnlib.settings import get_default_dtype, manual_seed, no_grad, set_default_dtype
from nnlib.tensor import Tensor
from nnlib.train import accuracy, evaluate, fit
from nnlib.utils import load, save

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "CausalBlock",
    "Conv1d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "Flatten",
    "Identity",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LoadError",
    "LogSoftmax",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "MultiheadAttention",
    "NLLLoss",
    "Parameter",
    "PositionalEncoding",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Tensor",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "accuracy",
    "classic",
    "data",
    "evaluate",
    "fit",
    "functional",
    "get_default_dtype",
    "init",
    "load",
    "manual_seed",
    "no_grad",
    "optim",
    "save",
    "set_default_dtype",
    "utils",
]
