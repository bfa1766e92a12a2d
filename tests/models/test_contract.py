"""The contract: what every family promises to the loop, the lessons and the comparison.

One table of tiny families; each test runs over all of them, or over all that fill holes. The tests
of a family's own file say what is particular to it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

import genfill
from genfill import BlindOriginal, BlindOriginalConfig
from inpaintlib.images import Batch, apply_mask, composite
from inpaintlib.losses import chroma_loss
from inpaintlib.masks import dilate, rectangle
from inpaintlib.models import blind, deepfill, glcic, unet
from inpaintlib.models.blind import Blind, BlindConfig
from inpaintlib.models.context_encoder import ContextEncoder, ContextEncoderConfig
from inpaintlib.models.contract import Inpainting, Model, Phase, count_parameters
from inpaintlib.models.dcgan import DCGAN, DCGANConfig
from inpaintlib.models.deepfill import DeepFill, DeepFillConfig
from inpaintlib.models.flow import Flow, FlowConfig
from inpaintlib.models.gan import GAN, GANConfig
from inpaintlib.models.glcic import GLCIC, GLCICConfig
from inpaintlib.models.unet import UNet, UNetConfig
from inpaintlib.photos.blending import blended, poisson_blend
from inpaintlib.seeding import stream
from inpaintlib.training.checkpoints import load_state, save_state
from inpaintlib.training.ema import EMA
from inpaintlib.training.loop import eval_mode, run_phase, train

STEPS = 6
"""Steps of a tiny run: every period of every family begins within them, the last at 4 or before."""


@dataclass(frozen=True)
class Case:
    """One tiny family and what may be asked of it.

    Attributes:
        build: makes it.
        periods: first step of a period to the names of the phases that run in it.
        sides: height and width that it trains on; not square wherever the family allows it.
        channels: of its pictures.
        damage: (image, mask, generator) to observed, for blind families; else holes are grey.
        draws: its fills are drawn, each sample's from its own noise, and its loss sees the truth
            mixed with noise: what is particular to that is in `test_flow.py`.
    """

    build: Callable[[], Model]
    periods: dict[int, set[str]]
    sides: tuple[int, int] = (32, 48)
    channels: int = 3
    damage: Callable[..., Tensor] | None = None
    draws: bool = False


BOTH = {"discriminator", "generator"}
FULL = {"decay": True, "steps": 8}  # a learning rate that changes with every step
DEEPFILL = {"base": 4, "discriminator_widths": (4, 8), "adversarial_start": 2} | FULL
PAINTING = {"adversarial": "hinge", "adversarial_weight": 0.1}
PAINTING |= {"feature_weight": 1.0, "chroma_weight": 4.0}
UNET = UNetConfig(base=2, discriminator_base=4, adversarial_start=2, **FULL)
FLOW = FlowConfig(widths=(4, 8), groups=2, heads=2, samples=2, **FULL)
BLIND = BlindConfig(
    locator_widths=(8, 16),
    filler_widths=(8, 16),
    discriminator_widths=(8,),
    locator_steps=3,
    warm_up=0,
)
CASES = {
    "gan": Case(
        lambda: GAN(GANConfig(1, 8, 4, (16, 16), (16, 8))), {0: BOTH}, sides=(8, 8), channels=1
    ),
    "dcgan": Case(
        lambda: DCGAN(DCGANConfig(size=16, latent=4, generator_width=4, discriminator_width=4)),
        {0: BOTH},
        sides=(16, 16),
    ),
    "dcgan-painting": Case(
        lambda: DCGAN(
            DCGANConfig(
                **{"size": 16, "latent": 4, "generator_width": 4, "discriminator_width": 4},
                **{"resize_convolution": True, "spectral": True, "adversarial": "hinge"},
            )
        ),
        {0: BOTH},
        sides=(16, 16),
    ),
    "context-encoder": Case(
        lambda: ContextEncoder(
            ContextEncoderConfig(widths=(4, 8), discriminator_widths=(4, 8), **FULL)
        ),
        {0: BOTH},
    ),
    "glcic": Case(
        lambda: GLCIC(
            GLCICConfig(
                **{"size": 32, "local_size": 16, "width": 4, "discriminator_width": 4},
                **{"global_levels": 3, "local_levels": 2, "features": 8},
                **{"completion_steps": 2, "discriminator_steps": 2, "fill": (0.1, -0.1, 0.2)},
                **FULL,
            )
        ),
        {0: {"generator"}, 2: {"discriminator"}, 4: {"generator", "discriminator"}},
        sides=(32, 32),
    ),
    "context-encoder-painting": Case(
        lambda: ContextEncoder(
            ContextEncoderConfig(
                **{"widths": (4, 8), "discriminator_widths": (4, 8)},
                **{"discriminator_sees_mask": True, "warm_up": 2},
                **PAINTING,
                **FULL,
            )
        ),
        {0: BOTH},
    ),
    "glcic-painting": Case(
        lambda: GLCIC(
            GLCICConfig(
                **{"size": 32, "local_size": 16, "width": 4, "discriminator_width": 4},
                **{"global_levels": 3, "local_levels": 2, "features": 8},
                **{"completion_steps": 0, "discriminator_steps": 0, "spectral": True},
                **{"discriminator_sees_mask": True, "warm_up": 2},
                **PAINTING,
                **FULL,
            )
        ),
        {0: {"generator", "discriminator"}},
        sides=(32, 32),
    ),
    "deepfill-painting": Case(
        lambda: DeepFill(DeepFillConfig(**DEEPFILL, **PAINTING, warm_up=2)),
        {0: {"generator"}, 2: BOTH},
    ),
    "unet-painting": Case(
        lambda: with_attention(
            UNet(replace(UNET, discriminator_widths=(4, 8), adversarial_start=0, **PAINTING))
        ),
        {0: BOTH},
    ),
    "deepfill-self": Case(
        lambda: with_attention(DeepFill(DeepFillConfig(attention="self", **DEEPFILL))),
        {0: {"generator"}, 2: BOTH},
    ),
    "deepfill-contextual": Case(
        lambda: DeepFill(DeepFillConfig(**DEEPFILL)), {0: {"generator"}, 2: BOTH}
    ),
    "unet": Case(lambda: with_attention(UNet(UNET)), {0: {"generator"}, 2: BOTH}),
    "unet-whole": Case(
        lambda: with_attention(UNet(UNetConfig(**(vars(UNET) | {"whole": True})))),
        {0: {"generator"}, 2: BOTH},
    ),
    "blind": Case(
        lambda: Blind(BLIND),
        {0: {"locator"}, 3: {"discriminator", "filler"}},
        damage=blind.corrupt,
    ),
    "blind-original": Case(
        lambda: BlindOriginal(
            BlindOriginalConfig(
                widths=(4, 8, 16), predictor_residuals=1, residuals=2, predictor_steps=3
            )
        ),
        {0: {"predictor"}, 3: {"discriminator", "filler"}},
        damage=genfill.corrupt,
    ),
    "flow": Case(lambda: moved(Flow(FLOW)), {0: {"generator"}}, draws=True),
}
EVERY = pytest.mark.parametrize("name", CASES)
FILLING = [name for name in CASES if "gan" not in name]  # the others draw from noise
ONE_SIZE = [
    name for name in CASES if "gan" in name or "glcic" in name
]  # a dense layer in the discriminator fixes the picture's size
FILLS = pytest.mark.parametrize("name", FILLING)


def with_attention(family: Model) -> Model:
    """Self-attention's γ is 0 at first, which would hide the layer from every test."""
    for name, parameter in family.named_parameters():
        if name.endswith("gamma"):
            nn.init.constant_(parameter, 0.5)
    return family


