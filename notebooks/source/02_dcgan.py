# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 2 · DCGAN: faces from noise
#
# ![Rows of faces that one network draws from the same noise vectors at four moments of its training: first grey patterns, then blurred heads, at last different faces with eyes, nose and mouth in place.](pictures/02_dcgan.jpg)
#
# Lesson 1 drew digits with fully connected layers. Radford, Metz and Chintala (2016) built both
# networks from convolutions instead, and faces became possible. In this lesson you write both
# networks, train them, measure the result, and test whether the generator has only stored its
# training faces.

# %% [markdown]
# **Time** about two and a half hours with the exercises; the cells alone run in about five minutes
# on two quiet CPU cores. **Before this lesson** lesson 1: the two networks, their losses, the
# training loop. **Data** faces of 64 × 64 pixels. Without a download the course *draws* its own;
# with CelebA in `data/` (research use only) it takes the photographs.

# %% [markdown]
# ## What you will be able to do
#
# - **compute** a transposed convolution, and say where its checkerboard comes from;
# - **build** the generator and the discriminator from a table of layers, to the last parameter;
# - **measure** generated faces with a Fréchet distance, and say what it cannot see;
# - **test** whether a generator has memorised its training faces.
#
# **The map.** Lessons 1 and 2 generate whole pictures. From lesson 3 on, the same convolutions,
# the same normalisation and the same two losses fill holes.
#
# ## 1 · Set-up

# %%
import inpaintlib  # before torch: it sets how torch's threads wait for each other

# isort: split
from copy import deepcopy
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from inpaintlib import training
from inpaintlib.data import batches, load_faces
from inpaintlib.layers import ResizeConv2d, initialise_normal, spectral_norm
from inpaintlib.measure.features import features_for, frechet_distance, learn_features
from inpaintlib.models import dcgan, gan
from inpaintlib.models.contract import count_parameters
from inpaintlib.notebook import session
from inpaintlib.notebook.diagrams import Box, show_diagram
from inpaintlib.notebook.exercises import check, guess_first
from inpaintlib.notebook.network_checks import builds
from inpaintlib.notebook.sliders import explore
from inpaintlib.notebook.viz import (
    show_bars,
    show_curves,
    show_images,
    show_rows,
    use_style,
)
from inpaintlib.photos.shipped import load, weights_for
from inpaintlib.seeding import stream
from inpaintlib.training import recipes
from inpaintlib.training.ema import EMA, refresh_statistics

# %%
use_style()
run = session.start(seed=2)
faces = load_faces("train", size=64)
held_out = load_faces("validation", size=64)
print(f"inpaintlib {inpaintlib.__version__} · {run}\n{faces}")

# %% [markdown]
# ## 2 · A first result in a minute
#
# The course ships a trained DCGAN. 100 random numbers go in, a face comes out.

# %%
shipped = load(weights_for("dcgan", faces)).generator


def draw(generator, z):
    """What a generator draws for noise (N, 100), in evaluation mode, on the CPU."""
    device = next(generator.parameters()).device
    with torch.no_grad():
        return torch.cat([generator.eval()(part.to(device)).cpu() for part in z.split(250)])


gallery = draw(shipped, torch.randn(12, 100, generator=stream("gallery")))
show_images(gallery, columns=6, width=7.5, heading="Each of these faces comes from 100 numbers")

# %% [markdown]
# No rule says that a face has two eyes on one level above one nose: the generator learned it.
# Look longer, and you find mistakes: eyes that do not belong together, hair that runs into the
# background. Three questions lead through this lesson. How does a face grow out of 100 numbers?
# What makes the training succeed? Are these faces new, or copies of training faces?
#
# Here is the whole system. Black arrows carry values forward. Coloured, broken arrows carry gradients back:
# the discriminator's loss changes the discriminator only; the generator's loss passes *through*
# the discriminator and changes the generator only.

# %% jupyter={"source_hidden": true}
sides, channels = (4, 8, 16, 32), (512, 256, 128, 64)
boxes = {
    "z": Box("noise", "100", 0, 0),
    "fake": Box("generated face", "layer 5: 3×64×64", 1, 4, height=1.2),
    "real": Box("real face", "3×64×64", 0, 4, height=1.2),
    "D": Box("discriminator", "3×64×64 → 1", 0.5, 5, "network"),
    "d_loss": Box("discriminator's loss", "real high, generated low", -0.1, 5, "loss"),
    "g_loss": Box("generator's loss", "generated high", 1.1, 5, "loss"),
}
for number, (side, wide) in enumerate(zip(sides, channels, strict=True)):
    shape = f"{wide}×{side}×{side}"
    high = 0.5 + 0.015 * side
    boxes[f"l{number + 1}"] = Box(f"layer {number + 1}", shape, 1, number, "network", high)
show_diagram(
    boxes,
    ["z > l1 > l2 > l3 > l4 > fake > D > d_loss", "real > D > g_loss"],
    {"d_loss": ["d_loss > D"], "g_loss": ["g_loss > D > fake > l4 > l3 > l2 > l1"]},
    alt="Noise of 100 numbers goes through four layers of the generator, 512×4×4, 256×8×8, "
    "128×16×16 and 64×32×32, to a generated face of 3×64×64. It and a real face go to the "
    "discriminator, whose score goes to two losses. The gradient of the discriminator's loss goes "
    "to the discriminator; that of the generator's loss goes through the discriminator and the "
    "generated face back to layer 1.",
    gap=(0.4, 0.3),
)

