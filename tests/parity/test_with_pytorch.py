"""Where PyTorch is installed, its modules themselves take nnlib's weights and give them back (else: test_parity.py)."""

from importlib.util import find_spec

import cases
import numpy as np
import pytest
from test_parity import LIBRARY, STORED

import nnlib as nn

if find_spec("torch"):
    import torch
    from make_parity import LIBRARY as PYTORCH

    torch.set_default_dtype(torch.float64)  # nnlib's

    @pytest.mark.filterwarnings("ignore:enable_nested_tensor")  # PyTorch on its own speed
    @pytest.mark.parametrize("name", cases.MODULES)
    def test_state_goes_into_pytorchs_module_and_back(name):
        build, given = cases.MODULES[name][0], STORED["modules"][name]["given"]
        ours, theirs, again = build(nn), build(torch.nn), build(nn)
        ours.load_state_dict(cases.state_of(given))
        theirs.load_state_dict({key: torch.tensor(array) for key, array in ours.state_dict().items()})
        again.load_state_dict({key: tensor.numpy() for key, tensor in theirs.state_dict().items()})
        for key, array in again.state_dict().items():
            np.testing.assert_array_equal(array, ours.state_dict()[key], strict=True)

    @pytest.mark.filterwarnings("ignore:enable_nested_tensor")  # PyTorch on its own speed
    @pytest.mark.parametrize("name", cases.MODULES)
    def test_module_with_one_state_gives_the_same_in_both(name):
        build, _, call = cases.MODULES[name]
        given = STORED["modules"][name]["given"]
        ours, theirs = (cases.run_module(library, build, call, given) for library in (LIBRARY, PYTORCH))
        assert ours.keys() == theirs.keys()
        for key, array in ours.items():
            np.testing.assert_allclose(array, theirs[key], rtol=1e-9, atol=1e-11, err_msg=key)
