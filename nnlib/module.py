"""Module: something with parameters that maps tensors to tensors, and the containers that join modules."""

import numpy as np

from nnlib import settings
from nnlib.tensor import Tensor, _array


class LoadError(ValueError):
    """A file or a state cannot be loaded: it is damaged, or made for something of another shape.

    Whatever it was to be loaded into is unchanged.
    """


class Parameter(Tensor):
    """A tensor that a module learns, found by :meth:`Module.parameters`.

    Args:
        data: the first numbers, as for :class:`Tensor`.
        requires_grad: whether it is learned; ``False`` freezes it.
    """

    __slots__ = ()

    def __init__(self, data, requires_grad=True):
        super().__init__(data, requires_grad=requires_grad)


class Module:
    """The base of every layer and model: write ``__init__`` to make its parts and ``forward`` to use them.

    Its state is plain: attributes that are parameters, modules, or arrays (buffers, saved but not learned). Nothing is
    registered, and a parameter or module that is used twice counts once.
    """

    training = True

    def __call__(self, *args, **kwargs):
        return self.forward(*args, **kwargs)

    def forward(self, *args, **kwargs):
        """Compute the output; every module writes its own."""
        raise NotImplementedError(f"{type(self).__name__} must define forward()")

    def __setattr__(self, name, value):
        if isinstance(vars(self).get(name), Parameter) and not isinstance(value, Parameter | None):
            raise TypeError(
                f"{name} is a parameter of {type(self).__name__}: assign a Parameter or None, got "
                f"{type(value).__name__}; to change its numbers, assign to {name}.data[...]"
            )
        super().__setattr__(name, value)

    # Looking inside

    def named_children(self):
        """Yield (name, module) for the modules that are attributes of this one."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    def children(self):
        """Yield the modules that are attributes of this one."""
        for _, child in self.named_children():
            yield child

    def named_modules(self, prefix=""):
        """Yield (name, module) for this module and all below it, each once; ``prefix`` begins every name."""
        seen = set()

        def walk(module, path):
            if id(module) not in seen:
                seen.add(id(module))
                yield path, module
                for name, child in module.named_children():
                    yield from walk(child, f"{path}.{name}" if path else name)

        yield from walk(self, prefix)

    def modules(self):
        """Yield this module and all below it, each once."""
        for _, module in self.named_modules():
            yield module

    def named_parameters(self):
        """Yield (name, parameter) for this module and all below it, each once."""
        seen = set()
        for path, parameter in self._named_state(Parameter):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield path, parameter

    def parameters(self):
        """Yield every parameter once."""
        for _, parameter in self.named_parameters():
            yield parameter

    def _named_state(self, kinds, prefix=""):
        for name, value in vars(self).items():
            if isinstance(value, kinds):
                yield prefix + name, value
        for name, child in self.named_children():
            yield from child._named_state(kinds, f"{prefix}{name}.")

    # Saving and loading

    def state_dict(self):
        """Return a copy of every parameter and buffer as arrays, by PyTorch's names (``"0.weight"`` …)."""
        return {name: np.array(_array(value)) for name, value in self._named_state((Parameter, np.ndarray))}

    def load_state_dict(self, state_dict):
        """Copy arrays into the parameters and buffers of the same names.

        Args:
            state_dict: name → array, as :meth:`state_dict` returns.

        Raises:
            LoadError: if a name is missing or unknown, or a shape differs; nothing is changed.
        """
        own = {name: _array(value) for name, value in self._named_state((Parameter, np.ndarray))}
        missing, unknown = own.keys() - state_dict.keys(), state_dict.keys() - own.keys()
        if missing:
            raise LoadError(f"state_dict lacks {sorted(missing)}; it has {sorted(state_dict)}")
        if unknown:
            raise LoadError(f"state_dict has {sorted(unknown)}, which {type(self).__name__} has not")
        given = {name: np.asarray(_array(state_dict[name])) for name in own}
        for name, array in given.items():
            if array.shape != own[name].shape:
                raise LoadError(f"{name} must have shape {own[name].shape}, got {array.shape}")
            if array.dtype.kind not in "fiub":
                raise LoadError(f"{name} must hold numbers, got dtype {array.dtype}")
        for name, array in given.items():
            own[name][...] = array

    # Modes

    def train(self, mode=True):
        """Switch this module and all below to training (to evaluation if ``mode`` is ``False``), and return it."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self):
        """Switch this module and all below to evaluation, and return it."""
        return self.train(False)

    def zero_grad(self):
        """Forget the gradients of all parameters."""
        for value in vars(self).values():
            if isinstance(value, Parameter):
                value.grad = None
            elif isinstance(value, Module):
                value.zero_grad()

    def to(self, dtype):
        """Convert parameters, without their gradients, and floating-point buffers, and return the module.

        Args:
            dtype: float32 or float64.

        Raises:
            ValueError: for any other dtype.
        """
        dtype = settings.floating_dtype(dtype)
        for parameter in self.parameters():
            parameter.data = parameter.data.astype(dtype)
            parameter.grad = parameter._grad_buffer = None
        for module in self.modules():
            for name, value in vars(module).items():
                if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                    setattr(module, name, value.astype(dtype))
        return self

    def apply(self, fn):
        """Call ``fn`` with every module, those below first, and return this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def extra_repr(self):
        """Return what stands between the parentheses when a module without children is printed."""
        return ""

    def __repr__(self):
        children = list(self.named_children())
        if not children:
            return f"{type(self).__name__}({self.extra_repr()})"
        lines = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in children]
        return f"{type(self).__name__}(\n" + "\n".join(lines) + "\n)"


class _Numbered(Module):
    """Modules named "0", "1", …, reached by number; a slice of them is a container of the same kind."""

    def __init__(self, modules):
        for i, module in enumerate(modules):
            self._put(i, module)

    def _put(self, i, module):
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__} holds modules, got {type(module).__name__} at position {i}")
        setattr(self, str(i), module)

    def __iter__(self):
        return self.children()

    def __len__(self):
        return sum(1 for _ in self.children())

    def __getitem__(self, index):
        return list(self)[index]


class Sequential(_Numbered):
    """Modules in a row: the output of each is the input of the next.

    >>> from nnlib import Linear, ReLU, Sequential
    >>> Sequential(Linear(2, 3), ReLU(), Linear(3, 1))
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
      (2): Linear(in_features=3, out_features=1, bias=True)
    )
    """

    def __init__(self, *modules):
        super().__init__(modules)

    def __getitem__(self, index):
        chosen = super().__getitem__(index)
        return Sequential(*chosen) if isinstance(index, slice) else chosen

    def forward(self, input):
        for module in self:
            input = module(input)
        return input


class ModuleList(_Numbered):
    """A list of modules whose parameters are found."""

    def __init__(self, modules=()):
        super().__init__(modules)

    def __getitem__(self, index):
        chosen = super().__getitem__(index)
        return ModuleList(chosen) if isinstance(index, slice) else chosen

    def append(self, module):
        """Add a module at the end, and return the list."""
        self._put(len(self), module)
        return self
