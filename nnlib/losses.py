"""Losses as modules: how wrong a prediction is, as one number to walk downhill on."""

from nnlib import functional as F
from nnlib.checks import one_of
from nnlib.module import Module


class _Loss(Module):
    def __init__(self, reduction="mean"):
        self.reduction = one_of("reduction", reduction, "mean", "sum", "none")


class MSELoss(_Loss):
    """The mean of (ŷ − y)²; see :func:`nnlib.functional.mse_loss`."""

    def forward(self, input, target):
        return F.mse_loss(input, target, self.reduction)


class L1Loss(_Loss):
    """The mean of |ŷ − y|; see :func:`nnlib.functional.l1_loss`."""

    def forward(self, input, target):
        return F.l1_loss(input, target, self.reduction)


class BCELoss(_Loss):
    """The mean of −[y log p + (1 − y) log(1 − p)]; see :func:`nnlib.functional.binary_cross_entropy`."""

    def __init__(self, weight=None, reduction="mean"):
        super().__init__(reduction)
        self.weight = weight

    def forward(self, input, target):
        return F.binary_cross_entropy(input, target, self.weight, self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Binary cross-entropy from scores; see :func:`nnlib.functional.binary_cross_entropy_with_logits`."""

    def __init__(self, weight=None, reduction="mean", pos_weight=None):
        super().__init__(reduction)
        self.weight, self.pos_weight = weight, pos_weight

    def forward(self, input, target):
        return F.binary_cross_entropy_with_logits(input, target, self.weight, self.reduction, self.pos_weight)


class CrossEntropyLoss(_Loss):
    """The mean of −log softmax(z)_y, from scores; see :func:`nnlib.functional.cross_entropy`."""

    def __init__(self, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        super().__init__(reduction)
        self.weight, self.ignore_index, self.label_smoothing = weight, ignore_index, label_smoothing

    def forward(self, input, target):
        return F.cross_entropy(input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing)


class NLLLoss(_Loss):
    """The mean of −log p_y, from log-probabilities; see :func:`nnlib.functional.nll_loss`."""

    def __init__(self, weight=None, ignore_index=-100, reduction="mean"):
        super().__init__(reduction)
        self.weight, self.ignore_index = weight, ignore_index

    def forward(self, input, target):
        return F.nll_loss(input, target, self.weight, self.ignore_index, self.reduction)
