"""Every example in a docstring prints what it says."""

import doctest
import importlib
from pathlib import Path

import pytest

import nnlib

ROOT = Path(nnlib.__file__).parent
MODULES = [
    ".".join(["nnlib", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")
    for path in sorted(ROOT.rglob("*.py"))
    if ">>>" in path.read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    results = doctest.testmod(importlib.import_module(name))
    assert results.attempted > 0
    assert results.failed == 0
