"""Losses worked out by hand; a mean that does not depend on the hole's size."""

import math
from types import SimpleNamespace

import pytest
import torch
from skimage.color import rgb2yuv
from torch import nn
from torch.testing import assert_close

from inpaintlib import losses, metrics

REAL = torch.tensor([[2.0], [-1.0]])
FAKE = torch.tensor([[0.5], [-3.0]])


def log_sigmoid(x):
    return -math.log1p(math.exp(-x))


def test_bce_pair_by_hand():
    real = -(log_sigmoid(2.0) + log_sigmoid(-1.0)) / 2
    fake = -(log_sigmoid(-0.5) + log_sigmoid(3.0)) / 2
    value = losses.bce_discriminator_loss(real_logits=REAL, fake_logits=FAKE)
    assert value.item() == pytest.approx(real + fake, rel=1e-6)
    generator = -(log_sigmoid(0.5) + log_sigmoid(-3.0)) / 2
    assert losses.bce_generator_loss(fake_logits=FAKE).item() == pytest.approx(generator, rel=1e-6)


def test_one_sided_smoothing_touches_only_the_real_half():
    smooth = losses.bce_discriminator_loss(real_logits=REAL, fake_logits=FAKE, real_target=0.9)
    hard = nn.BCEWithLogitsLoss()(REAL, torch.full_like(REAL, 0.9)) + nn.BCEWithLogitsLoss()(
        FAKE, torch.zeros_like(FAKE)
    )
    assert_close(smooth, hard)


def test_least_squares_pair_by_hand():
    value = losses.lsgan_discriminator_loss(real_logits=REAL, fake_logits=FAKE)
    assert value.item() == pytest.approx(0.5 * ((1 + 4) / 2 + (0.25 + 9) / 2))
    assert losses.lsgan_generator_loss(fake_logits=FAKE).item() == pytest.approx(
        0.5 * (0.25 + 16) / 2
    )


def test_hinge_pair_by_hand():
    value = losses.hinge_discriminator_loss(real_logits=REAL, fake_logits=FAKE)
    assert value.item() == pytest.approx(0.5 * ((0 + 2) / 2 + (1.5 + 0) / 2))
    assert losses.hinge_generator_loss(fake_logits=FAKE).item() == pytest.approx(1.25)


@pytest.mark.parametrize("name", ["bce", "lsgan", "hinge"])
def test_a_map_of_patches_is_a_batch_of_scores_and_order_matters(name):
    judge = getattr(losses, f"{name}_discriminator_loss")
    real, fake = REAL.repeat(4, 2), FAKE.repeat(4, 2)
    flat = judge(real_logits=real, fake_logits=fake)
    mapped = judge(real_logits=real.view(2, 1, 2, 4), fake_logits=fake.view(2, 1, 2, 4))
    assert_close(flat, mapped)
    assert judge(real_logits=fake, fake_logits=real) > flat


@pytest.mark.parametrize(
    ("name", "level"), [("bce", 2 * math.log(2)), ("lsgan", 0.25), ("hinge", 1.0)]
)
def test_a_discriminator_that_knows_nothing_pays_the_known_price(name, level):
    blank = torch.full((4, 1), 0.5 if name == "lsgan" else 0.0)
    judge = getattr(losses, f"{name}_discriminator_loss")
    assert judge(real_logits=blank, fake_logits=blank).item() == pytest.approx(level)


def test_feature_matching_by_hand():
    real = [torch.tensor([[1.0, 2.0]]), torch.tensor([[[0.0], [4.0], [2.0]]])]
    fake = [torch.tensor([[2.0, 5.0]]), torch.tensor([[[0.0], [1.0], [2.0]]])]
    value = losses.feature_matching(real=real, fake=fake)
    assert value.item() == pytest.approx(((1 + 3) / 2 + 3 / 3) / 2)


def test_feature_matching_teaches_the_fill_and_not_the_truth():
    real, fake = torch.zeros(2, 3, requires_grad=True), torch.ones(2, 3, requires_grad=True)
    losses.feature_matching(real=[real], fake=[fake]).backward()
    assert real.grad is None
    assert_close(fake.grad, torch.full((2, 3), 1 / 6))


