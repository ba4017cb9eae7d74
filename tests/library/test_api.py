"""The page of the library names everything public, and every docstring says what a caller needs."""

import inspect
import re
from functools import reduce
from pathlib import Path

import pytest

import nnlib as nn
from nnlib import attention, conv, widgets

PAGE = (Path(__file__).parents[2] / "pages" / "api.md").read_text("utf-8")
ENTRIES = re.findall(
    r"^\.\. auto(?:class|exception|function):: nnlib\.([\w.]+)(?:\(\))?(\n   :no-members:)?$", PAGE, re.M
)
ON_PAGE = {name: reduce(getattr, name.split("."), nn) for name, _ in ENTRIES}
METHODS = {
    f"{name}.{key}": method
    for name, closed in ENTRIES
    if inspect.isclass(ON_PAGE[name]) and not closed
    for key, method in vars(ON_PAGE[name]).items()
    if not key.startswith("_") and (inspect.isfunction(method) or isinstance(method, property))
}
DOCUMENTED = ON_PAGE | METHODS
BY_LAST_NAME = {name.rpartition(".")[2]: value for name, value in DOCUMENTED.items()}
MODULES = [nn, nn.functional, nn.init, nn.optim, nn.optim.lr_scheduler, nn.utils, nn.data, nn.classic, widgets]
SELF_EVIDENT = {"self", "input", "args", "kwargs"}  # what is computed on, and what is only passed on

WITH_ARGUMENTS = [
    name
    for name, value in DOCUMENTED.items()
    if value.__doc__ and not (isinstance(value, property) or (inspect.isclass(value) and issubclass(value, Exception)))
]


def public(module):
    """The functions and classes that a module lists; or else those that it, or a family of operations, defines."""
    homes = {home.__name__ for home in (module, conv, attention)}
    values = {name: v for name, v in vars(module).items() if inspect.isclass(v) or inspect.isfunction(v)}
    if hasattr(module, "__all__"):
        return {name: value for name, value in values.items() if name in module.__all__}
    return {name: v for name, v in values.items() if v.__module__ in homes and not name.startswith("_")}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_page_names_everything_public(module):
    assert public(module)
    assert [name for name, value in public(module).items() if value not in ON_PAGE.values()] == []


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring_begins_with_a_sentence(name):
    paragraph = (inspect.getdoc(DOCUMENTED[name]) or "").split("\n\n")[0]
    assert re.search(r"\w.*\.(\s|$)", paragraph)


@pytest.mark.parametrize("name", WITH_ARGUMENTS)
def test_docstring_tells_every_argument(name):
    """Each is named in the docstring, or in one that it refers to."""
    value = DOCUMENTED[name]
    referred = [BY_LAST_NAME.get(last) for last in re.findall(r":`[\w.]*?(\w+)`", value.__doc__)]
    text = " ".join([value.__doc__, *(other.__doc__ or "" for other in referred if other)])
    words = SELF_EVIDENT | set(re.findall(r"\w+", text.lower()))
    assert [parameter for parameter in inspect.signature(value).parameters if parameter.lower() not in words] == []
