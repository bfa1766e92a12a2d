"""Messages between the grader and a student's process.

To the student's process goes what pickle can carry. From it comes data only, JSON and safetensors:
a student may have changed anything there, and unpickling would run code of theirs in the grader.
"""

import dataclasses
import functools
import json
import struct
import types
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import safetensors.torch
import torch
from torch import nn
from torch.optim import Optimizer

from inpaintlib.notebook.agreement import HOOKS, same

LARGEST = 500_000_000  # bytes of one message
HEAD = struct.Struct(">Q")
PLAIN = (bool, int, float, str, type(None))


class Other:
    """Stands for a value that is not data, such as an object of a student's own class."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"<{self.kind}>"


@dataclasses.dataclass
class Built:
    """A network that stays in the student's process.

    Attributes:
        number: what it is called by there.
        parts: the path of each module in it, and its settings.
        tensors: [path, value, whether it is a parameter, whether it learns, where it lies]: the
            same place is the same weight.
    """

    number: int
    parts: list[list]
    tensors: list[list]


# Frames --------------------------------------------------------------------------------------


def send(stream: IO[bytes], payload: bytes) -> None:
    """Write one message."""
    stream.write(HEAD.pack(len(payload)) + payload)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes:
    """Read one message.

    Raises:
        EOFError: the other side has ended, or sends what is no message.
    """
    head = stream.read(HEAD.size)
    size = HEAD.unpack(head)[0] if len(head) == HEAD.size else LARGEST + 1
    payload = stream.read(size) if size <= LARGEST else b""
    if size > LARGEST or len(payload) != size:
        raise EOFError("the other side has ended")
    return payload


# Data ----------------------------------------------------------------------------------------


def encode(value: Any) -> bytes:
    """A value as JSON with its tensors behind it."""
    tensors: dict[str, torch.Tensor] = {}
    head = json.dumps(_pack(value, tensors)).encode()
    return HEAD.pack(len(head)) + head + safetensors.torch.save(tensors)


def decode(payload: bytes) -> Any:
    """What `encode` has written; raises ValueError for anything else."""
    try:
        size = HEAD.unpack_from(payload)[0]
        head, rest = payload[HEAD.size : HEAD.size + size], payload[HEAD.size + size :]
        return _unpack(json.loads(head), safetensors.torch.load(rest))
    except Exception as error:  # whatever a damaged message may lead to
        raise ValueError(f"not a message: {type(error).__name__}") from error


def _pack(value: Any, tensors: dict[str, torch.Tensor]) -> list:
    """A value as JSON; tensors are put aside under a number."""
    if isinstance(value, torch.Tensor | np.ndarray | np.generic) and not isinstance(value, PLAIN):
        return _put_aside(value, tensors)
    for kind in PLAIN:  # also numpy.float64, which is a float
        if isinstance(value, kind):
            return ["plain", value if value is None else kind(value)]  # ty: ignore
    if isinstance(value, Built):
        return ["built", _pack([value.number, value.parts, value.tensors], tensors)]
    if isinstance(value, list | tuple):
        name = "list" if isinstance(value, list) else "tuple"
        return [name, [_pack(part, tensors) for part in value]]
    if isinstance(value, dict):
        pairs = [[_pack(key, tensors), _pack(part, tensors)] for key, part in value.items()]
        return ["dict", pairs]
    return ["other", type(value).__name__]


def _put_aside(value: Any, tensors: dict[str, torch.Tensor]) -> list:
    """A tensor or an array of numbers under a number of its own."""
    kind = "tensor" if isinstance(value, torch.Tensor) else "numpy"
    try:
        whole = value.detach() if kind == "tensor" else torch.from_numpy(np.asarray(value))
        name = str(len(tensors))
        copy = whole.to(device="cpu", copy=True).contiguous()
        safetensors.torch.save({name: copy})  # refuses a dtype that it does not know
    except Exception:
        return ["other", type(value).__name__]
    tensors[name] = copy
    return [kind, name, bool(kind == "tensor" and value.requires_grad)]


def _unpack(tree: list, tensors: dict[str, torch.Tensor]) -> Any:
    """The value that `_pack` took apart; a tensor that needs a gradient is a `Slope`."""
    kind, content = tree[0], tree[1]
    if kind == "plain":
        return content
    if kind in ("list", "tuple"):
        return (list if kind == "list" else tuple)(_unpack(part, tensors) for part in content)
    if kind == "dict":
        return {_unpack(key, tensors): _unpack(part, tensors) for key, part in content}
    if kind == "tensor":
        return Slope(tensors[content]) if tree[2] else tensors[content]
    if kind == "numpy":
        array = tensors[content].numpy()
        return array[()] if array.ndim == 0 else array
    if kind == "built":
        return Built(*_unpack(content, tensors))
    name = str(content)[:60]
    return type(name, (Other,), {})(name)  # so that messages name the student's class


def tensors_in(tree: Any) -> list[Any]:
    """The tensors of a result, each `Slope` of it, in the order of `refill`."""
    if isinstance(tree, torch.Tensor | Slope):
        return [tree]
    inside = tree.values() if isinstance(tree, dict) else tree
    if isinstance(tree, dict | list | tuple):
        return [tensor for part in inside for tensor in tensors_in(part)]
    return []


def refill(tree: Any, tensors: Iterator[torch.Tensor]) -> Any:
    """The result with other tensors in the places of its own."""
    if isinstance(tree, torch.Tensor | Slope):
        return next(tensors)
    if isinstance(tree, dict):
        return {key: refill(part, tensors) for key, part in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)([refill(part, tensors) for part in tree])
    return tree


@dataclasses.dataclass
class Slope:
    """A tensor of the student's process that can be differentiated there."""

    value: torch.Tensor