def moved(family: Model) -> Model:
    """Its last layers are 0 at first, which would hide the others from every test."""
    for layer in family.modules():
        if isinstance(layer, nn.Conv2d) and not layer.weight.any():
            nn.init.normal_(layer.weight, std=0.1)
    return family


def make(name: str, *, seed: int = 0) -> Model:
    """The tiny family in training mode; the same seed gives the same weights."""
    torch.manual_seed(seed)
    return CASES[name].build().train()


def pictures(name: str, *, count=3, sides=None, seed=0, hole: float | None = None) -> Batch:
    """Random pictures, a rectangle hidden in each at its own place; or all or nothing hidden."""
    case, generator = CASES[name], stream(seed, "contract")
    sides = sides or case.sides
    image = torch.rand(count, case.channels, *sides, generator=generator) * 2 - 1
    if name not in FILLING:
        return Batch(image)
    mask = rectangle(count, *sides, generator=generator)
    if hole is not None:
        mask = torch.full_like(mask, hole)
    if case.damage is not None:
        return Batch(image, mask, case.damage(image, mask, generator=generator))
    return Batch(image, mask, apply_mask(image, mask))


def filled(family: Model, batch: Batch) -> Tensor:
    """What a user gets: evaluation mode, the same noise at every call."""
    with eval_mode(family):
        return family.generate(batch, generator=stream(0, "preview"))


