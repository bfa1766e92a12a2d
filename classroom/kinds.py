"""Wrong solutions by kind: what a function may do beside giving the right values.

Each kind is a few lines around the reference solution. `right` is the reference, `given` its
arguments, `tensors` those of them that are tensors. So one table says, over all exercises, which
kinds of mistakes the checks see.
"""

FRAME = """{solution}


_reference = {function}
_kept = {{}}


def {function}(*given, **named):
    tensors = [part for part in given if isinstance(part, torch.Tensor)]
    networks = [part for part in given if isinstance(part, torch.nn.Module)]

    def right(*other):
        return _reference(*(other or given), **named)

    def each(change, result):
        if isinstance(result, tuple):
            return tuple(each(change, part) for part in result)
        return change(result) if isinstance(result, torch.Tensor) else result

{body}
"""

KINDS = {
    "writes into its arguments": """
result = right()
with torch.no_grad():
    for part in tensors:
        part.add_(1) if part.is_floating_point() else part.logical_not_()
return result""",
    "gives the same buffer at every call": """
def stored(value):
    place = _kept.setdefault((tuple(value.shape), value.dtype), value.clone())
    return place.copy_(value)
with torch.no_grad():
    return each(stored, right())""",
    "remembers its first call": """
result = right()
shape = str([getattr(part, 'shape', part) for part in tensors])
return _kept.setdefault(shape, result)""",
    "answers the second call differently": """
_kept["calls"] = _kept.get("calls", 0) + 1
result = right()
if isinstance(result, float | bool):
    return result if _kept["calls"] % 7 else type(result)(1 - result)
if isinstance(result, tuple) and isinstance(result[0], float):
    return result if _kept["calls"] % 2 else tuple(1 - part for part in result)
return result if _kept["calls"] % 2 else each(lambda value: value.roll(1, -1) + 0.01, result)""",
    "touches the global random stream": """
torch.rand(1)
return right()""",
    "loses the gradient": """
return each(lambda value: value.detach(), right())""",
    "doubles the gradient": """
return each(lambda value: 2 * value - value.detach(), right())""",
    "knows three channels": """
first = tensors[0]
if first.ndim == 4 and first.shape[1] > 3:
    wide = first.shape
    given = [part[:, :3] if getattr(part, "shape", ()) == wide else part for part in given]
return right(*given)""",
    "knows batches of more than one": """
if tensors[0].ndim == 4 and len(tensors[0]) == 1:
    return each(lambda value: value.squeeze(0) if value.ndim else value + 0.1, right())
return right()""",
    "takes height for width": """
if tensors[0].ndim == 4 and tensors[0].shape[2] != tensors[0].shape[3]:
    side = min(tensors[0].shape[2:])
    given = [part[..., :side, :side] if torch.is_tensor(part) and part.ndim == 4 else part
             for part in given]
return right(*given)""",
    "turns a mask of more than half": """
turned = [1 - part if torch.is_tensor(part) and part.ndim == 4 and part.shape[1] == 1
          and part.unique().numel() <= 2 and part.mean() > 0.5 else part for part in given]
return right(*turned)""",
    "leaves a network in the other mode": """
result = right()
for network in networks:
    network.train(not network.training)
return result""",
    "freezes a network": """
result = right()
for network in networks:
    network.requires_grad_(False)
return result""",
    "leaves a hook in a network": """
result = right()
for network in networks:
    list(network.modules())[-1].register_forward_hook(lambda *_: None)
return result""",
    "clears a network's gradients": """
for network in networks:
    network.zero_grad()
return right()""",
    "leaves a gradient in a network": """
result = right()
for network in networks:
    for weight in network.parameters():
        weight.grad = torch.full_like(weight, 0.25)
return result""",
    "resets a network's settings": """
result = right()
for network in networks:
    for part in network.modules():
        for name in ("momentum", "p"):
            if hasattr(part, name):
                setattr(part, name, 0)
return result""",
}

VALUES = ["00-2", "00-3", "00-6", "01-1", "02-1", "04-1", "05-2", "05-4"]
VALUES += ["05-6", "06-3", "06-4", "07-1", "07-5", "08-2"]
STEPS = ["01-2", "01-3"]
LEARNS = ["00-3", "01-1", "04-1", "05-2", "05-3", "05-4", "05-6", "07-5"]
PICTURES = ["00-2", "00-3", "00-6", "06-3", "07-1", "08-2"]
MASKS = ["00-2", "00-3", "00-6", "07-4", "07-5", "06-5"]
NETWORKS = ["05-3", "06-5", "07-2"]

APPLIES = {
    "writes into its arguments": [
        *(*VALUES, *STEPS, "00-8", "03-3", "05-3", "06-5", "07-2", "07-4", "04-4", "08-1"),
    ],
    "gives the same buffer at every call": [
        *(name for name in VALUES if name not in ("00-3", "01-1", "07-5", "05-4", "05-6")),
    ],
    "remembers its first call": [*VALUES, "00-8", "05-3"],
    "answers the second call differently": [*VALUES, *STEPS, "05-3", "07-4"],
    "touches the global random stream": [
        *(*VALUES, *STEPS, "00-1", "00-8", "03-3", "05-3", "07-4", "08-1"),
    ],
    "loses the gradient": [*LEARNS, "03-3"],
    "doubles the gradient": [*LEARNS, "03-3"],
    "knows three channels": [*PICTURES, "04-1"],
    "knows batches of more than one": [*PICTURES, "07-5", "05-2", "05-3"],
    "takes height for width": [*PICTURES, "07-5", "05-2"],
    "turns a mask of more than half": MASKS,
    "leaves a network in the other mode": NETWORKS,
    "freezes a network": NETWORKS,
    "leaves a hook in a network": NETWORKS,
    "clears a network's gradients": NETWORKS,
    "leaves a gradient in a network": NETWORKS,
    "resets a network's settings": ["06-5", "07-2"],
}


def of_kind(kind: str, solution: str, function: str) -> str:
    """The wrong solution of a kind, made of a reference."""
    body = "\n".join(f"    {line}" if line else "" for line in KINDS[kind].strip().splitlines())
    return FRAME.format(solution=solution, function=function, body=body)


def kinds_for(exercise: str) -> list[str]:
    """The kinds that make sense for an exercise."""
    return [kind for kind, exercises in APPLIES.items() if exercise in exercises]
