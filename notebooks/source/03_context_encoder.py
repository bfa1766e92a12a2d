# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 3 · From generating to filling: the context encoder
#
# ![Rows of eight drawn faces: with a magenta rectangle cut out, filled by the network early in training with flat smears, later with skin and hair in the right places, at the end with soft features; the last row is the truth.](pictures/03_context_encoder.jpg)
#
# A GAN invents a face from noise. To *fill* a face it must listen: to everything that is still
# visible. This lesson turns the generator of lesson 2 into the first network that inpaints, asks
# what its loss really rewards, and finds four ways to get it quietly wrong.

# %% [markdown]
# **Time** about 90 minutes to read and try; the cells themselves run in about five minutes on two
# CPU cores. **Before this lesson** lessons 0 and 1; lesson 2 helps. **Data** faces. Without a download
# the course *draws* its own; with CelebA in `data/` (research use only) it takes the photographs.
#
# **Sources.** Pathak et al. 2016, *Context encoders: feature learning by inpainting*, and the public
# project that this course calls source 004. It has more experiments than other lessons, on faces of
# 32 pixels, hence more and shorter cells.

# %% [markdown]
# ## What you will be able to do
#
# - **implement** an encoder-decoder that reads a picture and its mask, and the game around it;
# - **explain** why a reconstruction loss blurs, or leaves things out, on a toy you can add up by hand;
# - **measure** what each choice is worth: which pixels are asked for, sum or mean, skips, masks;
# - **write** the test that catches a swapped mask.
#
# **The map.** Lesson 0 set the bar, 1 and 2 played the game. Here the two meet. Lesson 4 adds a
# second judge, 5 better layers, 6 skip connections.

# %% [markdown]
# ## 1 · Set-up

# %%
import inpaintlib  # before torch: it sets how torch's threads wait for each other

# isort: split
from dataclasses import replace
from functools import partial
from itertools import count, pairwise

import torch
from torch import nn
from tqdm.auto import tqdm

from inpaintlib.measure import classical
from inpaintlib import masks, metrics, training
from inpaintlib.notebook import session
from inpaintlib.data import batches, fixed_batch, load_faces
from inpaintlib.notebook.exercises import check
from inpaintlib.filters import sobel
from inpaintlib.images import composite, hide, paint_holes
from inpaintlib.layers import PatchDiscriminator, initialise_normal
from inpaintlib.losses import lsgan_discriminator_loss, lsgan_generator_loss, masked_l1, region_mean
from inpaintlib.models import context_encoder
from inpaintlib.models.contract import count_parameters
from inpaintlib.training.precision import quickest
from inpaintlib.seeding import stream
from inpaintlib.photos.shipped import load, weights_for
from inpaintlib.notebook.viz import (
    error_map,
    show_bars,
    show_curves,
    show_images,
    show_rows,
)
from inpaintlib.notebook.viz import use_style
from inpaintlib.notebook.sliders import explore

# %%
use_style()
run = session.start(seed=3)
train = load_faces("train", size=64)
validation = load_faces("validation", size=64)
box = partial(masks.rectangle, low=24 / 64, high=32 / 64)  # a box of ⅜ to ½ of the side
print(f"inpaintlib {inpaintlib.__version__} · {run}\n{train}")

# %% [markdown]
# ## 2 · A first result in a minute
#
# The course ships this network with trained weights. Faces it has never seen, each with a box cut
# out; below, the best formula of lesson 0 and the network's one forward pass.

# %%
large = load_faces("validation", size=128, limit=24)
first = fixed_batch(large, 24, mask=box, seed=3)
first = first.each(lambda tensor: tensor[[2, 3, 6, 10, 16, 21]])
shipped = load(weights_for("context-encoder", train))
rows = {
    "given": paint_holes(first.image, first.mask),
    "biharmonic": classical.biharmonic(first.observed, first.mask),
    "context\nencoder": shipped.generate(first),
    "truth": first.image,
}
show_rows(rows, width=6.4)

# %% [markdown]
# The formula continues what touches the hole. The network has learned from others what a face is: skin ends
# where hair begins, cheeks go on, and where an eye belongs there is at least the shadow of one. Now look for
# what is wrong. Everything inside the box is softer than what surrounds it. Fine things are missing
# altogether, and you can tell where the box was. Each of these has a cause, and you will meet all of them.

# %% [markdown]
# ## 3 · From noise to context
#
# The generator of lesson 2 read 100 random numbers. This one reads what is **visible**. Two changes
# follow.
#
# - There is no noise any more. One damaged picture gives one answer, always the same.
# - There is a truth to compare with. We hid the box ourselves, so a picture is its own label: the
#   paper's point, *feature learning by inpainting*, was that no one has to annotate anything.
#
# One batch, with its invariants:

# %% tags=["nbval-check-output"]
batch = next(batches(train, batch_size=16, mask=box, flip=True, seed=run.seed))
observed, mask = batch.holes()
print("image   ", tuple(batch.image.shape), " mask", tuple(mask.shape))
fractions = masks.hole_fraction(mask)
print(f"hidden   {fractions.min():.2f} to {fractions.max():.2f} of a picture")
known = (mask == 0).expand_as(observed)
print("known pixels untouched:", torch.equal(observed[known], batch.image[known]))
print("different masks in the batch:", len(mask.flatten(1).unique(dim=0)))

# %% [markdown]
# ### The mask as a fourth channel
#
# What should a hole *show*? Some constant: here 0, mid-grey. The paper also sets dropped pixels to
# zero in zero-centred pictures; a popular reimplementation fills with white. Whatever the value, some
# honest pixel may have it. Take a face with a hole, and the same face with a grey card held in front
# of it. Nothing is hidden in the second picture; its right answer is the card.

# %% tags=["nbval-check-output"]
face, hole = batch.image[:1], batch.mask[:1]
card = composite(torch.zeros_like(face), face, hole)  # really grey there
with_hole, with_card = hide(face, hole), hide(card, torch.zeros_like(hole))
print("observed pictures equal:", torch.equal(with_hole.observed, with_card.observed))
print("masks equal:            ", torch.equal(with_hole.mask, with_card.mask))