def learning(family: Model, name: str) -> list[tuple[Phase, int]]:
    """Each phase at the first step of every period in which it runs."""
    steps = CASES[name].periods
    return [(phase, step) for step in steps for phase in family.phases() if phase.active(step)]


def stored(module: nn.Module) -> dict[str, Tensor]:
    """A copy of every parameter and buffer."""
    return {key: value.detach().clone() for key, value in module.state_dict().items()}


def same(before: dict[str, Tensor], after: dict[str, Tensor]) -> bool:
    """Whether two sets of tensors are equal bit for bit."""
    return before.keys() == after.keys() and all(
        torch.equal(before[key], after[key]) for key in before
    )


# --- pictures ----------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("count", [1, 3])
def test_pictures_have_the_shape_and_range_of_their_batch(name, count):
    batch = pictures(name, count=count)
    result = filled(make(name), batch)
    assert result.shape == batch.image.shape
    assert result.dtype == torch.float32
    assert result.abs().max() <= 1
    assert result.std() > 0


@pytest.mark.parametrize("name", [name for name in FILLING if name != "blind-original"])
def test_known_pixels_come_back_bit_for_bit_and_holes_do_not(name):
    """The failed original redraws every pixel on purpose; `test_blind.py` shows it."""
    family, batch = make(name), pictures(name)
    # A blind family keeps what it did not find, which is not what was hidden.
    hole = family.generator.hole(batch.observed) if name == "blind" else batch.mask
    known = (hole == 0).expand_as(batch.image)
    result = filled(family, batch)
    assert 0 < hole.mean() < 1
    assert torch.equal(result[known], batch.observed[known])
    assert (result[~known] != batch.observed[~known]).float().mean() > 0.9


@pytest.mark.parametrize("name", [name for name in FILLING if name != "blind-original"])
def test_blending_moves_the_fill_alone_and_reads_beyond_the_hole_but_never_in_it(name):
    family, batch = make(name), pictures(name)
    told = Batch(batch.image, batch.mask, apply_mask(batch.image, batch.mask))
    other = Batch(-batch.image, batch.mask, told.observed)
    with eval_mode(family):
        drawn, without_seam = family.extended(told), blended(family, told)
        again = blended(family, other)
    known = (batch.mask == 0).expand_as(without_seam)
    ring = (dilate(batch.mask, 1) - batch.mask).bool().expand_as(without_seam)
    assert (drawn[ring] != told.observed[ring]).float().mean() > 0.9, "nothing to blend with"
    assert torch.equal(without_seam[known], told.observed[known])
    assert torch.equal(without_seam, again)
    assert torch.equal(without_seam, poisson_blend(drawn, told.observed, batch.mask))


def test_a_model_is_told_of_a_hole_one_pixel_wider_and_no_more():
    class Echo(Inpainting):
        def generate(self, batch, *, generator=None):
            return torch.cat(batch.holes(), dim=1)

    image, mask = torch.ones(1, 3, 7, 7), torch.zeros(1, 1, 7, 7)
    mask[..., 3, 4] = 1
    wider = torch.zeros(1, 1, 7, 7)
    wider[..., 2:5, 3:6] = 1
    told = Echo().extended(Batch(image, mask, image - mask))
    assert torch.equal(told, torch.cat([image - wider, wider], dim=1))


@pytest.mark.parametrize("name", [name for name in FILLING if not CASES[name].draws])
def test_each_sample_is_filled_by_its_own_mask(name):
    family, batch = make(name), pictures(name)
    order = torch.tensor([2, 0, 1])
    turned = Batch(batch.image[order], batch.mask[order], batch.observed[order])
    torch.testing.assert_close(filled(family, turned), filled(family, batch)[order])


@EVERY
def test_inputs_are_left_as_they_were(name):
    family, batch = make(name), pictures(name)
    before = [None if x is None else x.clone() for x in vars(batch).values()]
    filled(family, batch)
    for phase, step in learning(family, name):
        phase.loss(batch, step)
    for old, new in zip(before, vars(batch).values(), strict=True):
        assert old is new is None or torch.equal(old, new)


# --- the truth ---------------------------------------------------------------------------------


