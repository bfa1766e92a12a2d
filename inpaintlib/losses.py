"""Losses: the three adversarial pairs, feature matching, and what is asked of a filled hole.

Scores are logits (no Sigmoid), of any shape: one per picture or a map of patches. They are
keyword-only, because two score tensors look alike. Weights belong to the models.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintlib.filters import chroma, sobel, ssim_map, wide
from inpaintlib.images import check_alike, check_comparison


def bce_discriminator_loss(
    *, real_logits: Tensor, fake_logits: Tensor, real_target: float = 1.0
) -> Tensor:
    """-log σ(real) - log(1 - σ(fake)): the original game; 2·ln 2 = 1.386 when it knows nothing.

    Args:
        real_logits, fake_logits: any shapes.
        real_target: 1, or 0.9 for one-sided label smoothing (Salimans et al. 2016, section 3.4).

    Source:
        Goodfellow et al. 2014, equation 1, on logits: a Sigmoid followed by a logarithm overflows.

    Example:
        >>> zero = torch.zeros(4, 1)
        >>> bce_discriminator_loss(real_logits=zero, fake_logits=zero)
        tensor(1.3863)
    """
    bce = F.binary_cross_entropy_with_logits
    real = bce(real_logits, torch.full_like(real_logits, real_target))
    return real + bce(fake_logits, torch.zeros_like(fake_logits))


def bce_generator_loss(*, fake_logits: Tensor) -> Tensor:
    """-log σ(fake), instead of log(1 - σ(fake)), which has no gradient while the fake is found out.

    Source: Goodfellow et al. 2014, section 3.
    """
    return F.softplus(-fake_logits).mean()


def lsgan_discriminator_loss(*, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """½ [(real - 1)² + fake²]. Source: Mao et al. 2017 (LSGAN), equation 9."""
    return 0.5 * ((real_logits - 1).square().mean() + fake_logits.square().mean())


def lsgan_generator_loss(*, fake_logits: Tensor) -> Tensor:
    """½ (fake - 1)². Source: Mao et al. 2017, equation 9."""
    return 0.5 * (fake_logits - 1).square().mean()


def hinge_discriminator_loss(*, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """½ [max(0, 1 - real) + max(0, 1 + fake)]; 1 when it knows nothing.

    Source: Yu et al. 2019 (DeepFillV2), section 3.4, with the ½ of its public code.
    """
    return 0.5 * (F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean())


def hinge_generator_loss(*, fake_logits: Tensor) -> Tensor:
    """-fake, unbounded. Source: Yu et al. 2019, section 3.4."""
    return -fake_logits.mean()


ADVERSARIAL = {  # name to the losses of discriminator and generator
    "bce": (bce_discriminator_loss, bce_generator_loss),
    "bce smoothed": (partial(bce_discriminator_loss, real_target=0.9), bce_generator_loss),
    "lsgan": (lsgan_discriminator_loss, lsgan_generator_loss),
    "hinge": (hinge_discriminator_loss, hinge_generator_loss),
}


def feature_matching(*, real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """How differently a discriminator sees the fill and the truth, layer by layer.

    The mean over the layers of the mean absolute difference of their activations. A score says only
    that a fill is wrong; the layers below it say what is missing, and where. No gradient goes to
    the truth's activations.

    Args:
        real, fake: a discriminator's activations of the truth and of the fill, in pairs of any
            shape; usually without the last, the logits. Else a ValueError.

    Source:
        Wang et al. 2018 (pix2pixHD), equation 4, with the mean over the layers instead of the sum.

    Example:
        >>> feature_matching(real=[torch.zeros(2, 2)], fake=[torch.full((2, 2), 3.0)])
        tensor(3.)
    """
    if not fake or len(real) != len(fake):
        raise ValueError(f"expected pairs of layers, got {len(real)} real and {len(fake)} fake")
    for r, f in zip(real, fake, strict=True):
        check_alike(r, f)
    means = [F.l1_loss(f.float(), r.detach().float()) for r, f in zip(real, fake, strict=True)]
    return torch.stack(means).mean()


def fooling_terms(
    see: Callable[[Tensor], Sequence[Tensor]], fake: Tensor, real: Tensor, config: Any
) -> dict[str, Tensor]:
    """The discriminator's part in a generator's loss, with the weights of its configuration.

    Args:
        see: picture to the discriminator's activations, the logits last.
        fake, real: the completed pictures and the true ones, (B, C, H, W), [-1, 1].
        config: has `adversarial` (one of `ADVERSARIAL`), `adversarial_weight`, `feature_weight`.

    Returns:
        "adversarial", and "features" where they have a weight.
    """
    *seen, logits = see(fake)
    _, generator_loss = ADVERSARIAL[config.adversarial]
    terms = {"adversarial": config.adversarial_weight * generator_loss(fake_logits=logits)}
    if config.feature_weight:
        with torch.no_grad():
            *known, _ = see(real)
        terms["features"] = config.feature_weight * feature_matching(real=known, fake=seen)
    return terms


def region_mean(values: Tensor, region: Tensor) -> Tensor:
    """The mean of `values` (B, C, H, W) where `region` (B, 1, H, W) is 1; 0 if it is empty.

    Divided by the number of pixels in the region, not in the picture, so that a small hole weighs
    as much a pixel as a large one.
    """
    values, region = wide(values), wide(region)
    count = region.sum() * values.shape[1]
    return (values * region).sum() / count.clamp(min=1)


def masked_l1(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute error over hole pixels only, in [0, 2]; 0 for an empty mask.

    Args:
        prediction, target: (B, C, H, W), [-1, 1].
        mask: (B, 1, H, W), {0, 1}, 1 = hole (or any region to be supervised).

    Raises:
        ValueError: the shapes do not fit, or the mask holds other values than 0 and 1.

    Source:
        Pathak et al. 2016 (Context Encoders), equation 1, with the absolute value instead of the
        square and divided by the hole's area.

    Example:
        >>> m = torch.zeros(1, 1, 2, 2); m[..., 0] = 1
        >>> masked_l1(torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2), m)
        tensor(1.)
    """
    check_comparison(prediction, target, mask)
    return region_mean((prediction - target).abs(), mask)