# %% [markdown]
# Three channels cannot tell the two apart; no network of any size can. The **mask**, given as a fourth
# channel, can. It costs one more input channel of the first convolution and tells, pixel by pixel, which
# values are facts.
#
# ### Exercise 1 · What the network sees
#
# ●○○ · 10 minutes · 3 points
#
# Write `network_input`: the picture with its hole set to `fill` (one value a channel), then the mask as
# last channel. Nothing of the hidden pixels may leak, not even when they are broken (`nan`, as in
# unreadable files). Do not change what you are given.


# %% tags=["exercise:03-1"]
def network_input(image, mask, fill):
    """(B, C, H, W), (B, 1, H, W) and (C,) to (B, C + 1, H, W); reads no pixel of a hole."""
    raise NotImplementedError


# %% [markdown]
# <details><summary>Hint</summary>
#
# `image * (1 - mask)` looks right, but 0 · nan = nan: multiplying is not selecting. `torch.where(mask.bool(),
# a, b)` selects. `fill.view(1, -1, 1, 1)` has one value a channel and broadcasts over the rest. `torch.cat`
# with `dim=1` joins channels.
#
# </details>


# %% tags=["solution:03-1"] jupyter={"source_hidden": true}
def network_input_reference(image, mask, fill):
    observed = torch.where(mask.bool(), fill.view(1, -1, 1, 1), image)
    return torch.cat([observed, mask], dim=1)


# %% tags=["check:03-1:3"]
def test_network_input(function):
    for channels, fill in [(3, torch.tensor([0.1, -0.2, 0.3])), (1, torch.tensor([0.5]))]:
        source = torch.Generator().manual_seed(channels)
        image = torch.rand(4, channels, 12, 20, generator=source) * 2 - 1
        mask = masks.square(4, 12, 20, generator=source, side=5)
        before = image.clone()
        result = function(image, mask, fill)
        assert result.shape == (4, channels + 1, 12, 20), "C picture channels, then the mask"
        assert torch.equal(result[:, -1:], mask), "the last channel is the mask, 1 in the hole"
        assert torch.equal(image, before), "do not write into the picture you were given"
        where = mask.bool().expand_as(image)
        assert torch.equal(result[:, :-1][~where], image[~where]), "known pixels stay, bit for bit"
        for channel, value in enumerate(fill):
            inside = result[:, channel][mask[:, 0].bool()]
            assert (inside == value).all(), f"channel {channel} of a hole must show {value:.1f}"
        broken = torch.where(where, torch.nan, image)
        assert torch.equal(function(broken, mask, fill), result), "a hidden pixel leaks"


network_input = check(network_input, network_input_reference, test_network_input)

# %% [markdown]
# ## 4 · The idea on a toy: two right answers, one hole
#
# A picture with a hole does not determine what was there. Suppose the hidden value is one number, say
# which way the eyes look: near −0.8 or near +0.8, as often the one as the other. A network without
# noise must give **one** answer $c$. Three prices for it:
#
# $$\mathbb E\,(c-t)^2 \qquad \mathbb E\,|c-t| \qquad \tfrac12\,(D(c)-1)^2 .$$
#
# The third asks a discriminator instead of the truth. The best one knows both densities,
# $D = p/(p+q)$ as in lesson 1; let the fakes be spread evenly.


# %%
def bell(x, centre, width=0.15):
    return torch.exp(-0.5 * ((x - centre) / width) ** 2) / (width * (2 * torch.pi) ** 0.5)


c = torch.linspace(-1.5, 1.5, 301)
p, q = 0.5 * bell(c, -0.8) + 0.5 * bell(c, 0.8), 1 / 3  # data; fakes, even over 3 units
distance = c[:, None] - c[None, :]
costs = {
    "squared (L2)": distance.square() @ (p / p.sum()),
    "absolute (L1)": distance.abs() @ (p / p.sum()),
    "adversarial": 0.5 * (p / (p + q) - 1) ** 2,
}
scaled = {name: (cost / cost[150]).tolist() for name, cost in costs.items()}
show_curves(scaled, x=c, xlabel="the answer c", ylabel="cost, 1 in the middle", height=3.2)

# %% tags=["nbval-check-output"]
print("answer          ", "".join(f"{value:8.1f}" for value in (-0.8, -0.4, 0.0, 0.4, 0.8)))
for name, cost in costs.items():
    print(f"{name:16}", "".join(f"{cost[place].item():8.3f}" for place in (70, 110, 150, 190, 230)))

# %% [markdown]
# **What to see.** L2 has one lowest point, the **mean**: eyes that look nowhere. L1 is flat between the
# two modes: every **median** is as good as any other, and half-way costs no more than the truth. Only
# the adversarial price has its valleys *at* the two answers, and a wall between them: no real value
# lies there, and $D$ knows.
#
# The paper says it in one sentence: for a pixel loss a blurry average is the *safe* answer.
#
# ### L1 does not blur, it votes
#
# Now a picture: a dark bar in one of three places. What do mean and median give?

# %%
bars = torch.full((3, 1, 8, 8), 0.6)
for number, column in enumerate((1, 4, 6)):
    bars[number, :, :, column] = -0.8
mean, median = bars.mean(dim=0), bars.median(dim=0).values
answers = {"a truth": bars[0], "the mean (L2)": mean, "the median (L1)": median}
panels = torch.cat([bars, mean[None], median[None]])
titles = ["truth 1", "truth 2", "truth 3", "mean (L2)", "median (L1)"]
show_images(panels, titles=titles, columns=5, width=7)

# %% tags=["nbval-check-output"]
print(f"{'the answer':18}{'mean L1':>9}{'mean L2':>9}")
for name, answer in answers.items():
    l1, l2 = (answer - bars).abs().mean(), (answer - bars).square().mean()
    print(f"{name:18}{l1:9.3f}{l2:9.3f}")

# %% [markdown]
# The mean keeps a ghost of all three. The median has **no bar at all**: at each place two of three
# pictures say "no". Painting an honest bar costs more, by either price, than leaving it out. That is
# where glasses, strands of hair and the sparkle in an eye go: outvoted, pixel by pixel.
#
# On faces, mean and median of the whole training set:

# %%
crowd = train.floats(slice(1000))
typical = torch.stack([crowd.mean(dim=0), crowd.median(dim=0).values])
show_images(typical, titles=["mean face", "median face"], columns=2, width=4)