def predictions(family: Model, batch: Batch, phases: list[tuple[Phase, int]]) -> list[Tensor]:
    """All that the generator puts out, for a user and, in training mode, within every loss."""
    outputs = []

    def keep(module: nn.Module, inputs: tuple, output: Tensor | tuple[Tensor, ...]) -> None:
        outputs.extend([output] if torch.is_tensor(output) else output)

    with family.generator.register_forward_hook(keep):
        outputs.append(filled(family, batch))
        for phase, step in phases:
            phase.loss(batch, step)
    return outputs


def check_no_leak(build: Callable[[], Model], batch: Batch, *, name="", blind=False) -> None:
    """Other pixels behind the same holes, and for a blind family another mask: same predictions."""
    hidden = torch.ones_like(batch.image) if batch.mask is None else batch.mask
    mask = 1 - batch.mask if blind else batch.mask
    other = Batch(composite(-batch.image, batch.image, hidden), mask, batch.observed)
    runs = []
    for version in (batch, other):
        family = build()
        phases = learning(family, name) if name else [(phase, 0) for phase in family.phases()]
        runs.append(predictions(family, version, phases))
    pairs = list(zip(*runs, strict=True))
    assert len(pairs) >= 3  # the picture, how it was made, and something within a loss
    assert all(torch.equal(*pair) for pair in pairs), "a prediction reads what is hidden"


@pytest.mark.parametrize("name", [name for name in CASES if not CASES[name].draws])
def test_no_prediction_reads_what_is_hidden(name):
    is_blind = CASES[name].damage is not None
    check_no_leak(lambda: make(name), pictures(name), name=name, blind=is_blind)


class Cheat(Model):
    """A toy that reads what it should not: in `generate`, in its loss, or the mask of a blind."""

    def __init__(self, reads: str) -> None:
        super().__init__()
        self.reads = reads
        self.generator = nn.Conv2d(3, 3, 1)

    def generate(self, batch, *, generator=None):
        if self.reads == "image":
            return self.generator(batch.image)
        return self.generator(batch.observed) * (batch.mask if self.reads == "mask" else 1)

    def build_phases(self):
        adam = torch.optim.Adam(self.generator.parameters())
        return [Phase("generator", [self.generator], self.loss, adam)]

    def loss(self, batch, step):
        source = batch.image if self.reads == "image in the loss" else batch.observed
        return {"l1": (self.generator(source) - batch.image).abs().mean()}


@pytest.mark.parametrize("reads", ["image", "image in the loss", "mask"])
def test_a_cheat_is_caught(reads):
    def cheat(reads):
        torch.manual_seed(0)
        return Cheat(reads)

    batch = pictures("unet")
    check_no_leak(lambda: cheat("nothing"), batch, blind=True)
    with pytest.raises(AssertionError, match="reads what is hidden"):
        check_no_leak(lambda: cheat(reads), batch, blind=reads == "mask")


# --- phases ------------------------------------------------------------------------------------


@EVERY
def test_phases_run_in_their_periods_and_share_no_parameter(name):
    family, periods = make(name), CASES[name].periods
    for step in range(STEPS):
        expected = periods[max(start for start in periods if start <= step)]
        assert {phase.name for phase in family.phases() if phase.active(step)} == expected
    learned = []
    for phase in family.phases():
        own = [parameter for module in phase.modules for parameter in module.parameters()]
        groups = phase.optimizer.param_groups
        assert {id(p) for p in own} == {id(p) for group in groups for p in group["params"]}
        learned += own
    assert len({id(p) for p in learned}) == len(learned) == len(list(family.parameters()))


@EVERY
def test_a_phase_changes_its_own_networks_and_leaves_nothing_behind(name):
    family, batch = make(name), pictures(name)
    for phase, step in learning(family, name):
        own = {id(p) for module in phase.modules for p in module.parameters()}
        phase.modules[0].requires_grad_(True)
        frozen = next(phase.modules[0].parameters()).requires_grad_(False)  # a learner's wish
        before = [p.detach().clone() for p in family.parameters()]
        flags = [p.requires_grad for p in family.parameters()]
        run_phase(family, phase, batch, step)
        pairs = zip(family.parameters(), before, strict=True)
        moved = {id(p) for p, old in pairs if not torch.equal(p, old)}
        assert moved
        assert moved <= own - {id(frozen)}
        assert all(parameter.grad is None for parameter in family.parameters())
        assert flags == [parameter.requires_grad for parameter in family.parameters()]


