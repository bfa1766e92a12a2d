"""LPIPS and the Fréchet Inception distance: what the field quotes, seen by downloaded networks.

Optional: torchmetrics measures (extra `metrics`), with AlexNet (244 MB) and Inception (95 MB),
which are fetched into torch's cache at first use.
"""

import warnings
from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor

BATCH = 16  # pictures that Inception sees at a time


@torch.no_grad()
def lpips(completed: Tensor, image: Tensor) -> Tensor:
    """Learned perceptual distance of each pair, over the whole picture; 0 for equal pictures.

    Args:
        completed, image: (B, 3, H, W), [-1, 1], sides of at least 64.

    Returns:
        (B,).

    Raises:
        ValueError: the extra `metrics` is not installed, or AlexNet cannot be fetched.

    Source:
        Zhang et al. 2018, version 0.1 with AlexNet.
    """
    with _needs("LPIPS"):
        from torchmetrics.functional.image import learned_perceptual_image_patch_similarity

        distance = learned_perceptual_image_patch_similarity(
            completed.clamp(-1, 1), image, net_type="alex", reduction="none"
        )
    return distance.reshape(-1)


@torch.no_grad()
def fid(completed: Tensor, image: Tensor) -> float:
    """Fréchet Inception distance of two crowds of pictures.

    With fewer pictures than Inception's 2,048 features it is much too large: compare it only with
    distances between as many pictures.

    Args:
        completed, image: (N, 3, H, W) and (M, 3, H, W), [-1, 1], at least two each.

    Raises:
        ValueError: the extra `metrics` is not installed, or Inception cannot be fetched.

    Source:
        Heusel et al. 2017.
    """
    with _needs("the Fréchet Inception distance"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on its memory, and on interfaces that it uses
        from torchmetrics.image.fid import FrechetInceptionDistance

        distance = FrechetInceptionDistance(normalize=True)
        for crowd, real in ((image, True), (completed, False)):
            for part in crowd.split(BATCH):
                distance.update((part.clamp(-1, 1) + 1) / 2, real=real)
        return float(distance.compute())


@contextmanager
def _needs(what: str) -> Generator[None]:
    """One clear error for all that may be missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ValueError(f"{what} needs `pip install 'inpaintlib[metrics]'`: {error}") from error
    except OSError as error:  # also urllib's
        folder = torch.hub.get_dir()
        raise ValueError(f"{what}: its network is not in {folder}: {error}") from error