# %% [markdown]
# A network does better than this, since it takes the vote only among faces that fit what is visible. The
# fewer those are, the sharper the answer. What stays open, it averages.

# %% [markdown]
# ## 5 · Build it
#
# The **encoder** halves the picture again and again, with more channels each time; the **decoder** doubles
# it back. One step of each:

# %% tags=["nbval-check-output"]
down = nn.Conv2d(4, 32, 4, stride=2, padding=1)
up = nn.ConvTranspose2d(32, 3, 4, stride=2, padding=1)
signal = torch.cat([observed, mask], dim=1)
for step in (down, up):
    print(f"{tuple(signal.shape)} -> {tuple(step(signal).shape)}  {count_parameters(step):,}")
    signal = step(signal)

# %% [markdown]
# Why go down at all? A pixel in the middle of a hole has no known neighbour. After four halvings, one
# position of the map looks at most of the face; the information about the left eye and the information
# about the hole meet. And why is nothing led around the middle? In the paper, the narrow middle *is* the
# product: features that must hold the whole scene, learned without labels. Source 004 follows it: LeakyReLU
# down, BatchNorm and ELU up. We add Tanh at the end, as in lesson 2.


# %%
class Generator(nn.Module):
    """Observed (B, C, H, W) and mask (B, 1, H, W) to a picture (B, C, H, W) in [-1, 1]."""

    def __init__(self, widths, channels=3):
        super().__init__()
        layers = []
        for narrow, wide in pairwise((channels + 1, *widths)):
            layers += [nn.Conv2d(narrow, wide, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.encoder = nn.Sequential(*layers)
        layers = []
        for wide, narrow in pairwise(reversed(widths)):
            layers += [nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1)]
            layers += [nn.BatchNorm2d(narrow), nn.ELU()]
        layers += [nn.ConvTranspose2d(widths[0], channels, 4, stride=2, padding=1), nn.Tanh()]
        self.decoder = nn.Sequential(*layers)

    def forward(self, observed, mask):
        return self.decoder(self.encoder(torch.cat([observed, mask], dim=1)))


# %% tags=["nbval-check-output"]
for name, settings in [("lesson", context_encoder.LESSON), ("paper", context_encoder.PAPER)]:
    ours = Generator(settings.widths).eval()
    theirs = context_encoder.Generator(settings).eval()
    theirs.load_state_dict(ours.state_dict())
    with torch.no_grad():
        assert torch.equal(ours(observed, mask), theirs(observed, mask))
        code = ours.encoder(torch.cat([observed, mask], dim=1))
    print(f"{name:7}{count_parameters(ours):>11,} parameters, as in the package", end="; ")
    print(f"64-pixel face: {observed[0].numel():,} values -> {code[0].numel():,}")

# %% [markdown]
# `paper` has the size that we reconstructed for source 004 at 256 × 256 pixels; the source gives no widths,
# so this is our choice. (The paper's own encoder is AlexNet, with a fully connected layer a channel in the
# middle.) `lesson` is half as wide and two levels shallower.
#
# The discriminator is a **patch** network: convolutions down, and a map of logits, each for one
# neighbourhood. The source puts a Sigmoid at its end. We don't; the next section shows why.

# %% [markdown]
# ## 6 · The losses
#
# ### Sum or mean
#
# Source 004 asks for the hole by a **sum**, $\sum m\,|x-\hat y|$, and adds a least-squares adversarial term.
# Take a constant error of 0.5 in a hole of a quarter of the picture, and a discriminator that is sure it
# sees a fake:

# %% tags=["nbval-check-output"]
surely_fake = lsgan_generator_loss(fake_logits=torch.zeros(1)).item()
print("batch  size        sum     mean   adversarial")
for size_of_batch, size in [(16, 64), (16, 128), (8, 256)]:
    truth = torch.zeros(size_of_batch, 3, size, size)
    hidden = masks.centre(size_of_batch, size, size, generator=stream(0), side=size // 2)
    total = ((truth + 0.5 - truth).abs() * hidden).sum().item()
    average = masked_l1(truth + 0.5, truth, hidden).item()
    print(f"{size_of_batch:5}{size:6}{total:11,.0f}{average:9.3f}{surely_fake:14.3f}")

# %% [markdown]
# The sum grows with batch, size and hole; the adversarial term does not. At the source's size one is about
# 400,000 times the other: the discriminator may say what it likes. It also means that the balance shifts
# whenever you change the batch size. The **mean over hole values** stays 0.5. We use it everywhere, and
# weight the two by 0.999 and 0.001, as the paper does. Section 9 measures what those weights do.

# %% [markdown]
# ### A Sigmoid before the square
#
# The source's discriminator ends in a Sigmoid, and its adversarial loss is the mean squared error. **LSGAN**
# (Mao et al. 2017) squares the *logit*. It looks like a detail. Predict: when the discriminator is sure
# that a picture is fake, logit −6, which of these pulls hardest on the generator?

# %% tags=["nbval-check-output"]
prices = {
    "MSE after Sigmoid": lambda logit: (torch.sigmoid(logit) - 1) ** 2,
    "−log σ": lambda logit: nn.functional.softplus(-logit),
    "LSGAN, ½(logit − 1)²": lambda logit: 0.5 * (logit - 1) ** 2,
}
logits = torch.linspace(-6, 6, 201, requires_grad=True)
slopes = {}
for name, price in prices.items():
    (slope,) = torch.autograd.grad(price(logits).sum(), logits)
    slopes[name] = slope.abs()
    print(f"{name:22} |slope| at logit -6: {slope[0].abs():.3f}")

# %%
pull = {name: slope.clamp(max=3).tolist() for name, slope in slopes.items()}
labels = {"xlabel": "logit (left: called fake)", "ylabel": "pull on the generator"}
show_curves(pull, x=logits.detach(), **labels)

# %% [markdown]
# After a Sigmoid the curve is a hill: flat where the fake is worst, so the generator gets almost no news
# exactly when it needs them most. −log σ pulls with force 1. LSGAN pulls in proportion to the distance (the
# figure cuts it off at 3), and pulls *back* beyond 1: real is a target, not a direction.

# %% [markdown]
# ### Exercise 2 · Repair the game
#
# ●●○ · 15 minutes · 4 points
#
# Below is the game as public code plays it. It has three defects: a Sigmoid before a squared error, flat where
# the fake is worst; the discriminator judges the raw output instead of what a user would get; and nothing keeps
# its loss from teaching the generator to be caught. Write `game` without them, with the ½ of LSGAN.


# %%
def public_game(discriminator, prediction, image, mask):
    real = torch.sigmoid(discriminator(image))
    fake = torch.sigmoid(discriminator(prediction))
    discriminator_loss = ((real - 1) ** 2).mean() + (fake**2).mean()
    generator_loss = ((fake - 1) ** 2).mean()
    return discriminator_loss, generator_loss


# %% tags=["exercise:03-2"]
def game(discriminator, prediction, image, mask):
    """The discriminator's and the generator's loss, two scalars; both judge the composite."""
    raise NotImplementedError


# %% [markdown]
# <details><summary>Hint</summary>
#
# `completed = composite(prediction, image, mask)`. The discriminator's loss must see `completed.detach()`, the
# generator's the attached one, so the discriminator runs on it twice. ½[(real − 1)² + fake²] and ½(fake − 1)²,
# each square averaged, all on logits.
#
# </details>


# %% tags=["solution:03-2"] jupyter={"source_hidden": true}
def game_reference(discriminator, prediction, image, mask):
    completed = composite(prediction, image, mask)
    real, fake = discriminator(image), discriminator(completed.detach())
    discriminator_loss = 0.5 * ((real - 1).square().mean() + fake.square().mean())
    generator_loss = 0.5 * (discriminator(completed) - 1).square().mean()
    return discriminator_loss, generator_loss


# %% tags=["check:03-2:4"]
def test_game(function):
    for weight in (1.0, 40.0):  # the second is sure of itself: logits far from 0
        source = torch.Generator().manual_seed(5)
        image = torch.rand(2, 3, 8, 8, generator=source)
        prediction = (-torch.rand(2, 3, 8, 8, generator=source)).requires_grad_()
        mask = masks.square(2, 8, 8, generator=source, side=4)
        scale = torch.tensor(weight, requires_grad=True)
        judge_loss, loss = function(
            lambda x, by=scale: by * x.mean((1, 2, 3)), prediction, image, mask
        )
        filled = torch.where(mask.bool(), prediction, image).detach().mean((1, 2, 3)) * weight
        real = image.mean((1, 2, 3)) * weight
        owed = 0.5 * ((filled - 1) ** 2).mean()
        assert abs(loss.item() - owed) < 1e-4 * owed, "it pays ½(logit − 1)² for the composite"
        expected = 0.5 * ((real - 1) ** 2).mean() + 0.5 * (filled**2).mean()
        assert abs(judge_loss.item() - expected) < 1e-4 * expected, "½[(real − 1)² + fake²]"
        (slope,) = torch.autograd.grad(loss, prediction, retain_graph=True, allow_unused=True)
        assert slope is not None, "the generator's loss must reach the prediction: no detach here"
        assert not (slope * (1 - mask)).any(), (
            "known pixels are pasted: the generator can learn nothing there"
        )
        taught = torch.autograd.grad(judge_loss, [prediction, scale], allow_unused=True)
        assert taught[0] is None or not taught[0].any(), "detach the fake for the discriminator"
        assert taught[1] is not None, "the discriminator must learn"


game = check(game, game_reference, test_game)

# %% [markdown]
# ## 7 · Train
#
# The package's family plays that game with the loop of lesson 1. Besides the hole we ask, with weight 0.2,
# for the known pixels: our choice, explained in section 9. `quickest` tries float32 and bfloat16 for a few
# steps and takes what this machine does better.

# %% tags=["train"]
STEPS = run.pick(ci=40, laptop=900, gpu=15_000)
settings = replace(context_encoder.LESSON, steps=STEPS, learning_rate=1e-3, warm_up=0)
settings = replace(settings, adversarial="lsgan", adversarial_weight=0.001, feature_weight=0.0)
settings = replace(settings, discriminator_sees_mask=False, discriminator_widths=(32, 64, 128))
torch.manual_seed(run.seed)
family = context_encoder.ContextEncoder(settings).to(run.device)
feed = batches(train, batch_size=settings.batch_size, mask=box, flip=True, seed=run.seed)
precision = quickest(family, batch.to(run.device))[0]


def fill(network, batch):
    """What a user gets: evaluation mode, and known pixels kept."""
    with training.eval_mode(network):
        prediction = network(*batch.to(run.device).holes()).cpu()
    return composite(prediction, batch.image, batch.mask)


strip = fixed_batch(validation, [3, 11, 20, 31, 42, 47, 58, 60], mask=box, seed=3)
moments, losses = {}, {}
start = metrics.l1(fill(family.generator, strip), strip.image, strip.mask).mean()
for record in tqdm(training.train(family, feed, steps=STEPS, precision=precision), total=STEPS):
    for name, value in record.terms.items():
        losses.setdefault(name, []).append(value.item())
    if record.step + 1 in (STEPS // 20, STEPS // 4, STEPS):
        moments[f"step {record.step + 1}"] = fill(family.generator, strip)
end = metrics.l1(fill(family.generator, strip), strip.image, strip.mask).mean()
assert end < 0.8 * start, "the filled holes are hardly better than at the start"

# %% tags=["picture"]
given = {"given": paint_holes(strip.image, strip.mask)}
show_rows(given | moments | {"truth": strip.image}, width=7.2)

# %% [markdown]
# The order in which it learns is the order of the votes: first the colour that most holes have, then light
# and dark, then where skin ends and hair begins. Edges come last, if they come. The loss curves:

# %%
shown = {name.replace("generator/", ""): losses[name] for name in losses if "generator" in name}
show_curves(shown, smooth=run.pick(ci=4, laptop=40, gpu=400))

# %% [markdown]
# Unlike in lesson 1, a falling curve *is* progress here: the reconstruction compares with a truth, not with an
# opponent. *visible* is the error on known pixels; all curves are drawn with their weights. Hold on to two
# things. The adversarial curve lies on the floor: with the paper's weight it is a whisper. And the training loss
# says nothing about faces that were not trained on.

# %% [markdown]
# ## 8 · Look and measure
#
# Fixed validation faces, fixed holes. Beside lesson 0's three numbers stands a fourth, for sharpness: the
# strength of the edges in the hole, as a share of the truth's.

# %%
test = fixed_batch(validation, run.pick(ci=24, laptop=100, gpu=400), mask=box)
learned = train.floats(slice(run.pick(ci=400, laptop=2000, gpu=4000)))
fills = {
    "biharmonic": classical.biharmonic(test.observed, test.mask),
    "PCA": classical.PCA(learned, components=60)(test.observed, test.mask),
    "context encoder": fill(family.generator, test),
}


def edges(image, mask):
    dx, dy = sobel(image)
    return region_mean(dx.abs() + dy.abs(), mask).item()


# %%
table = {}
print(f"{'in the hole':16}{'L1':>8}{'PSNR':>8}{'SSIM':>8}{'edges':>8}")
for name, filled in fills.items():
    values = [m(filled, test.image, test.mask) for m in (metrics.l1, metrics.psnr, metrics.ssim)]
    sharp = edges(filled, test.mask) / edges(test.image, test.mask)
    table[name] = [value.mean().item() for value in values] + [sharp]
    print(f"{name:16}{table[name][0]:8.3f}{table[name][1]:8.2f}{table[name][2]:8.3f}{sharp:8.0%}")

# %% [markdown]
# **How to read it.** PCA took seconds and its answer is exact; the network saw each face a handful of times.
# If your row lies below PCA's, it has learned less about faces than linear algebra: train longer before you
# boast. And compare the last column with 100 %: all three average, each in its own way. The worst cases first:

# %%
answer = fills["context encoder"]
per_face = metrics.psnr(answer, test.image, test.mask)
worst = per_face.argsort()[:6]
rows = {
    "given": paint_holes(test.image[worst], test.mask[worst]),
    "PCA": fills["PCA"][worst],
    "context\nencoder": answer[worst],
    "truth": test.image[worst],
    "error": error_map(answer[worst], test.image[worst]),
}
show_rows(
    rows, notes={"context\nencoder": [f"{value:.1f} dB" for value in per_face[worst]]}, width=6.2
)

# %% [markdown]
# **What to see.** Glasses, hats, unusual hair: what few faces have. Often nothing visible announces them; where
# half a pair of glasses is in sight, this network still answers with the majority's face. Votes lost, not accidents.

# %% [markdown]
# ### The fill is part of the contract
#
# The network was trained on grey holes. Show it white or black ones; the mask still says exactly where they
# are. *Predict before you run.*

# %%
answers = {}
for name, value in {"black": -1.0, "grey,\nas trained": 0.0, "white": 1.0}.items():
    filled = fill(family.generator, hide(strip.image, strip.mask, fill=value))
    quality = metrics.psnr(filled, strip.image, strip.mask).mean()
    answers[f"{name}\n{quality:.1f} dB"] = filled[:6]
show_rows(answers, width=6.2)

# %% [markdown]
# The first convolution multiplies the fill like any other pixel. With 0 a hole adds nothing to its sums; with
# 1 it adds what bright skin would. The network could learn to subtract either, with the mask's help, but
# only for the value that it was shown. Whoever ships weights must ship the fill with them.

# %% [markdown]
# ## 9 · Four experiments
#
# Now small faces, 32 × 32, and a narrow network: the first two experiments run from three seeds each. `teach`
# trains a generator alone.

# %%
SHORT = run.pick(ci=30, laptop=250, gpu=2000)
SMALL = replace(settings, size=32, widths=(16, 32, 64), discriminator_widths=(32, 64))
small, unseen = load_faces("train", size=32), load_faces("validation", size=32)
small_test = fixed_batch(unseen, 200, mask=box)


def teach(network, feed, loss, rate=3e-3):
    """Train a generator with one loss for SHORT steps; the rate falls to 0."""
    network.to(run.device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=rate, betas=(0.5, 0.99))
    for step, batch in zip(range(SHORT), feed, strict=False):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / SHORT)
        batch = batch.to(run.device)
        optimizer.zero_grad()
        loss(network(*batch.holes()), batch.image, batch.mask).backward()
        optimizer.step()
    return network.eval()


def hole_psnr(network, batch):
    return metrics.psnr(fill(network, batch), batch.image, batch.mask).mean().item()


# %% [markdown]
# ### Which pixels, and which way round?
#
# Three losses: the **hole only**, as in source 004; the **whole image**, as in an ordinary autoencoder; and a
# compromise. And one other network, with **skips**: each decoder step also gets the encoder's map of its own
# size, past the narrow middle (lesson 6 is about this idea, the U-Net).


# %%
class WithSkips(nn.Module):
    """The same levels, and a second way for every map but the last."""

    def __init__(self, widths, channels=3):
        super().__init__()
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for narrow, wide in pairwise((channels + 1, *widths)):
            step = nn.Conv2d(narrow, wide, 4, stride=2, padding=1)
            self.down.append(nn.Sequential(step, nn.LeakyReLU(0.2)))
        entering = [widths[-1], *(2 * width for width in widths[-2::-1])]
        for wide, narrow in zip(entering, [*widths[-2::-1], channels], strict=True):
            step = nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1)
            end = (
                [nn.BatchNorm2d(narrow), nn.ELU()]
                if len(self.up) < len(widths) - 1
                else [nn.Tanh()]
            )
            self.up.append(nn.Sequential(step, *end))

    def forward(self, observed, mask):
        maps = [torch.cat([observed, mask], dim=1)]
        for step in self.down:
            maps.append(step(maps[-1]))
        signal = self.up[0](maps.pop())
        for step in self.up[1:]:
            signal = step(torch.cat([signal, maps.pop()], dim=1))
        return signal


# %%
def hole_and_known(prediction, image, mask):
    return masked_l1(prediction, image, mask) + 0.2 * masked_l1(prediction, image, 1 - mask)


def whole_image(prediction, image, mask):
    return (prediction - image).abs().mean()


def fresh(kind, seed):
    """An untrained network of a kind, the same for the same seed."""
    torch.manual_seed(seed)
    network = kind(SMALL.widths)
    initialise_normal(network)
    return network


# %% tags=["train"]
variants = {
    "hole only": (Generator, masked_l1),
    "hole + 0.2 known": (Generator, hole_and_known),
    "whole image": (Generator, whole_image),
    "skips": (WithSkips, hole_and_known),
}
SEEDS, trained = (0, 1, 2), {}
before = hole_psnr(fresh(Generator, 0).to(run.device), small_test)
for name, (kind, loss) in tqdm(variants.items()):
    for seed in SEEDS:
        feed = batches(small, batch_size=16, mask=box, flip=True, seed=seed)
        trained[name, seed] = teach(fresh(kind, seed), feed, loss)
        assert hole_psnr(trained[name, seed], small_test) > before + 0.5, f"{name} learned nothing"


# %%
def over_seeds(measure):
    """For each variant the mean of a measure over the seeds, and its spread."""
    values = {n: torch.tensor([measure(trained[n, seed]) for seed in SEEDS]) for n in variants}
    return {n: v.mean().item() for n, v in values.items()}, {
        n: v.std().item() for n, v in values.items()
    }


level, spread = over_seeds(lambda network: hole_psnr(network, small_test))
show_bars(level, errors=spread, ylabel="PSNR in the hole (dB)")

# %%
some = small_test.each(lambda tensor: tensor[:8])
rows = {"given": paint_holes(some.image, some.mask)}
for name in variants:
    with torch.no_grad():
        rows[name] = trained[name, 0](*some.to(run.device).holes()).cpu()
show_rows(rows | {"truth": some.image}, label_width=1.5, width=6.4)

# %% [markdown]
# **What to see.** These are *raw* outputs, before the composite. *Hole only* never hears a complaint about known
# pixels and paints them as it would paint a hole. *Whole image* comes nearest to them, and is still a sketch. Even
# with skips, copying has to be learned.
#
# In the hole itself (the bars) the differences are small; compare them with the black lines, the spread over seeds.
# The whole-image loss spends most of its effort on pixels that the composite throws away, and yet it need not
# lose: drawing what one sees is practice for drawing what one doesn't. Hence our 0.2.
#
# Where do skips help? Look at the error by **depth**, the distance to the nearest known pixel.


# %%
def by_depth(network, batch, deepest=6):
    """L1 on the ring of hole pixels at each distance from what is known."""
    filled, inner, values = fill(network, batch), batch.mask, []
    for _ in range(deepest):
        smaller = 1 - masks.dilate(1 - inner, 1)
        ring = inner - smaller
        values.append(metrics.l1(filled, batch.image, ring).nanmean().item())
        inner = smaller
    return values


depth = {
    name: torch.tensor([by_depth(trained[key, seed], small_test) for seed in SEEDS]).mean(0)
    for name, key in {"narrow middle only": "hole + 0.2 known", "with skips": "skips"}.items()
}
labels = {"xlabel": "pixels to the hole's edge", "ylabel": "L1 at that depth"}
show_curves(depth, x=range(1, 7), **labels)

# %% [markdown]
# At the rim, where a known pixel is next door, the skips bring its details and the fill can continue them: smaller
# seams. Deep inside there is nothing to copy, and both must know faces. A road around the middle helps to
# *continue*; it does not help to *understand*.

# %% [markdown]
# ### Masks redrawn, or fixed?
#
# Source 004 draws its holes once, saves the damaged pictures, and trains on the files. It is tidy, and it shows
# the network the same question for the same face in every epoch. We take 64 faces and train twice: with
# holes fixed for each face, and with new holes at every step. *Predict:* which has the lower training loss?


# %%
def fixed_holes(faces, seed):
    """Batches from a set whose every face has one hole, for ever."""
    files = fixed_batch(faces, len(faces), mask=box, seed=seed)
    for step in count():
        rows = torch.randint(len(faces), (16,), generator=stream(seed, "rows", step))
        yield files.each(lambda tensor, rows=rows: tensor[rows])


def redrawn_holes(faces, seed):
    return batches(faces, batch_size=16, mask=box, seed=seed)


# %% tags=["train"]
few, results, pupils = small.take(slice(64)), {}, {}
for name, kind in {"fixed": fixed_holes, "redrawn": redrawn_holes}.items():
    for seed in SEEDS:
        pupil = pupils[name] = teach(fresh(Generator, seed), kind(few, seed), hole_and_known)
        exams = {
            "same holes": fixed_batch(few, 64, mask=box, seed=seed),
            "new holes": fixed_batch(few, 64, mask=box, seed=seed + 100),
            "new faces": small_test,
        }
        for exam, questions in exams.items():
            results.setdefault(f"{name}:\n{exam}", []).append(hole_psnr(pupil, questions))
assert min(map(min, results.values())) > before + 0.3, "hardly better than an untrained network"

# %%
values = {name: torch.tensor(scores) for name, scores in results.items()}
means = {name: value.mean().item() for name, value in values.items()}
spreads = {name: value.std().item() for name, value in values.items()}
show_bars(means, errors=spreads, ylabel="PSNR in the hole (dB)")

# %%
again = fixed_batch(few, 8, mask=box, seed=200)
rows = {"given": paint_holes(again.image, again.mask)}
rows |= {f"trained on\n{name} holes": fill(pupil, again) for name, pupil in pupils.items()}
show_rows(rows | {"truth": again.image}, label_width=1.5, width=6.4)

# %% [markdown]
# **What to see.** With fixed holes the training score is splendid, and it is worth nothing. Move the hole on a face
# that the network *has seen*, and it fails: it learned 64 pairs of question and answer by heart. Redrawn holes make every step a new question, for
# free. Two lessons: draw masks in the loop, and score on fixed holes that were **not** trained on.

# %% [markdown]
# ### What does the discriminator look at?
#
# The source shows its discriminator the network's **raw** output; we show the composite. Train one of each
# against the same frozen generator. Then ask both about four pictures: the truth, the composite, the raw
# output, and a *reverse* composite, where the hole is the truth and everything else is painted.


# %%
def judge(generator, raw, hole=box):
    """A discriminator trained on raw outputs, or on composites."""
    torch.manual_seed(run.seed)
    network = PatchDiscriminator(3, SMALL.discriminator_widths, spectral=False).to(run.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3, betas=(0.5, 0.99))
    feed = batches(small, batch_size=16, mask=hole, flip=True, seed=7)
    for _, batch in zip(range(SHORT), feed, strict=False):
        batch = batch.to(run.device)
        with torch.no_grad():
            fake = generator(*batch.holes())
        fake = fake if raw else composite(fake, batch.image, batch.mask)
        optimizer.zero_grad()
        judged = {"real_logits": network(batch.image), "fake_logits": network(fake)}
        lsgan_discriminator_loss(**judged).backward()
        optimizer.step()
    return network.eval()


painter = trained["hole + 0.2 known", 0]
judges = {"of raw output": judge(painter, raw=True), "of composites": judge(painter, raw=False)}

# %%
with torch.no_grad():
    painted = painter(*small_test.to(run.device).holes()).cpu()
truth, hidden = small_test.image, small_test.mask
kinds = {
    "truth": truth,
    "composite": composite(painted, truth, hidden),
    "reverse": composite(truth, painted, hidden),
    "raw output": painted,
}
verdicts = {}
for name, network in judges.items():
    with torch.no_grad():
        scores = {kind: network(x.to(run.device)).mean().item() for kind, x in kinds.items()}
    verdicts[name] = scores
print(f"{'mean score: 1 real, 0 fake':28}", *[f"{kind:>11}" for kind in kinds])
for name, scores in verdicts.items():
    print(f"{'judge ' + name:28}", *[f"{value:11.2f}" for value in scores.values()])

# %%
panels = torch.cat([x[4:5] for x in kinds.values()])
show_images(panels, titles=list(kinds), columns=4, width=6)

# %% [markdown]
# Read the column *reverse*, a picture with a **perfect hole**. The judge of raw output still calls it a fake, by
# its soft known pixels; and a *composite*, with a painted hole, it takes for nearly real. It has learned to
# look everywhere but in the hole, because elsewhere is most of the evidence. A generator that listens to it
# polishes pixels that will be thrown away.
#
# The judge of composites has nothing but the hole to go by. Its task is harder, and its scores lie closer
# together: outside the hole both of its pictures are equal, and most of its patches see only that.

# %% [markdown]
# ### How loud should the adversary be?
#
# What moves the generator is gradients. At one batch, measure how strongly each term pulls on the predicted
# pixels, $r$ for the reconstruction and $a$ for the adversarial term. With weight $\lambda$, the adversary's
# share of the pull is $\lambda a/(\lambda a + r)$. From here on the hole stays in the middle, as in the paper's
# first experiment: a judge that always knows where to look learns faster.

# %% tags=["train"]
middle = partial(masks.centre, side=16)
feed = batches(small, batch_size=16, mask=middle, flip=True, seed=0)
painter = teach(fresh(Generator, 0), feed, hole_and_known)
opponent = judge(painter, raw=False, hole=middle)
middle_test = fixed_batch(unseen, 200, mask=middle)
truth, hidden = middle_test.image, middle_test.mask
assert hole_psnr(painter, middle_test) > before + 0.5, "the painter learned nothing"

# %%
prediction = fill(painter, middle_test).requires_grad_()
score = opponent(composite(prediction, truth, hidden).to(run.device))
(pull_a,) = torch.autograd.grad(lsgan_generator_loss(fake_logits=score), prediction)
ratios = {}
for name, loss in {
    "beside a mean": masked_l1(prediction, truth, hidden),
    "beside a sum": ((prediction - truth).abs() * hidden).sum(),
}.items():
    (pull_r,) = torch.autograd.grad(loss, prediction)
    ratios[name] = (pull_r.norm() / pull_a.norm()).item()

# %%
powers = torch.linspace(-4, 7, 200)
share = {name: 100 / (1 + ratio / 10**powers) for name, ratio in ratios.items()}
show_curves(share, x=powers, xlabel="adversarial weight, as a power of 10", ylabel="its share (%)")

# %% [markdown]
# Both curves are the same S, one shifted by the number of hole values: beside a **sum**, the paper's 0.001 is
# inaudible, and so is 1. The sum alone does no harm (Adam divides it away); its neighbour drowns. That is how a
# project can train "a GAN" for days and get an autoencoder. Beside a mean the interesting range is where the S
# rises. Let us go there: from the same painter and the same judge, train on with four weights.

# %% tags=["train"]
WEIGHTS = {power: 10.0**power for power in (-2, -1, 0, 1)}
players = {}
for power, weight in tqdm(WEIGHTS.items()):
    settings = replace(
        SMALL, decay=False, reconstruction_weight=1.0, adversarial_weight=weight, learning_rate=1e-3
    )
    player = context_encoder.ContextEncoder(settings).to(run.device)
    player.generator.load_state_dict(painter.state_dict())
    player.discriminator.load_state_dict(opponent.state_dict())
    feed = batches(small, batch_size=16, mask=middle, flip=True, seed=11)
    for _ in training.train(player, feed, steps=SHORT):
        pass
    players[power] = player.generator
loud, soft = (edges(fill(players[power], middle_test), hidden) for power in (1, -2))
assert loud > 1.05 * soft, "a loud adversary changed no edge"

# %%
balance = {"PSNR in the hole (dB)": [], "edges (% of the truth's)": []}
for network in players.values():
    filled = fill(network, middle_test)
    balance["PSNR in the hole (dB)"].append(hole_psnr(network, middle_test))
    balance["edges (% of the truth's)"].append(100 * edges(filled, hidden) / edges(truth, hidden))
for name, values in balance.items():
    bars = {f"$10^{{{power}}}$": value for power, value in zip(WEIGHTS, values, strict=True)}
    show_bars(bars, ylabel=name, height=1.9)


# %% [markdown]
# ### Play
#
# The same four networks on faces of your choice. First the grid, then the slider.


# %%
def draw(power=0, first=0):
    """Eight faces filled by the network that was trained with weight 10^power."""
    part = middle_test.each(lambda tensor: tensor[first : first + 8])
    filled = fill(players[power], part)
    loud = [f"{100 / (1 + ratio / 10.0**power):.2g} % {n}" for n, ratio in ratios.items()]
    rows = {"given": paint_holes(part.image, part.mask), f"$10^{{{power}}}$": filled}
    show_rows(rows | {"truth": part.image}, label_width=0.6, width=6.0)
    print(f"the adversary's share of the pull: {', '.join(loud)}")


part = middle_test.each(lambda tensor: tensor[:8])
rows = {"given": paint_holes(part.image, part.mask)}
rows |= {f"$10^{{{power}}}$": fill(network, part) for power, network in players.items()}
show_rows(rows | {"truth": part.image}, label_width=0.6, width=6.0)

# %% [markdown]
# **What to see.** From top to bottom: soft and safe; eyes and mouths with edges; at last edges that belong to no
# face, which the edge count rewards all the same. PSNR prefers the top, and you? There is no right weight. There
# is a trade between *close to this truth* and *like some truth*, and section 4 is why you cannot have both.

# %% tags=["widget"]
explore(draw, power=range(-2, 2), first=range(0, len(truth) - 7, 8))

# %% [markdown]
# ## 10 · Bug hunt: a mask upside down
#
# The first version of a public project (the course's source 001) completed its pictures like this. Its mask is 1
# in the hole. Nothing crashed, and the loss, taken over the same region, went down.


# %%
def published(prediction, image, mask):
    observed = image * (1 - mask)
    generated = prediction * (1 - mask)
    return observed + generated


prediction = fill(family.generator, strip)
wrong = published(prediction, strip.image, strip.mask).clamp(-1, 1)
show_rows({"published": wrong[:6], "composite": prediction[:6]}, width=6.2)

# %% [markdown]
# ### Exercise 3 · The test that would have caught it
#
# ●●○ · 15 minutes · 4 points
#
# `published`, from a public project, pastes the wrong way round, and nobody noticed. Write
# `completes_correctly`, a unit test: it gets a function `complete(prediction, image, mask)`, tries it on
# pictures of your making, and returns True if it does what `composite` should, else False. It will be given one
# right function and several wrong ones. Black and white pictures with one square mask will not expose them all:
# how do samples, channels and values have to differ?


# %% tags=["exercise:03-3"]
def completes_correctly(complete):
    """True if complete(prediction, image, mask) is right for every sample, channel and pixel."""
    raise NotImplementedError


# %% [markdown]
# <details><summary>Hint</summary>
#
# Random pictures with random, *different* masks a sample (`torch.rand(...) < 0.5`), three channels, height and
# width unequal. The hole must equal the prediction, the rest the image, exactly: `torch.equal`. Indexing states
# it without repeating anyone's formula: `result[hole] == prediction[hole]`.
#
# </details>


# %% tags=["solution:03-3"] jupyter={"source_hidden": true}
def completes_correctly_reference(complete):
    source = torch.Generator().manual_seed(0)
    image, prediction = torch.rand(2, 4, 3, 9, 13, generator=source) * 2 - 1
    mask = (torch.rand(4, 1, 9, 13, generator=source) < 0.5).float()
    result = complete(prediction.clone(), image.clone(), mask.clone())
    hole = mask.bool().expand_as(image)
    filled = torch.equal(result[hole], prediction[hole])
    return filled and torch.equal(result[~hole], image[~hole])


# %% tags=["check:03-3:4"]
def test_completes_correctly(function):
    assert function(composite) is True, "composite is right, and your test rejects it"
    assert function(lambda p, x, m: p * m + x * (1 - m)) is True, "this form is right as well"
    wrong = {
        "the published one": published,
        "polarity swapped": lambda p, x, m: composite(x, p, m),
        "the raw output": lambda p, x, m: p,
        "the picture itself": lambda p, x, m: x,
        "the first sample's mask for all": lambda p, x, m: composite(p, x, m[:1].expand_as(m)),
        "only the first channel filled": lambda p, x, m: torch.cat(
            [composite(p, x, m)[:, :1], x[:, 1:]], dim=1
        ),
        "known pixels a little off": lambda p, x, m: composite(p, x + 1e-3, m),
        "a soft mask": lambda p, x, m: p * 0.9 * m + x * (1 - 0.9 * m),
    }
    for name, complete in wrong.items():
        assert function(complete) is False, f"your test lets this pass: {name}"


completes_correctly = check(
    completes_correctly, completes_correctly_reference, test_completes_correctly
)

# %% [markdown]
# Five lines, a millisecond, and no training run of a day ends with grey boxes. Test the polarity before the first
# step: many tools draw holes black on white.

# %% [markdown] tags=["reflect:03-4:4"]
# ### Question · Which network do you ship?
#
# ○ · 10 minutes · 4 points, marked by hand
#
# Network A, trained without an adversary, has 22.4 dB in the hole. Network B, the same with one, has 21.6 dB; ten
# friends prefer B's pictures nine times in ten. One colleague says: "B is worse, it hallucinates." Another: "A is
# worse, PSNR is broken." Judge both. Name one use for which you would ship A, one for B, and one measurement that
# is missing. Six sentences.
#
# <details><summary>What a good answer contains</summary>
#
# Where several answers fit, A gives their median: close to all, equal to none, and PSNR rewards exactly that. B
# commits to one, and where it guesses wrong it pays in full. That is no defect of PSNR, which measures distance
# to *this* truth; but that is not plausibility. A where the value matters and invention harms (a scan), B where
# people look (a wire in a holiday photograph); neither is evidence of what was there. Missing: seeds and spread,
# a distance between distributions, a preference test with the truth among the choices. One point each for the
# two judgements, the uses, the measurement.
#
# </details>

# %% [markdown]
# ## 11 · What we have
#
# A network that reads four channels and fills a hole in one pass; a loss that asks for the hole, by its mean; a
# judge that sees what the user sees; and a reason why the result is soft.
#
# **Three pitfalls** to take along: a sum beside a mean (the adversary drowns), holes fixed in files (learned by
# heart), a mask upside down (five lines of test).
#
# **Read on.** Pathak et al. 2016, *Context encoders*: section 3.2 for the losses and the "safe" answer. Mao et al.
# 2017, *Least squares GANs*: section 3.2. Next, lesson 4: one judge for the whole face and one for the hole.

# %%
facts = {"data": train.name, "steps": STEPS, "in the hole (L1, PSNR, SSIM, edges)": table}
run.save_card("03_context_encoder", facts)
gain = table["context encoder"][1] - table["PCA"][1]
print(f"card saved; context encoder against PCA on {train.name}: {gain:+.1f} dB in the hole")