# %% [markdown]
# ## 3 · How a picture grows: the transposed convolution
#
# A fully connected layer has one weight per pair of an input and an output value. Lesson 1's last
# layer has 1024 inputs; for faces of 3 · 64 · 64 values it would need 1024 · 12,288 weights.
# DCGAN's last layer has 64 · 3 · 4 · 4: it looks at neighbours only, with the same weights everywhere.
#
# A convolution with stride 2 halves the sides of a picture; a **transposed convolution** doubles
# them. In one row of values, its kernel $k$ works as a stamp: every input value $x_i$ adds $x_i\,k$ to
# the output, and each stamp begins $s$ places (the stride) after the one before. Stamps that overlap
# add up:
#
# $$y_{s\,i+j} \mathrel{+}= x_i\,k_j .$$
#
# The **padding** $p$ cuts $p$ values off each end.

# %% tags=["nbval-check-output"]
dense = gan.Generator(gan.GANConfig(channels=3, size=64)).layers[-2]
transposed = dcgan.Generator(dcgan.PAPER).layers[-2]
print(f"last layer, fully connected: {count_parameters(dense):>10,} parameters")
print(f"last layer, transposed:      {count_parameters(transposed):>10,} parameters")
x, kernel = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 10.0, 100.0])
y = F.conv_transpose1d(x[None, None], kernel[None, None], stride=2)
print("1, 2, 3 stamped with (1, 10, 100) at stride 2:", y.flatten().int().tolist())

# %% [markdown]
# In the third place, 102 = 1 · 100 + 2 · 1: the end of the first stamp meets the beginning of the
# second.
#
# ### Exercise 1 · Stamp
#
# ●●○ · 15 minutes · 4 points
#
# Write the transposed convolution of one row of values, for any stride and padding. Of PyTorch use
# only `zeros`, indexing and arithmetic.
#
# <details><summary>Hint</summary>
#
# First forget the padding. How long is the output? Find the place where the last stamp begins.
# Add all stamps into zeros of that length. Cut last, and try `padding = 0`: `y[0:-0]` is empty.
#
# </details>


# %% tags=["exercise:02-1"]
def stamp(x, kernel, stride, padding):
    """(N,) values, (K,) kernel to a transposed convolution of (N - 1)·stride + K - 2·padding."""
    raise NotImplementedError


# %% tags=["solution:02-1"] jupyter={"source_hidden": true}
def stamp_reference(x, kernel, stride, padding):
    length = (len(x) - 1) * stride + len(kernel)
    y = torch.zeros(length)
    for i, value in enumerate(x):
        y[i * stride : i * stride + len(kernel)] += value * kernel
    return y[padding : length - padding]


# %% tags=["check:02-1:4"]
def test_stamp(function):
    one, ramp = torch.tensor([1.0]), torch.tensor([1.0, 2.0, 4.0, 8.0])
    whole = function(one, ramp, 2, 0)
    assert len(whole) == 4, f"padding 0 cuts nothing: 4 values expected, got {len(whole)}"
    torch.testing.assert_close(whole, ramp, msg="one value gives one stamp: the kernel itself")
    torch.testing.assert_close(function(one, ramp, 2, 1), ramp[1:3], msg="padding cuts both ends")
    ones = function(torch.ones(3), torch.ones(3), 2, 0)
    assert ones.tolist() == [1, 1, 2, 1, 2, 1, 1], f"overlapping stamps must add: {ones.tolist()}"
    source = torch.Generator().manual_seed(1)
    for length, size, stride, padding in [(5, 4, 2, 1), (4, 4, 1, 0), (6, 5, 3, 2), (7, 2, 2, 0)]:
        x = torch.randn(length, generator=source)
        kernel = torch.randn(size, generator=source)
        y = function(x, kernel, stride, padding)
        wanted = F.conv_transpose1d(x[None, None], kernel[None, None], None, stride, padding)
        where = f"{length} values, kernel {size}, stride {stride}, padding {padding}"
        assert y.shape == wanted[0, 0].shape, (
            f"{where}: expected {wanted.numel()} values, got {tuple(y.shape)}"
        )
        assert torch.allclose(y, wanted[0, 0], rtol=1e-4, atol=1e-5), (
            f"{where}: right length, wrong values; x[i] · kernel begins at i · stride - padding"
        )


stamp = check(stamp, stamp_reference, test_stamp)

# %% [markdown]
# ### The checkerboard
#
# How many stamps reach each place of the output? Your function can count: stamp ones with ones.
# We print the middle only, because the ends get fewer.

# %% tags=["nbval-check-output"]
for size in (2, 3, 4, 5, 6):
    counts = stamp(torch.ones(12), torch.ones(size), 2, 0)
    print(f"kernel {size}, stride 2: ", *counts[8:16].int().tolist())

# %% [markdown]
# A kernel whose size is a multiple of the stride gives every place equally many stamps. With
# kernels 3 and 5, neighbours get different numbers. *Predict:* what do three such layers, not
# trained, make of an even grey? Is kernel 4 free of the pattern? ("Spread" is the standard
# deviation.)


# %% tags=["predict"]
guess_first()


@torch.no_grad()
def grow(make_layer):
    """An even grey through three untrained layers: the middle of the result, (1, 1, 48, 48)."""
    picture, source = torch.ones(1, 1, 10, 10), stream("kernels")
    for _ in range(3):
        layer = make_layer()
        for weight in layer.parameters():
            weight.uniform_(generator=source)
        picture = layer(picture)
        picture = picture / picture.mean()
    middle = picture.shape[-1] // 2
    return picture[..., middle - 24 : middle + 24, middle - 24 : middle + 24]