@pytest.mark.parametrize(("real", "fake"), [(1, 2), (0, 0)])
def test_feature_matching_needs_pairs_of_layers(real, fake):
    with pytest.raises(ValueError, match=f"got {real} real and {fake} fake"):
        losses.feature_matching(real=[torch.zeros(1)] * real, fake=[torch.zeros(1)] * fake)


def test_layers_of_other_shapes_are_not_broadcast():
    with pytest.raises(ValueError, match=r"one shape, got \(2, 3\) and \(1, 3\)"):
        losses.feature_matching(real=[torch.zeros(2, 3)], fake=[torch.zeros(1, 3)])


@pytest.mark.parametrize(("pair", "adversarial"), [("hinge", -3.0), ("lsgan", 2.0)])
def test_fooling_terms_carry_their_weights(pair, adversarial):
    config = SimpleNamespace(adversarial=pair, adversarial_weight=1.0, feature_weight=10.0)
    fake, real = torch.full((2, 2), 3.0), torch.full((2, 2), 1.0)
    terms = losses.fooling_terms(lambda x: [2 * x, x], fake, real, config)
    assert {name: value.item() for name, value in terms.items()} == {
        "adversarial": adversarial,
        "features": 10 * 2 * (3 - 1),
    }
    config.feature_weight = 0.0
    assert list(losses.fooling_terms(lambda x: [x], fake, real, config)) == ["adversarial"]


def test_a_confident_discriminator_leaves_the_generator_a_gradient():
    logits = torch.tensor([[-80.0]], requires_grad=True)
    losses.bce_generator_loss(fake_logits=logits).backward()
    assert logits.grad.item() == pytest.approx(-1.0)


@pytest.mark.parametrize(("loss", "expected"), [("masked_l1", 0.5), ("masked_l2", 0.25)])
@pytest.mark.parametrize("side", [1, 4, 16])
def test_a_constant_error_costs_the_same_in_every_hole(loss, expected, side):
    target = torch.zeros(2, 3, 16, 16)
    mask = torch.zeros(2, 1, 16, 16)
    mask[..., :side, :side] = 1
    value = getattr(losses, loss)(target + 0.5, target, mask)
    assert value.item() == pytest.approx(expected)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_a_large_hole_in_half_precision_is_counted(kind):
    target = torch.zeros(1, 3, 256, 257, dtype=kind)  # more pixels than float16's largest number
    value = losses.masked_l1(target + 0.5, target, torch.ones_like(target[:, :1]))
    assert value.item() == 0.5


def test_errors_outside_the_hole_cost_nothing_and_an_empty_mask_is_zero():
    target = torch.zeros(1, 1, 4, 4)
    mask = torch.zeros(1, 1, 4, 4)
    assert losses.masked_l1(target + 1, target, mask) == 0
    mask[..., 0, 0] = 1
    prediction = target + 7 * (1 - mask)
    assert losses.masked_l1(prediction, target, mask) == 0


def test_chroma_loss_is_the_error_less_its_luma_in_the_hole():
    source = torch.Generator().manual_seed(0)
    prediction, target = (torch.rand(2, 3, 8, 8, generator=source) * 2 - 1 for _ in range(2))
    mask = torch.zeros(2, 1, 8, 8)
    mask[..., 2:5, 1:7] = 1
    error = (prediction - target).movedim(1, -1).double().numpy()
    colour = abs(error - rgb2yuv(error)[..., :1])  # channel 0: Y of BT.601
    value = losses.chroma_loss(prediction, target, mask)
    assert value.item() == pytest.approx(colour[:, 2:5, 1:7].mean(), rel=1e-4)


def test_chroma_loss_does_not_see_brightness_and_sees_a_shifted_channel():
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 1
    mask = torch.ones(1, 1, 8, 8)
    shade = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    lighter, fringed = edge * shade, edge.clone()
    fringed[:, 0] = edge[:, 0].roll(1, dims=-1)
    assert losses.chroma_loss(lighter, edge, mask).item() == pytest.approx(0, abs=1e-6)
    assert losses.chroma_loss(fringed, edge, mask) > 0.05
    with pytest.raises(ValueError, match="red, green and blue"):
        losses.chroma_loss(edge[:, :1], edge[:, :1], mask)


def test_sobel_loss_sees_edges_and_not_brightness():
    step = torch.zeros(1, 1, 12, 12)
    step[..., 6:] = 1
    assert losses.sobel_loss(step + 0.3, step).item() == pytest.approx(0, abs=1e-6)
    # one step edge: gradient 1/2 in two of twelve columns
    assert losses.sobel_loss(step, torch.zeros_like(step)).item() == pytest.approx(1 / 12)