SHARING = [name for name in FILLING if name not in ("blind-original", "flow")]


@pytest.mark.parametrize("name", [n for n in FILLING if n.endswith("-painting")])
def test_the_error_in_colour_is_a_term_with_its_weight(name):
    family, batch = make(name), pictures(name)
    family.eval()
    terms = family.generator_loss(batch, 4)
    expected = 4 * chroma_loss(family.prediction(family.shared(batch)), batch.image, batch.mask)
    torch.testing.assert_close(terms["chroma"], expected)
    assert expected > 0


@pytest.mark.parametrize("name", SHARING)
def test_a_shared_pass_of_the_generator_changes_nothing(name):
    apart, together = make(name), make(name)
    passes: list[nn.Module] = []

    def count(module: nn.Module, inputs: tuple, output: object) -> None:
        passes.append(module)

    for family in (apart, together):
        family.generator.register_forward_hook(count)
    batches = [pictures(name, seed=step) for step in range(STEPS)]
    for record in train(together, iter(batches), steps=STEPS):
        terms = {}
        for phase in apart.phases():
            if phase.active(record.step):  # given nothing, each makes a pass of its own
                done = run_phase(apart, phase, batches[record.step], record.step)
                terms |= {f"{phase.name}/{term}": value for term, value in done.items()}
        torch.testing.assert_close(record.terms, terms, rtol=1e-4, atol=1e-5)
    weights = (dict(family.named_parameters()) for family in (apart, together))
    torch.testing.assert_close(*weights, rtol=1e-3, atol=1e-5)
    assert passes.count(together.generator) < passes.count(apart.generator)


@EVERY
def test_every_parameter_gets_a_gradient_in_some_phase(name):
    family, batch, reached = make(name), pictures(name), set()
    for phase, step in learning(family, name):
        own = [parameter for module in phase.modules for parameter in module.parameters()]
        total = torch.stack(list(phase.loss(batch, step).values())).sum()
        gradients = torch.autograd.grad(total, own, allow_unused=True)
        reached |= {id(p) for p, g in zip(own, gradients, strict=True) if g is not None}
    assert [key for key, p in family.named_parameters() if id(p) not in reached] == []


@FILLS
@pytest.mark.parametrize("hole", [0.0, 1.0])
def test_empty_and_full_masks_give_finite_losses_and_pictures(name, hole):
    family, batch = make(name), pictures(name, hole=hole)
    for phase, step in learning(family, name):
        run_phase(family, phase, batch, step)  # raises if a term is not finite
    result = filled(family, batch)
    assert all(value.isfinite().all() for value in family.state_dict().values())
    assert result.isfinite().all()
    if hole == 0 and CASES[name].damage is None:
        assert torch.equal(result, batch.image)


@EVERY
def test_bfloat16_stays_finite_and_close(name):
    batch = pictures(name)
    exact, rounded = make(name), make(name)
    pairs = zip(learning(exact, name), learning(rounded, name), strict=True)
    for (phase, step), (again, _) in pairs:
        torch.manual_seed(1)  # the vanilla discriminator's dropout
        terms = run_phase(exact, phase, batch, step)
        torch.manual_seed(1)
        for key, value in run_phase(rounded, again, batch, step, precision="bfloat16").items():
            torch.testing.assert_close(value, terms[key], rtol=0.05, atol=0.02)
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in rounded.parameters())


# --- runs --------------------------------------------------------------------------------------


def run(family: Model, name: str, ema: EMA, *, start: int = 0, steps: int = STEPS) -> None:
    """Train as a run does: the global random stream is seeded before each step."""
    batches = (pictures(name, seed=step) for step in range(start, steps))
    records = train(family, batches, start=start, steps=steps, ema=ema)
    for step in range(start, steps):
        torch.manual_seed(step)
        next(records)


@EVERY
def test_a_preview_changes_no_weight_buffer_flag_or_random_state(name):
    family, batch = make(name), pictures(name)
    ema = EMA(family.generator)
    run(family, name, ema, steps=2)
    list(family.generator.modules())[-1].eval()  # a learner's changes, to be kept
    next(family.parameters()).requires_grad_(False)

    def state():
        modes = [module.training for module in family.modules()]
        return modes, [parameter.requires_grad for parameter in family.parameters()]

    before, flags, rng = stored(family), state(), torch.get_rng_state()
    raw = filled(family, batch)
    with ema.applied():
        averaged = filled(family, batch)
    assert not torch.equal(raw, averaged)
    assert same(before, family.state_dict())
    assert flags == state()
    assert torch.equal(rng, torch.get_rng_state())
    assert torch.equal(raw, filled(family, batch))


