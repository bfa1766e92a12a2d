"""Several processes, one model: each works on its part of the batch, and they average gradients.

Started by torchrun, every process runs the same program on the same data and weights. Without it
there is one process, and every function here says so or does nothing.
"""

import os
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import timedelta
from operator import itemgetter
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from inpaintlib.images import Batch

T = TypeVar("T")


def start(device: torch.device) -> torch.device:
    """Join the other processes if torchrun started this one; "cuda" becomes its own GPU.

    Raises:
        ValueError: several processes on a device for which none of torch's groups is.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return device
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"several processes need --device cpu or cuda, got {device.type}")
    if (device := own(device)).type == "cuda":
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        # The others wait while the first draws or decodes the pictures, longer than NCCL's minutes.
        kind = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(kind, timeout=timedelta(hours=6))
    return device


def own(device: torch.device) -> torch.device:
    """The same device; of "cuda" under torchrun this process's own GPU."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if several and device.type == "cuda":
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device


def finish(status: int) -> None:
    """End the process at once, if it is one of several; else do nothing.

    gloo's threads sometimes abort an interpreter that exits in the ordinary way (torch 2.15).
    """
    if size() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def size() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """This process's number, from 0; process 0 writes and talks."""
    return dist.get_rank() if dist.is_initialized() else 0


def split(batch: Batch, parts: int) -> list[Batch]:
    """A batch in equal parts, in order; ValueError if its size is no multiple of `parts`.

    Example:
        >>> [len(part.image) for part in split(Batch(torch.zeros(6, 3, 8, 8)), 2)]
        [3, 3]
    """
    count = len(batch.image)
    if parts < 1 or count % parts:
        raise ValueError(f"expected a batch that {parts} parts share equally, got {count} pictures")
    own = [slice(first, first + count // parts) for first in range(0, count, count // parts)]
    return [batch.each(itemgetter(rows)) for rows in own]


def share(batch: Batch) -> Batch:
    """This process's part of the batch that all processes have drawn alike."""
    return split(batch, size())[rank()]


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over the processes, in one message.

    Every process must have gradients for the same parameters.
    """
    if size() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= size()
    pieces = flat.split([gradient.numel() for gradient in gradients])
    for gradient, piece in zip(gradients, pieces, strict=True):
        gradient.copy_(piece.view_as(gradient))


def average(values: dict[str, Tensor]) -> dict[str, float]:
    """Each scalar's mean over the processes; all of them must call this with the same names."""
    if not values:
        return {}
    stacked = torch.stack([value.float() for value in values.values()])
    if size() > 1:
        dist.all_reduce(stacked)
        stacked /= size()
    return dict(zip(values, stacked.tolist(), strict=True))


def anywhere(number: int) -> int:
    """The largest of the processes' numbers: a signal caught by one, or a fault, stops all."""
    if size() == 1:
        return number
    message = torch.tensor(number, device=_device())
    dist.all_reduce(message, dist.ReduceOp.MAX)
    return int(message)


def from_first(value: T) -> T:
    """Process 0's value, on every process."""
    message = [value]
    if size() > 1:
        dist.broadcast_object_list(message, device=_device())
    return message[0]


@contextmanager
def first_goes_first() -> Generator[None]:
    """Process 0 runs the block alone, then the others: it fills a cache that they then read."""
    if size() > 1 and rank() > 0:
        dist.barrier()
    yield
    if size() > 1 and rank() == 0:
        dist.barrier()


def _device() -> torch.device:
    """Where messages must lie: nccl carries only what is on the GPU."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