two_d = partial(nn.ConvTranspose2d, 1, 1, stride=2, bias=False)
makers = {f"transposed, kernel {k}": partial(two_d, k, padding=(k - 1) // 2) for k in (3, 5, 4)}
makers["repeat pixels, kernel 3"] = partial(ResizeConv2d, 1, 1, bias=False)
grown = {name: grow(make) for name, make in makers.items()}
spread = {name: picture.std().item() for name, picture in grown.items()}
titles = [f"{name}\nspread {spread[name]:.2f}" for name in grown]
assert max(spread, key=spread.get) == "transposed, kernel 3", "kernel 3 should be the worst"
assert min(spread, key=spread.get) == "repeat pixels, kernel 3", "repeating should have none"
pictures = (torch.cat(list(grown.values())) - 1).clamp(-1, 1)
told = "Only repeated pixels keep an even grey even"
show_images(pictures, titles=titles, columns=4, width=8, heading=told)

# %% [markdown]
# Kernels 3 and 5 make a checkerboard, and each of the three layers adds one of another size (Odena et al. 2016).
# **Kernel 4 with stride 2**, which DCGAN code uses, gives every place the same *number* of stamps, but not the same
# *weights*: even and odd places see different halves of the kernel, so a weaker pattern stays until training removes
# it. Repeating every pixel and then convolving has no pattern at all. The shipped networks do that, and from lesson 4
# on yours do, too.

# %% [markdown]
# ## 4 · Batch normalisation
#
# One more part before we build. **BatchNorm** (Ioffe and Szegedy 2015) computes for each channel,
# over the whole batch and all places:
#
# $$\hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}}, \qquad y = \gamma\,\hat x + \beta .$$
#
# $\mu$ and $\sigma^2$ are the batch's own mean and variance; $\gamma$ and $\beta$ are learned. So
# every layer passes on values of a known size, whatever the layer before it did. In evaluation
# mode, *running averages* of $\mu$ and $\sigma^2$ are used instead. The small $\varepsilon$ only
# prevents a division by 0. Below, values of mean 3 and deviation 0.1 go in; what comes out has mean 0 and deviation 1.
# Adding 7 to all of them first changes nothing, because their mean is subtracted.

# %% tags=["nbval-check-output"]
x = 3 + 0.1 * torch.randn(32, 2, 8, 8, generator=stream("batch norm"))
mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
by_hand = (x - mean.view(1, 2, 1, 1)) / (variance.view(1, 2, 1, 1) + 1e-5).sqrt()
layer = nn.BatchNorm2d(2)
torch.testing.assert_close(layer(x), by_hand, rtol=1e-4, atol=1e-4)
sizes = [f"mean {abs(part.mean()):.1f}, deviation {part.std():.1f}" for part in (x, layer(x))]
print("in: ", sizes[0], "  out:", sizes[1])
print("a bias of 7 before it changes nothing:", torch.allclose(layer(x + 7), layer(x), atol=1e-3))

# %% [markdown]
# ## 5 · Build the generator
#
# It treats the noise as a picture of one pixel with 100 channels. $w$ is its `width`.
#
# | layer | kernel, stride, padding | output | then |
# |---|---|---|---|
# | transposed convolution | 4, 1, 0 | 8w × 4 × 4 | BatchNorm, ReLU |
# | transposed convolution | 4, 2, 1 | 4w × 8 × 8 | BatchNorm, ReLU |
# | transposed convolution | 4, 2, 1 | 2w × 16 × 16 | BatchNorm, ReLU |
# | transposed convolution | 4, 2, 1 | w × 32 × 32 | BatchNorm, ReLU |
# | transposed convolution | 4, 2, 1 | 3 × 64 × 64 | Tanh |
#
# No layer has a bias (BatchNorm would subtract it again). $w = 64$ gives 3,576,704 parameters.
#
# ### Exercise 2 · The generator
#
# ●●○ · 25 minutes · 6 points
#
# Write it. It gets noise of shape (B, 100). The faces of this lesson come out of *your* network.
#
# <details><summary>Hint</summary>
#
# Begin with `super().__init__()`. The five rows differ in few numbers: a loop over the pairs of
# channels, or a helper that returns one row as a list of layers, goes into one `nn.Sequential`.
# `z` needs two more axes of length 1 before a two-dimensional layer accepts it. If your count is
# too large by a few hundred, a bias is left; if it is too small, a BatchNorm is missing.
#
# </details>


# %% tags=["exercise:02-2"]
class Generator(nn.Module):
    """Noise (B, 100) to faces (B, 3, 64, 64) in [-1, 1]; see the table."""

    def __init__(self, width=64):
        raise NotImplementedError

    def forward(self, z):
        raise NotImplementedError


# %% tags=["solution:02-2"] jupyter={"source_hidden": true}
class Generator_reference(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        layers = []
        for wide, narrow in pairwise([100, 8 * width, 4 * width, 2 * width, width]):
            stride, padding = (2, 1) if layers else (1, 0)
            layers.append(nn.ConvTranspose2d(wide, narrow, 4, stride, padding, bias=False))
            layers += [nn.BatchNorm2d(narrow), nn.ReLU()]
        layers += [nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1, bias=False), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z):
        return self.layers(z[:, :, None, None])


# %% tags=["check:02-2:6"]
def test_generator(network):
    small = network(4)
    image = small(torch.randn(2, 100, generator=torch.Generator().manual_seed(2)))
    assert image.shape == (2, 3, 64, 64), (
        f"noise (2, 100): expected (2, 3, 64, 64), got {tuple(image.shape)}"
    )
    norms = sum(name.endswith("running_mean") for name in small.state_dict())
    assert norms == 4, f"BatchNorm follows every layer but the last: expected 4, got {norms}"
    last = max(image.max().item(), -image.min().item())
    assert last <= 1, f"Tanh ends the network: values must stay in [-1, 1], got {last:.2f}"
    count = count_parameters(network())
    assert count == 3_576_704, f"width 64 has 3,576,704 parameters, yours {count:,}"
    noise = torch.randn(3, 100, generator=torch.Generator().manual_seed(3))

    def package(width):
        return dcgan.Generator(dcgan.DCGANConfig(generator_width=width))

    told = "the generator of the table"
    builds(network, package, (4,), (6,), inputs=lambda width: [(noise,)], told=told)


Generator = check(Generator, Generator_reference, test_generator)

# %% [markdown]
# ## 6 · Build the discriminator
#
# It reverses the generator:
#
# | layer | kernel, stride, padding | output | then |
# |---|---|---|---|
# | convolution | 4, 2, 1 | w × 32 × 32 | LeakyReLU 0.2 |
# | convolution | 4, 2, 1 | 2w × 16 × 16 | BatchNorm, LeakyReLU 0.2 |
# | convolution | 4, 2, 1 | 4w × 8 × 8 | BatchNorm, LeakyReLU 0.2 |
# | convolution | 4, 2, 1 | 8w × 4 × 4 | BatchNorm, LeakyReLU 0.2 |
# | convolution | 4, 1, 0 | 1 × 1 × 1 | |
#
# No biases: 2,765,568 parameters with $w = 64$. The output is a logit, large for real.
#
# Section 7 uses a second form: with `spectral=True` there is no BatchNorm, and every convolution
# has a bias and is wrapped as `spectral_norm(convolution)` (what it does: section 9).
#
# ### Exercise 3 · The discriminator
#
# ●●○ · 20 minutes · 5 points
#
# Write both forms in one class.
#
# <details><summary>Hint</summary>
#
# Make the list of layers in a loop over the widths. Ask `spectral` at three places: for the bias,
# for the wrapper, for the BatchNorm. The last convolution gives (B, 1, 1, 1): flatten it, but
# keep the batch axis.
#
# </details>


# %% tags=["exercise:02-3"]
class Discriminator(nn.Module):
    """Faces (B, 3, 64, 64) to logits (B, 1), large for real; see the table."""

    def __init__(self, width=64, spectral=False):
        raise NotImplementedError

    def forward(self, image):
        raise NotImplementedError


# %% tags=["solution:02-3"] jupyter={"source_hidden": true}
class Discriminator_reference(nn.Module):
    def __init__(self, width=64, spectral=False):
        super().__init__()
        wrap = spectral_norm if spectral else nn.Identity()
        layers, channels = [], [3, width, 2 * width, 4 * width, 8 * width]
        for narrow, wide in pairwise(channels):
            layers.append(wrap(nn.Conv2d(narrow, wide, 4, stride=2, padding=1, bias=spectral)))
            if narrow > 3 and not spectral:
                layers.append(nn.BatchNorm2d(wide))
            layers.append(nn.LeakyReLU(0.2))
        layers.append(wrap(nn.Conv2d(8 * width, 1, 4, bias=spectral)))
        self.layers = nn.Sequential(*layers)

    def forward(self, image):
        return self.layers(image).flatten(start_dim=1)


# %% tags=["check:02-3:5"]
def test_discriminator(network):
    pictures = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(4)) * 2 - 1
    for spectral, norms in ((False, 3), (True, 0)):
        small = network(4, spectral)
        logits = small(pictures)
        assert logits.shape == (3, 1), f"three pictures: expected (3, 1), got {tuple(logits.shape)}"
        found = sum(name.endswith("running_mean") for name in small.state_dict())
        assert found == norms, (
            f"spectral={spectral}: {norms} BatchNorm layers expected, got {found}"
        )
        wrapped = sum(name.endswith("_u") for name in small.state_dict())  # kept by spectral_norm
        assert wrapped == 5 * spectral, f"spectral={spectral}: {wrapped} of 5 layers are wrapped"
    count = count_parameters(network())
    assert count == 2_765_568, f"width 64 has 2,765,568 parameters, yours {count:,}"

    def package(width, spectral):
        config = dcgan.DCGANConfig(generator_width=1, discriminator_width=width, spectral=spectral)
        return dcgan.DCGAN(config).discriminator

    told = "the discriminator of the table"
    cases, inputs = ((4, False), (4, True)), lambda *_: [(pictures,)]
    builds(network, package, *cases, inputs=inputs, told=told)


Discriminator = check(Discriminator, Discriminator_reference, test_discriminator)


# %% tags=["nbval-check-output"]
# One batch of noise through the generator's layers and the discriminator, then the parameters.
networks = [Generator(), Discriminator()]
for layer in networks[0].modules():
    if isinstance(layer, nn.ConvTranspose2d):
        layer.register_forward_hook(lambda *parts: print(tuple(parts[2].shape)))
logits = networks[1](networks[0](torch.randn(8, 100)))
print(tuple(logits.shape), *[f"{count_parameters(network):,}" for network in networks])

# %% [markdown]
# ## 7 · Train your networks
#
# Your generator plays against the *spectral* form of your discriminator; section 9 compares both.
# The rest is the package's loop: Adam with the settings below, and the **hinge loss**. With
# the score $D$, the discriminator pays $\max(0, 1 - D)$ for a real face and $\max(0, 1 + D)$ for a
# generated one (its loss is the mean of the two); the generator pays $-D$. So the discriminator
# gets no gradient from a real face above 1, nor from a generated one below -1. What we show is a
# moving average of the generator's weights (lesson 1). BatchNorm's running averages were made by
# other weights: `refresh_statistics` measures them anew.

# %%
# The discriminator's learning rate is twice the generator's; `betas` are Adam's.
HINGE = {"adversarial": "hinge", "betas": (0.0, 0.99), "discriminator_factor": 2.0}


def new_game(width, seed, *, spectral, rate):
    """The learner's two networks, with the losses and optimizers of the package's DCGAN."""
    torch.manual_seed(seed)
    model = recipes.make("dcgan", "lesson", seed=seed, learning_rate=rate, **HINGE)
    model.generator, model.discriminator = Generator(width), Discriminator(width, spectral)
    initialise_normal(model.generator)
    if not spectral:  # spectral norm sets the size of every layer itself
        initialise_normal(model.discriminator)
    return model.to(run.device)


def settled(generator):
    """A copy whose BatchNorm averages fit its weights, in evaluation mode."""
    copy, noises = deepcopy(generator), torch.randn(20, 32, 100, generator=stream("noises"))
    refresh_statistics(copy, copy, noises.to(run.device))
    return copy.eval()


STEPS = run.pick(ci=60, laptop=800, gpu=10_000)
WIDTH, RATE = run.pick(ci=(8, 2e-3), laptop=(16, 1e-3), gpu=(64, 2e-4))
model = new_game(WIDTH, run.seed, spectral=True, rate=RATE)
average = EMA(model.generator, decay=run.pick(ci=0.9, laptop=0.99, gpu=0.999))
print(f"{count_parameters(model.generator):,} parameters in your generator, {STEPS} steps")

# %% tags=["train"]
columns = torch.randn(6, 100, generator=stream("strip"))
moments, losses = {}, {"discriminator": [], "generator": []}
source = batches(faces, batch_size=32, flip=True, seed=run.seed)
for record in tqdm(training.train(model, source, steps=STEPS, ema=average), total=STEPS):
    for name, curve in losses.items():
        curve.append(record.terms[f"{name}/adversarial"].item())
    if record.step + 1 in (1, STEPS // 8, STEPS // 4):
        moments[f"step {record.step + 1}"] = draw(settled(model.generator), columns)

with average.applied():
    yours = settled(model.generator)
moments["the end,\naveraged"] = draw(yours, columns)
means = torch.stack([moments["the end,\naveraged"].mean(dim=0), held_out.floats().mean(dim=0)])
likeness = torch.corrcoef(means.flatten(1))[0, 1].item()
assert likeness > run.pick(ci=0.3, laptop=0.7, gpu=0.7), "your average face looks like no face"

# %% tags=["picture"]
told = "The same six noise vectors: grey at first, then heads, then faces"
show_rows(moments, width=7.4, heading=told)

# %% [markdown]
# At first all columns look alike; then they become different, and eyes, nose and mouth find their
# places. These faces come from the network that you wrote, in our run after fewer than a thousand
# steps; the paper's were trained for many thousands.

# %%
told = "In our run the losses change little after step 250, while the faces improve"
show_curves(losses, smooth=run.pick(ci=5, laptop=25, gpu=200), heading=told)

# %% [markdown]
# As in lesson 1, these curves do not tell how good the faces are: each loss is measured against an
# opponent that changes too. We need another measure.
#
# ## 8 · Measure: the Fréchet distance
#
# Describe every face by 64 **features** of a classifier, which was trained to tell attributes such
# as glasses or smiles. Then compare two sets of faces through the means $\mu$ and covariances $C$
# of their features (tr is the sum of the diagonal):
#
# $$d = |\mu_1 - \mu_2|^2 + \operatorname{tr}\left(C_1 + C_2 - 2\,(C_1 C_2)^{1/2}\right).$$
#
# For a single feature this is $(\mu_1 - \mu_2)^2 + (\sigma_1 - \sigma_2)^2$, $\sigma$ its
# deviation. Wrong colours change the mean; missing variety shrinks the covariance. The field uses
# the features of an Inception network ("FID", Heusel et al. 2017). Our numbers use our own
# features, so compare them with each other only.

# %% tags=["nbval-check-output"]
# One feature: means 0 and 3, deviations 1 and 2. By hand: (3 - 0)² + (2 - 1)² = 10.
# Then a set of equal faces, deviation 0, beside one of deviation 1: 0² + (1 - 0)² = 1.
wave = torch.linspace(-1, 1, 1001).view(-1, 1)
wave = (wave - wave.mean()) / wave.std()
print("shifted and wider:    ", round(frechet_distance(wave, 3 + 2 * wave), 3))
print("all equal to the mean:", round(frechet_distance(wave, 0 * wave), 3))

# %%
classifier = features_for(held_out) or learn_features(faces)  # shipped, or learned from yours


def features(images):
    """Features (N, 64) of faces (N, 3, 64, 64)."""
    with torch.no_grad():
        return torch.cat([classifier(part) for part in images.split(250)])


COUNT = run.pick(ci=100, laptop=500, gpu=500)
unseen = features(held_out.floats(slice(COUNT)))
noise = torch.randn(COUNT, 100, generator=stream("crowd"))
seen = faces.floats(slice(COUNT))
sets = {
    "random pixels": torch.rand(COUNT, 3, 64, 64, generator=stream("pixels")) * 2 - 1,
    "your generator": draw(yours, noise),
    "the shipped one": draw(shipped, noise),
    "training faces": seen,
}

# %%
distances = {name: frechet_distance(features(images), unseen) for name, images in sets.items()}
best = min(distances, key=distances.get)
assert distances["your generator"] < 0.8 * distances["random pixels"], "no better than noise"
assert best == "training faces", "no generator should be nearer than real faces"
print(f"random pixels: {distances['random pixels']:.0f}; the others are in the figure")
bars = {name: distance for name, distance in distances.items() if name != "random pixels"}
told = "Training faces are nearest: the distance does not see copying"
show_bars(bars, ylabel="Fréchet distance\nto unseen faces", width=7, heading=told)

# %% [markdown]
# In our run the shipped generator is nearer to the unseen faces than yours: 2.8 against 7.5. It has three times as many
# channels, repeats pixels in place of a transposed convolution, and had 2,500 steps instead of 800, on 20,000 faces
# instead of 4,000. Which of these matters most, we did not test.
#
# The bar of the training faces is not 0: even two sets of real faces differ a little. It also
# shows what the distance **cannot** see: a "generator" that only returns training faces would
# have the best score of all.

# %% [markdown]
# ## 9 · Limit the discriminator's slope
#
# A generator learns from the slope of the discriminator's score: $\nabla_x D$ says how the score
# changes with the picture $x$. A discriminator that has won is steep in some places and flat in
# others, and the generator gets no useful gradient. Three methods limit the slope: **WGAN-GP**
# (Gulrajani et al. 2017) adds $(\lVert\nabla_x D\rVert - 1)^2$ to the discriminator's loss, at
# points between real and generated pictures; **R1** (Mescheder et al. 2018) adds
# $\lVert\nabla_x D\rVert^2$ at real pictures; both need a second gradient per step.
# **Spectral norm** (Miyato et al. 2018) costs nearly nothing: it divides each layer's weights by
# their largest gain, the factor by which the layer can lengthen a vector at most.

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
plain = nn.Linear(6, 4, bias=False)
plain.weight.data *= 4  # a steep layer
wrapped = spectral_norm(deepcopy(plain), n_power_iterations=50)
gains = [torch.linalg.svdvals(layer.weight.detach())[0].item() for layer in (plain, wrapped)]
inputs = torch.randn(1000, 6)
longer = [int((n(inputs).norm(dim=1) > inputs.norm(dim=1)).sum()) for n in (plain, wrapped)]
print(f"largest gain: before {gains[0]:.2f}, after spectral norm {gains[1]:.2f}")
print(f"of 1000 random vectors become longer: before {longer[0]}, after {longer[1]}")

# %% [markdown]
# **Experiment.** One switch: your discriminator with BatchNorm, or with spectral norm; each form has
# its usual first weights. All else is equal: the narrow generator, the learning rates, the losses,
# the batches, the number of steps. Three seeds each. *Predict:* which comes nearer to the real faces,
# and do all seeds agree?


# %% tags=["train"]
def short_game(spectral, seed, steps):
    """The generator after so many steps of a short training."""
    game = new_game(run.pick(ci=8, laptop=16, gpu=16), seed, spectral=spectral, rate=1e-3)
    source = batches(faces, batch_size=32, flip=True, seed=seed)
    for _ in training.train(game, source, steps=steps):
        pass
    return settled(game.generator)


ROUNDS = run.pick(ci=50, laptop=200, gpu=1000)
outcome, looks = {}, {}
for name, spectral in (("BatchNorm", False), ("spectral norm", True)):
    outcome[name], looks[name] = [], []
    for seed in (1, 2, 3):
        drawn = draw(short_game(spectral, seed, ROUNDS), noise)
        outcome[name].append(frechet_distance(features(drawn), unseen))
        looks[name].append(torch.cat(list(drawn[:2]), dim=2))  # side by side
starts = [
    frechet_distance(features(draw(short_game(True, seed, 0), noise)), unseen) for seed in (1, 2, 3)
]
gains = [1 - end / start for start, end in zip(starts, outcome["spectral norm"], strict=True)]
assert max(gains) > run.pick(ci=0.1, laptop=0.3, gpu=0.3), f"nothing was learned: {gains}"

# %% tags=["predict"]
guess_first()
told = "In our run spectral norm comes nearer with two of three seeds"
notes = {name: [f"distance {value:.1f}" for value in outcome[name]] for name in outcome}
rows = {name: torch.stack(pairs) for name, pairs in looks.items()}
show_rows(rows, titles=["seed 1", "seed 2", "seed 3"], notes=notes, width=7.4, heading=told)

# %% [markdown]
# Below each pair of faces stands the Fréchet distance of that run to unseen faces; lower is
# nearer. In our run, spectral norm comes much nearer with two seeds; with the third BatchNorm does,
# with 50.4 against 60.7. One seed alone could have told either story; to decide between the forms we
# would need more seeds and longer training. The pictures differ clearly, though. With BatchNorm
# the faces stay grey. A likely reason: its discriminator scales each batch to the same contrast,
# layer by layer, so it hardly sees that a whole batch is too grey. With spectral norm it sees
# colours and contrast, and the generator exaggerates them at first.

# %% [markdown]
# ## 10 · Did it memorise?
#
# To find copies, look for each generated face at the **nearest training face**, measured with our
# features. But how near is too near? Real faces that were *never* used in training give the
# measure: they too have nearest training faces, and cannot be copies. So we call a generated face
# *too near* if its nearest training face is closer than that of 95 % of the unseen faces. Without
# copying, about 5 % of the faces are too near by chance; with copying, many more.
#
# ### Exercise 4 · Too near
#
# ●●○ · 15 minutes · 4 points
#
# Write this test. `torch.cdist(a, b)` gives all distances from the rows of `a` to the rows of `b`.
#
# <details><summary>Hint</summary>
#
# First write "the distance of each row to its nearest training row" as a helper: you need it for
# two sets. Which axis does the minimum reduce? `torch.quantile` gives the limit. Nothing is
# compared with the unseen rows themselves: they only set the limit.
#
# </details>


# %% tags=["exercise:02-4"]
def too_near(generated, training, unseen, rate=0.05):
    """Features (N, D), (M, D), (K, D) to (N,) booleans: which generated rows are too near.

    The limit is the quantile `rate` of the unseen rows' distances to their nearest training rows.
    """
    raise NotImplementedError


# %% tags=["solution:02-4"] jupyter={"source_hidden": true}
def too_near_reference(generated, training, unseen, rate=0.05):
    def gap(rows):
        return torch.cdist(rows, training).min(dim=1).values

    return gap(generated) < torch.quantile(gap(unseen), rate)


# %% tags=["check:02-4:4"]
def test_too_near(function):
    training = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
    unseen = torch.tensor([[0.0, gap] for gap in (1.0, 2.0, 3.0, 4.0, 5.0)])
    rows = torch.tensor([[0.0, 0.5], [10.0, 2.5], [0.0, 3.5], [10.0, 9.0]])
    found = function(rows, training, unseen, 0.5)
    assert found.shape == (4,), (
        f"one answer per generated row: expected (4,), got {tuple(found.shape)}"
    )
    assert found.dtype == torch.bool, f"the answers are booleans, not {found.dtype}"
    right = [True, True, False, False]
    assert found.tolist() == right, (
        f"distances to training 0.5, 2.5, 3.5, 9 and the limit 3: expected {right}, got "
        f"{found.tolist()}"
    )
    strict = function(rows, training, unseen, 0.25).tolist()
    assert strict == [True, False, False, False], f"with rate 0.25 the limit is 2: got {strict}"
    source = torch.Generator().manual_seed(5)
    sets = [torch.randn(count, 6, generator=source) for count in (400, 50, 400)]
    share = function(*sets).float().mean().item()
    assert 0.01 < share < 0.1, f"three equal crowds: about 5 % are too near, got {share:.0%}"


too_near = check(too_near, too_near_reference, test_too_near)

# %% [markdown]
# A test that never reports a copy proves nothing. So we make a generator that memorises on purpose:
# *your* network, without a discriminator. Each of 12 fixed noise vectors has its training face, which
# the network must return. Mirrored training faces are copies as well, because the training showed
# every face in both directions.

# %% tags=["train"]
torch.manual_seed(run.seed)
MEMORISE = run.pick(ci=240, laptop=500, gpu=500)
stored, keys = faces.floats(slice(12)), torch.randn(12, 100, generator=stream("keys"))
copier = Generator(16)
optimizer = torch.optim.Adam(copier.parameters(), lr=5e-3)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.02, MEMORISE)
for _ in tqdm(range(MEMORISE)):
    error = (copier(keys) - stored).abs().mean()
    optimizer.zero_grad()
    error.backward()
    optimizer.step()
    schedule.step()
copies = copier(keys).detach()
assert error < 0.1, f"it has not memorised: an error of {error:.2f} per pixel"

# %%
training_faces = features(faces.floats())
strangers = features(held_out.floats())
crowds = {
    "deliberate copies": copies,
    **{name: sets[name] for name in ("your generator", "the shipped one")},
    "mirrored training faces": seen.flip(-1),
}
near = {name: too_near(features(rows), training_faces, strangers) for name, rows in crowds.items()}
shares = {name: flags.float().mean().item() for name, flags in near.items()}
for name, share in shares.items():
    print(f"{name:24s}too near: {share:4.0%}")
assert shares["mirrored training faces"] > 0.4, "the test misses mirrored copies"
assert shares["deliberate copies"] > 0.2, "the test misses memorised faces"
assert shares["your generator"] < 0.1, "your generator has memorised"


# %%
def most_suspicious(images, count=3):
    """The generated faces nearest to a training face, above those training faces."""
    gaps, places = torch.cdist(features(images), training_faces).min(dim=1)
    order = gaps.argsort()[:count]
    return images[order], faces.floats(places[order])


pairs = [most_suspicious(rows) for rows in list(crowds.values())[:3]]
above, below = (torch.cat(part) for part in zip(*pairs, strict=True))
titles = [f"{who} {k}" for who in ("copier", "yours", "shipped") for k in (1, 2, 3)]
told = "The copier returns training faces, your generator does not"
rows = {"generated": above, "nearest in\ntraining": below}
show_rows(rows, titles=titles, width=10, heading=told)

# %% [markdown]
# The copier's faces agree with their neighbours in hair, clothes and background at once, and the test reports them. Of
# your generator's faces, fewer than one in ten are too near (the cell above asserts it), and the *most* suspicious
# ones, shown here, resemble a training face in some features only. But the test finds only copies that our features
# recognise; it misses a part even of the mirrored training faces. And the shipped generator learned from 20,000 faces,
# of which these 4,000 are the first: copies of the others would not be found.

# %% [markdown]
# ## 11 · Break it: the 0.8 in BatchNorm
#
# A widely copied collection, PyTorch-GAN, writes `nn.BatchNorm2d(128, 0.8)` in its DCGAN. Its
# author's Keras version says `BatchNormalization(momentum=0.8)`. But the second argument of
# PyTorch's layer is $\varepsilon$. *Predict:* which size (deviation) does a signal of size 0.1
# have afterwards?

# %% tags=["predict"]
guess_first()
exponents = torch.linspace(-3, 1, 41)
sizes = {}
for name, layer in {
    "BatchNorm2d(1)": nn.BatchNorm2d(1),
    "BatchNorm2d(1, 0.8)": nn.BatchNorm2d(1, 0.8),
}.items():
    unit = torch.randn(64, 1, 8, 8, generator=stream("sizes"))
    sizes[name] = [layer(unit * 10**e).std().item() for e in exponents]
tenth = [curve[20] for curve in sizes.values()]  # where the input's size is 0.1
assert tenth[0] > 0.99, "with the default, size 0.1 should become 1"
assert tenth[1] < 0.12, "with 0.8, size 0.1 should stay small"
show_curves(
    sizes,
    x=exponents,
    xlabel="log₁₀ of the input's size",
    ylabel="output's size",
    heading="With 0.8, a signal of size 0.1 (log₁₀ = −1) stays small",
    height=2.4,
)

# %% [markdown]
# With the default, a signal of size 0.1 comes out with size 1; with 0.8 it stays about 0.1. The
# normalisation does nothing for small signals, which need it most, and no line of code complains. Write
# `momentum=0.2`: PyTorch's momentum is the weight of the *new* batch, Keras' that of the old
# average.
#
# ## 12 · Play: directions in the noise
#
# Is "smiling" a direction in the noise? The classifier of section 8 gives each generated face a
# score for every attribute. Take the mean noise of faces that score high, minus the mean noise of
# the others, and push a face along this direction.

# %%
names = [name for name, has in faces.attributes.items() if 0.02 < has.float().mean() < 0.98]
if len(names) != classifier.head.out_features:  # pictures without a table of attributes
    names = [f"attribute {k}" for k in range(classifier.head.out_features)]
many = torch.randn(run.pick(ci=300, laptop=1500, gpu=1500), 100, generator=stream("many"))
scores = classifier.head(features(draw(shipped, many)))
spreads = dict(zip(names, scores.std(dim=0).tolist(), strict=True))


# %%
def direction(name):
    """The direction of an attribute in the noise, of length 1."""
    score = scores[:, names.index(name)]
    high = score > score.median()
    return F.normalize(many[high].mean(dim=0) - many[~high].mean(dim=0), dim=0)


def pushed(face, attribute, strength):
    """A face and its two pushed copies, with their scores in units of the usual spread."""
    steps = torch.tensor([-strength, 0.0, strength]).view(3, 1)
    images = draw(shipped, many[face] + steps * direction(attribute))
    score = classifier.head(features(images))[:, names.index(attribute)] / spreads[attribute]
    return images, score.tolist()


def push(face, attribute, strength):
    """Show a face, pushed in both directions, with the classifier's scores below."""
    images, scored = pushed(face, attribute, strength)
    notes = {attribute: [f"score {score:+.1f}" for score in scored]}
    titles = [f"{-strength:+.1f}", "as drawn", f"{strength:+.1f}"]
    told = f"One face, pushed against and along “{attribute}”"
    rows, size = {attribute: images}, {"width": 5, "label_width": 1.2}
    show_rows(rows, titles=titles, notes=notes, heading=told, **size)


# %%
gains = {name: 0.0 for name in names}
for name in names:
    for face in range(12):
        low, _, high = pushed(face, name, 3.0)[1]
        gains[name] += (high - low) / 12
assert min(gains.values()) > 0, "a push along an attribute should raise its own score"
push(0, "Smiling" if "Smiling" in names else names[0], 4.0)

# %% [markdown]
# Every push raises, on average, the score that it was made for (the cell above asserts it for all
# attributes); scores count in units of their usual spread. Look at what else changes: nothing in
# the training asks for separate directions, so hair, skin or background may change too. Far out,
# faces break, because training saw few noise vectors of that length.

# %% tags=["widget"]
explore(push, face=range(6), attribute=sorted(names), strength=(0.0, 6.0, 0.5))

# %% [markdown] tags=["reflect:02-5:3"]
# ### Question · Which generator is better?
#
# ○ · 10 minutes · 3 points, marked by hand
#
# A colleague compares two generators. For each he takes one training run and 100 generated faces.
# A has the Fréchet distance 11.8, B 12.9, and he decides for A. Name two reasons why this
# difference may mean nothing, one serious defect that A may have although its distance is lower,
# and the comparison that he should run instead. Four sentences.
#
# <details><summary>What a good answer contains</summary>
#
# One run per generator: the seed alone may make this difference, so he needs at least three seeds
# each, at equal budgets. 100 faces for features of 64 numbers: the estimated covariance is poor,
# and the distance is too large by an amount that depends on the sample; he needs more faces, and
# equally many. A may have memorised: training faces score best of all, so the nearest training
# faces must be compared with those of unseen faces. One point for the seeds, one for the sample
# size, one for memorising with a test that can show it.
#
# </details>

# %% [markdown]
# ## 13 · What we have
#
# You wrote a generator and a discriminator to the last parameter, and they made faces. You can
# compute a transposed convolution, measure a Fréchet distance, and test for copies.
#
# **Three mistakes** to avoid: a positional argument that becomes $\varepsilon$; a Fréchet distance
# taken as proof that faces are new; a difference believed after one seed.
#
# **Read on.** Radford et al. 2016, sections 3 and 6. Odena et al. 2016, *Deconvolution and checkerboard artifacts*, for
# its interactive figures. Karras et al. 2019, *A style-based generator*: a much later generator, trained with R1 and
# with a more useful noise. Next, lesson 3: the face is given, except for a hole.

# %%
card = {
    "data": faces.name,
    "distances": distances,
    "normalisation": outcome,
    "too near": shares,
}
run.save_card("02_dcgan", card)
print(f"card saved: {len(distances)} distances, {len(outcome)} games, on {faces.name}")