@EVERY
def test_six_steps_are_three_saved_loaded_and_three_more_bit_for_bit(name, tmp_path):
    whole, first, second = make(name), make(name), make(name, seed=99)
    whole_ema, first_ema, second_ema = (EMA(f.generator, 0.9) for f in (whole, first, second))
    run(whole, name, whole_ema)
    run(first, name, first_ema, steps=3)
    save_state(tmp_path / "state.pt", first, step=3, ema=first_ema)
    start = load_state(tmp_path / "state.pt", second, ema=second_ema)
    run(second, name, second_ema, start=start)
    assert start == 3
    assert same(stored(whole), second.state_dict())
    assert same(whole_ema.average, second_ema.average)
    for one, other in zip(whole.phases(), second.phases(), strict=True):
        assert same_state(one.optimizer.state_dict(), other.optimizer.state_dict())


def same_state(one: object, other: object) -> bool:
    """Whether two nested states are equal, tensors bit for bit."""
    if torch.is_tensor(one):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_state(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same_state, one, other))
    return one == other


# --- sizes -------------------------------------------------------------------------------------


@FILLS
@pytest.mark.parametrize("sides", [(32, 64), (48, 32)])
def test_pictures_that_are_not_square_are_filled(name, sides):
    batch = pictures(name, count=2, sides=sides)
    assert filled(make(name), batch).shape == batch.image.shape


@pytest.mark.parametrize("name", ONE_SIZE)
def test_a_discriminator_of_one_size_names_the_size_it_expects(name):
    family, (height, width) = make(name), CASES[name].sides
    batch = pictures(name, sides=(height, width + 16))
    expected = rf"of \(\d, {height}, {width}\), got \(\d, {height}, {width + 16}\)"
    judging = next(each for each in learning(family, name) if each[0].name == "discriminator")
    with pytest.raises(ValueError, match=expected):
        judging[0].loss(batch, judging[1])


@FILLS
@pytest.mark.parametrize("sides", [(33, 32), (32, 45)])
def test_odd_sizes_are_refused_with_what_was_expected(name, sides):
    family, batch = make(name), pictures(name, sides=sides)
    refused = pytest.raises(ValueError, match=rf"divisible by \d+, got {sides[0]}×{sides[1]}")
    with refused:
        filled(family, batch)
    phase, step = learning(family, name)[-1]
    with refused:
        phase.loss(batch, step)


# --- the sources' counts -----------------------------------------------------------------------

SOURCES: dict[str, tuple[Callable[[], Model], dict[str, int]]] = {
    "gan": (GAN, {"generator": 1_486_352, "discriminator": 1_460_225}),
    "dcgan": (DCGAN, {"generator": 3_576_704, "discriminator": 2_765_568}),
    "context-encoder": (ContextEncoder, {"generator": 22_295_811, "discriminator": 2_761_153}),
    "glcic": (GLCIC, {"generator": 6_072_131, "discriminator": 45_063_681}),
    "glcic-celeba": (
        lambda: GLCIC(replace(glcic.PAPER, size=160, local_size=96, global_levels=5)),
        {"generator": 6_072_131, "discriminator": 39_557_121},
    ),
    "deepfill-self": (
        lambda: DeepFill(deepfill.SELF_ATTENTION),
        {"generator": 4_064_119, "discriminator": 5_945_216},
    ),
    "deepfill-contextual": (DeepFill, {"generator": 4_052_478, "discriminator": 5_946_816}),
    "unet": (UNet, {"generator": 4_880_836, "discriminator": 35_553}),
    "unet-whole": (
        lambda: UNet(unet.PAPER_WHOLE),
        {"generator": 1_221_860, "discriminator": 35_553},
    ),
    "blind-original": (
        BlindOriginal,
        {
            "generator.predictor": 10_133_385,
            "generator.filler": 68_722_675,
            "discriminator": 57_330_333,
        },
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_full_size_networks_count_as_the_sources_say(name):
    build, expected = SOURCES[name]
    with torch.device("meta"):  # shapes without memory
        family = build()
    assert {part: count_parameters(family.get_submodule(part)) for part in expected} == expected