def masked_l2(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over hole pixels only; arguments and errors as for `masked_l1`.

    Source: Iizuka et al. 2017 (GLCIC), equation 2, divided by the hole's area, not the picture's.
    """
    check_comparison(prediction, target, mask)
    return region_mean((prediction - target).square(), mask)


def chroma_loss(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute error of the colour alone, see `filters.chroma`, over hole pixels only.

    Adversaries ask for edges, and a generator that draws one at a slightly other place in each
    channel answers with a coloured fringe. With this term beside the others, brightness may take
    any edge, and colour few. Arguments and errors as for `masked_l1`, for three channels.

    Source:
        Ours, after television and JPEG, which keep fewer details of colour than of brightness.

    Example:
        >>> m, dark = torch.ones(1, 1, 2, 2), torch.zeros(1, 3, 2, 2)
        >>> chroma_loss(dark + 0.5, dark, m)
        tensor(0.)
    """
    check_comparison(prediction, target, mask)
    return region_mean(chroma(prediction - target).abs(), mask)


def sobel_loss(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean absolute difference of the Sobel gradients, both directions.

    Blind to a change of brightness, strict with a blurred edge. The gradients are compared as they
    are: dividing each by its own maximum, as source 001 does, lets one bright edge rescale a batch.
    Arguments as for `masked_l1`; without a mask all pixels count.
    """
    region = torch.ones_like(prediction[:, :1]) if mask is None else mask
    check_comparison(prediction, target, region)
    dx, dy = sobel(prediction - target)
    return region_mean(dx.abs() + dy.abs(), region)


def ssim_loss(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """1 - SSIM, averaged over the pixels of the mask, the very SSIM that `metrics` measures.

    It is taken on [0, 1]: around a mean of 0 its first factor would punish a trace of brightness.
    Arguments as for `masked_l1`; without a mask all pixels count whose window fits. In [0, 2], 0
    for equal pictures, and differentiable there.
    """
    check_comparison(prediction, target, mask)
    prediction, target = (prediction + 1) / 2, (target + 1) / 2
    if mask is None:
        return 1 - ssim_map(prediction, target, data_range=1.0).mean()
    return region_mean(1 - ssim_map(prediction, target, data_range=1.0, padding="same"), mask)