# What a call can change ----------------------------------------------------------------------


def parts(value: Any) -> list[Any]:
    """What a call can change in its arguments, see `state`, each once, in a fixed order."""
    seen: dict[int, Any] = {}
    _walk(value, seen, set())
    return list(seen.values())


def _walk(value: Any, found: dict[int, Any], seen: set[int]) -> None:
    if id(value) in seen or isinstance(value, PLAIN):
        return
    seen.add(id(value))
    if isinstance(value, torch.Tensor | torch.Generator):
        found[id(value)] = value
        return
    if isinstance(value, nn.Module | Optimizer):
        found[id(value)] = value
    for part in _inside(value):
        _walk(part, found, seen)


def _inside(value: Any) -> Iterator[Any]:
    """What a value consists of."""
    if isinstance(value, nn.Module):
        for kind in ("_parameters", "_buffers", "_modules"):
            yield from vars(value)[kind].values()
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value
    elif isinstance(value, functools.partial | types.MethodType | types.FunctionType):
        yield from _inside_function(value)
    elif isinstance(value, Optimizer):
        yield from (group["params"] for group in value.param_groups)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from (getattr(value, part.name) for part in dataclasses.fields(value))
    elif isinstance(value, types.SimpleNamespace) or type(value).__module__ == "assignment":
        yield from vars(value).values()  # an object of a class that the assignment defines


def _inside_function(value: Any) -> Iterator[Any]:
    """What a function holds on to."""
    if isinstance(value, functools.partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, types.MethodType):
        yield value.__self__
    else:
        yield from (value.__defaults__, value.__kwdefaults__)
        yield from (cell.cell_contents for cell in value.__closure__ or () if _filled(cell))


def _filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def slopes(found: list[Any]) -> list[torch.Tensor | None]:
    """The gradient of each of the `parts` that has one."""
    return [
        part.grad if isinstance(part, torch.Tensor) and part.is_leaf else None for part in found
    ]


def state(part: Any) -> Any:
    """What may have changed in one of the `parts`, as data."""
    if isinstance(part, torch.Tensor):
        return [part.detach(), part.requires_grad, *slopes([part]), hooks(part)]
    if isinstance(part, torch.Generator):
        return part.get_state()
    if isinstance(part, Optimizer):
        return part.state_dict()
    names = sorted(name for name in vars(part) if not name.startswith("_"))
    settings = {name: vars(part)[name] for name in names if isinstance(vars(part)[name], PLAIN)}
    return [settings, hooks(part)]


def hooks(part: Any) -> int:
    """How many hooks hang on a tensor or a module."""
    if isinstance(part, nn.Module):
        return sum(len(vars(part)[kind]) for kind in HOOKS)
    return len(part._backward_hooks or ()) + len(part._post_accumulate_grad_hooks or ())


def take_over(part: Any, new: Any) -> None:
    """Give one of the `parts` the state that its twin in the other process has.

    A hook that was hung there is represented by one that does nothing.
    """
    if isinstance(part, torch.Generator):
        part.set_state(new)
    elif isinstance(part, Optimizer):
        part.load_state_dict(new)
    elif isinstance(part, nn.Module):
        settings, count = new
        vars(part).update({k: v for k, v in settings.items() if not k.startswith("_")})
        if count > hooks(part):
            part.register_forward_hook(lambda *_: None)
    else:
        value, needs_gradient, gradient, count = new
        value = value.value if isinstance(value, Slope) else value
        if not same(part.detach(), value):
            part.data = value  # not copy_: it may have another shape now
        if part.is_leaf:
            part.requires_grad_(needs_gradient)
            part.grad = gradient
        if count > hooks(part) and part.requires_grad:
            part.register_hook(lambda _: None)


def numpy_stream() -> list:
    """The state of NumPy's global random stream, as data."""
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002  # students use it
    return [str(name), np.asarray(keys).astype("int64"), *rest]


def set_numpy_stream(state: list) -> None:
    """Set what `numpy_stream` has read."""
    name, keys, *rest = state
    np.random.set_state((name, keys.astype("uint32"), *rest))  # noqa: NPY002