def test_ssim_loss_is_zero_at_identity_and_differentiable_there():
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    prediction = image.clone().requires_grad_(True)
    loss = losses.ssim_loss(prediction, image)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-5)
    assert torch.isfinite(prediction.grad).all()


def test_ssim_loss_is_the_metrics_ssim_and_calm_about_a_trace_of_brightness():
    generator = torch.Generator().manual_seed(0)
    image, prediction = (torch.rand(1, 3, 16, 16, generator=generator) * 2 - 1 for _ in range(2))
    expected = 1 - metrics.ssim(prediction, image)[0]
    torch.testing.assert_close(losses.ssim_loss(prediction, image), expected)
    grey = torch.zeros(1, 3, 16, 16)  # on [-1, 1] the brightness factor alone would lose 0.9 here
    assert losses.ssim_loss(grey + 0.1, grey) < 0.02


def test_ssim_loss_counts_the_masked_pixels_only():
    image = torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(0)) * 2 - 1
    spoiled = image.clone()
    spoiled[..., :8, :8] = 0
    mask = torch.zeros(1, 1, 40, 40)
    mask[..., 24:, 24:] = 1
    assert losses.ssim_loss(spoiled, image, mask).item() == pytest.approx(0, abs=1e-5)
    assert losses.ssim_loss(spoiled, image, 1 - mask) > 0.02


@pytest.mark.parametrize("loss", ["masked_l1", "masked_l2", "sobel_loss", "ssim_loss"])
def test_gradients_are_the_numerical_ones(loss):
    source = torch.Generator().manual_seed(1)
    prediction = torch.rand(1, 1, 12, 12, generator=source, dtype=torch.float64) * 2 - 1
    target = torch.rand(1, 1, 12, 12, generator=source, dtype=torch.float64) * 2 - 1
    mask = torch.zeros(1, 1, 12, 12, dtype=torch.float64)
    mask[..., 2:9, 3:11] = 1
    prediction.requires_grad_(True)
    assert torch.autograd.gradcheck(
        lambda p: getattr(losses, loss)(p, target, mask), (prediction,), eps=1e-6, atol=1e-5
    )


def test_grey_masks_are_refused():
    image = torch.zeros(1, 1, 4, 4)
    with pytest.raises(ValueError, match="zeros and ones"):
        losses.masked_l1(image, image, torch.full((1, 1, 4, 4), 0.5))


def test_sobel_loss_sees_both_directions():
    step = torch.zeros(1, 1, 12, 12)
    step[..., 6:] = 1
    for edge in (step, step.mT):
        assert losses.sobel_loss(edge, torch.zeros_like(edge)).item() == pytest.approx(1 / 12)


def test_sobel_loss_counts_the_masked_pixels_only():
    step, mask = torch.zeros(1, 1, 12, 12), torch.zeros(1, 1, 12, 12)
    step[..., 6:] = 1
    mask[..., 2:5, 6:9] = 1  # the edge's gradient of 1/2 is in the first of three columns
    assert losses.sobel_loss(step, torch.zeros_like(step), mask).item() == pytest.approx(1 / 6)
    mask = mask.roll(2, dims=-1)
    assert losses.sobel_loss(step, torch.zeros_like(step), mask) == 0


def test_the_smoothed_pair_asks_nine_tenths_of_a_real_score():
    judge, _ = losses.ADVERSARIAL["bce smoothed"]
    value = judge(real_logits=torch.tensor([[2.0]]), fake_logits=torch.tensor([[0.0]]))
    real = -0.9 * log_sigmoid(2.0) - 0.1 * log_sigmoid(-2.0)
    assert value.item() == pytest.approx(real + math.log(2))


@pytest.mark.parametrize(
    "loss", ["masked_l1", "masked_l2", "chroma_loss", "sobel_loss", "ssim_loss"]
)
def test_targets_of_another_shape_are_not_broadcast(loss):
    image, mask = torch.zeros(2, 3, 16, 16), torch.ones(2, 1, 16, 16)
    with pytest.raises(ValueError, match=r"one shape, got \(2, 3, 16, 16\) and \(1, 3, 16, 16\)"):
        getattr(losses, loss)(image, image[:1], mask)
