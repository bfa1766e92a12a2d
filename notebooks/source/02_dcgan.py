# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 2 · DCGAN: faces from noise
#
# ![Five rows of twelve pictures, the same twelve noise vectors during training: a grey weave, ghosts of heads, blurred portraits, and in the last two rows twelve different faces with eyes, nose and mouth in place.](pictures/02_dcgan.jpg)
#
# Lesson 1 drew digits with fully connected layers. On faces the same networks give grain.
# Radford, Metz and Chintala (2016) built the game from convolutions instead, tried what keeps it
# stable, and wrote down five guidelines. We build their network, and switch off every guideline
# in turn.

# %% [markdown]
# **Time** about 90 minutes to read and try; the cells themselves run in about five minutes on two
# CPU cores. **Before this lesson** lesson 1: the game, its losses, the loop. **Data** faces of 64
# × 64 pixels. Without a download the course *draws* its own; with CelebA in `data/` (research use
# only) it takes the photographs.
#
# The lesson has two bug hunts and a grid of experiments, so it has more code cells than most.

# %% [markdown]
# ## What you will be able to do
#
# - **compute** a transposed convolution by hand, and say where its checkerboard comes from;
# - **build** the DCGAN and account for every parameter;
# - **find** two defects of public code, and write the test that would have caught one;
# - **judge** a guideline by experiment: one switch, three seeds, one distance;
# - **test** whether a generator has learned by heart, and do arithmetic with faces.
#
# **The map.** Last lesson of the two that invent whole pictures. From lesson 3 on, the same
# convolutions, the same normalisation and the same game fill holes.

# %% [markdown]
# ## 1 · Set-up

# %%
import inpaintlib  # before torch: it sets how torch's threads wait for each other

# isort: split
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from inpaintlib.training import recipes
from inpaintlib.notebook import session
from inpaintlib import training
from inpaintlib.data import batches, load_faces
from inpaintlib.training.ema import EMA, refresh_statistics
from inpaintlib.notebook.exercises import check
from inpaintlib.measure.features import learn_features
from inpaintlib.layers import ResizeConv2d, initialise_normal
from inpaintlib.losses import bce_discriminator_loss, bce_generator_loss
from inpaintlib.models import dcgan, gan
from inpaintlib.models.contract import count_parameters
from inpaintlib.training.precision import quickest
from inpaintlib.seeding import stream
from inpaintlib.photos.shipped import load, weights_for
from inpaintlib.notebook.viz import show_bars, show_curves, show_images, show_rows, use_style
from inpaintlib.notebook.sliders import explore

# %%
use_style()
run = session.start(seed=2)
faces = load_faces("train", size=64)
held_out = load_faces("validation", size=64)
print(f"inpaintlib {inpaintlib.__version__} · {run}\n{faces}")

# %% [markdown]
# ## 2 · A first result in a minute
#
# The course ships a DCGAN that was trained for longer than you would like to wait. 100 random
# numbers in, a face out.

# %%
artist = load(weights_for("dcgan", faces))


def paint(z):
    """What the shipped generator draws for noise (N, 100)."""
    with torch.no_grad():
        return artist.generator(z)


show_images(paint(torch.randn(24, 100, generator=stream("gallery"))), columns=12, width=7)

# %% [markdown]
# Nobody told it that a face has two eyes, on one level, above one nose. Now look longer, and
# search: two eyes that do not belong together, hair that melts into the wall, half a pair of
# glasses. Three questions drive this lesson. How does a **layout** grow out of noise? What keeps
# the game from failing? And are these people new, or did we meet them in the training data?

# %% [markdown]
# ## 3 · The data
#
# Three channels now, red, green and blue, each pixel in [-1, 1]. Faces are mirrored at random: a
# mirrored face is a face. For quick experiments we keep a **tiny** copy of 16 × 16: 768 numbers a
# face, about as many as a digit of lesson 1 had.


# %%
def shrink(image_set):
    """The same pictures at half the side: the mean of every 2 × 2 pixels."""
    halves = F.avg_pool2d(image_set.images.float(), 2).round().byte()
    return replace(image_set, images=halves)


tiny_faces = shrink(load_faces("train", size=32))
tiny_held_out = shrink(load_faces("validation", size=32))

# %% tags=["nbval-check-output"]
batch = next(batches(faces, batch_size=32, flip=True, seed=run.seed))
tiny = tiny_faces.images
print("a batch  ", tuple(batch.image.shape), batch.image[0].numel(), "numbers a face")
print("tiny face", tuple(tiny.shape[1:]), "      ", tiny[0].numel(), "numbers")
assert -1 <= batch.image.min() <= batch.image.max() <= 1

# %% [markdown]
# ## 4 · Why lesson 1's networks fail
#
# Nothing in them is tied to digits, so try: the same layers, on tiny faces.

# %% tags=["train"]
MLP_STEPS = run.pick(ci=40, laptop=300, gpu=1000)
torch.manual_seed(run.seed)
settings = replace(gan.LESSON, channels=3, size=16, batch_size=32, seed=run.seed)
dense = gan.GAN(settings).to(run.device)
source = batches(tiny_faces, batch_size=32, flip=True, seed=run.seed)
mean_face = tiny_faces.floats().mean(dim=0)
for _ in tqdm(training.train(dense, source, steps=MLP_STEPS), total=MLP_STEPS):
    pass
with torch.no_grad():
    dense_faces = dense.generate(next(source)).cpu()
both = torch.stack([dense_faces.mean(dim=0).flatten(), mean_face.flatten()])
assert torch.corrcoef(both)[0, 1] > 0.25, "the mean of the fakes does not look like the mean face"

# %%
few = tiny_faces.floats(slice(10))
shuffle = torch.randperm(16 * 16, generator=stream("shuffle"))
shuffled = few.flatten(2)[..., shuffle].view_as(few)
rows = {"data": few, "lesson 1's\nnetworks": dense_faces[:10], "data,\nshuffled": shuffled}
show_rows(rows, width=6.5)

# %% [markdown]
# The second row: heads at best, the same few again and again, under a coat of **grain**.
# Neighbouring pixels of a face are nearly equal. Here each pixel has weights of its own and must
# learn by itself what its neighbour does.
#
# The third row says why. It is the first with its pixels shuffled, always in the same way. We see
# noise. A fully connected network sees *no difference*: shuffle its first weights alike, and
# every output stays.

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
full, relabelled = (nn.Linear(16 * 16, 5, bias=False) for _ in range(2))
relabelled.weight.data = full.weight.data[:, shuffle]
red, red_shuffled = few[:, 0].flatten(1), shuffled[:, 0].flatten(1)
same = torch.allclose(full(red), relabelled(red_shuffled), atol=1e-5)
print("fully connected: same outputs for faces and shuffled faces:", same)

# %% [markdown]
# So the network of lesson 1 does not know that a picture has two dimensions; it would have to
# find out from the data. A **convolution** knows it beforehand: it looks at neighbours only, and
# uses the same few weights everywhere, so an eye moved by two pixels is the same eye. It saves
# weights, too:

# %% tags=["nbval-check-output"]
convolution = nn.Conv2d(1, 1, 4, stride=2, padding=1, bias=False)
here = convolution(few[:, :1])
moved = convolution(few[:, :1].roll(2, dims=3))  # the faces, two pixels to the right
difference = (moved - here.roll(1, dims=3))[..., 2:-2].abs().max()
print("convolution: moved faces give the moved output:", bool(difference < 1e-5))
wide = gan.Generator(gan.GANConfig(channels=3, size=64))
print(f"last layer at 64 × 64, fully connected {count_parameters(wide.layers[-2]):>10,}")
last = dcgan.Generator(dcgan.PAPER).layers[-2]
print(f"                       DCGAN           {count_parameters(last):>10,}")

# %% [markdown]
# ## 5 · Transposed convolution, by hand
#
# A convolution with **stride** 2 moves its kernel two pixels at a time and halves the picture. A
# generator must go the other way. A **transposed convolution** uses the kernel $k$ as a rubber
# stamp: every input value $x_i$ presses $x_i\,k$ onto the output, $s$ places after the stamp
# before. Where stamps overlap, they add:
#
# $$y_{s\,i+j} \mathrel{+}= x_i\,k_j .$$
#
# Take $x = (1, 2, 3)$, the stamp $(1, 10, 100)$ and $s = 2$. In the output's third place the last
# digit of the first stamp meets the first digit of the second: $1\cdot100 + 2\cdot1 = 102$.

# %% tags=["nbval-check-output"]
x, kernel = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 10.0, 100.0])
y = torch.zeros(7)
for i in range(3):
    y[2 * i : 2 * i + 3] += x[i] * kernel
theirs = F.conv_transpose1d(x[None, None], kernel[None, None], stride=2)
print("stamped", y.int().tolist(), "torch's", theirs.flatten().int().tolist())

columns = [F.conv1d(e[None, None], kernel[None, None], stride=2).flatten() for e in torch.eye(7)]
print("a convolution as a matrix:", *torch.stack(columns, dim=1).int().tolist(), sep="\n  ")
print("its transpose times x", (torch.stack(columns) @ x).int().tolist())

# %% [markdown]
# The last lines give it its name. A convolution is a matrix, here from 7 values to 3; the
# **transposed** matrix maps 3 to 7. (It is not the inverse: "deconvolution" is a misnomer.)
# **Padding** $p$, which adds zeros before a convolution, here cuts $p$ values off each end.

# %% [markdown]
# ### Exercise 1 · Stamp
#
# ●●○ · 15 minutes · 4 points
#
# Write it for any stride and padding. Of PyTorch use only `zeros`, indexing and addition.


# %% tags=["exercise:02-1"]
def stamp(x, kernel, stride, padding):
    """(N,) values, (K,) kernel to a transposed convolution of (N - 1)·stride + K - 2·padding."""
    raise NotImplementedError


# %% [markdown]
# <details><summary>Hint</summary>
#
# First without padding: how long is the output? The last stamp begins at `(N - 1) * stride` and
# is K long. Add up, then cut `padding` values off each end. Mind `padding = 0`: `y[0:-0]` is
# empty.
#
# </details>


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
    torch.testing.assert_close(whole, ramp, msg="one value presses one stamp")
    torch.testing.assert_close(function(one, ramp, 2, 1), ramp[1:3], msg="padding cuts both ends")
    ones = function(torch.ones(3), torch.ones(3), 2, 0)
    assert ones.tolist() == [1, 1, 2, 1, 2, 1, 1], f"overlapping stamps must add: {ones.tolist()}"
    source = torch.Generator().manual_seed(1)
    for length, size, stride, padding in [(5, 4, 2, 1), (4, 4, 1, 0), (6, 5, 3, 2), (7, 2, 2, 0)]:
        x = torch.randn(length, generator=source)
        kernel = torch.randn(size, generator=source)
        y = function(x, kernel, stride, padding)
        wanted = F.conv_transpose1d(
            x[None, None], kernel[None, None], stride=stride, padding=padding
        )
        assert y.shape == wanted[0, 0].shape, (
            f"{length} values, kernel {size}, stride {stride}, padding {padding}: "
            f"expected {wanted.numel()} values, got {tuple(y.shape)}"
        )
        assert torch.allclose(y, wanted[0, 0], rtol=1e-4, atol=1e-5), (
            f"right length, wrong values at kernel {size}, stride {stride}, padding {padding}: "
            "value i presses x[i] · kernel from place i · stride - padding on; stamps add up"
        )


stamp = check(stamp, stamp_reference, test_stamp)

# %% [markdown]
# ### The checkerboard
#
# How many stamps reach each place? Press ones with ones, and look away from the ends.

# %% tags=["nbval-check-output"]
for size in (2, 3, 4, 5, 6):
    counts = stamp_reference(torch.ones(12), torch.ones(size), stride=2, padding=0)
    print(f"kernel {size}, stride 2: ", *counts[8:16].int().tolist())


# %%
@torch.no_grad()
def grow(make_layer):
    """A flat grey through three untrained layers: the middle of the result, (1, 1, 48, 48)."""
    picture, source = torch.ones(1, 1, 10, 10), stream("kernels")
    for _ in range(3):
        layer = make_layer()
        for weight in layer.parameters():
            weight.uniform_(generator=source)
        picture = layer(picture)
        picture = picture / picture.mean()
    middle = picture.shape[-1] // 2
    return picture[..., middle - 24 : middle + 24, middle - 24 : middle + 24].clamp(0, 2) - 1


transposed = partial(nn.ConvTranspose2d, 1, 1, stride=2, bias=False)
layers = {
    f"transposed, kernel {k}": partial(transposed, k, padding=(k - 1) // 2) for k in (3, 5, 4)
}
layers["resize, then kernel 3"] = partial(ResizeConv2d, 1, 1, bias=False)
grown = torch.cat([grow(make_layer) for make_layer in layers.values()])
show_images(grown, titles=list(layers), columns=4, width=8)

# %% [markdown]
# Each began as an even grey. With kernels 3 and 5 some places get more stamps than their
# neighbours: a checkerboard, and three layers weave it finer and coarser (Odena et al. 2016).
# **Kernel 4 with stride 2**, DCGAN's choice in nearly all code (the paper's figure shows 5),
# gives every place the same *number* of stamps. Not the same weights: even and odd places still
# see other halves of the kernel, and a finer weave stays. Repeating each pixel and then
# convolving has none. From lesson 4 on, we use that.

# %% [markdown]
# ## 6 · Build the two networks
#
# The course's source 002 has a DCGAN too, but its notebook can no longer be read. We follow the
# paper and the layout in general use; it differs in the noise, normal here, uniform in the paper.
#
# The generator treats noise as a picture of one pixel with 100 channels. A first layer stamps it
# to 4 × 4; each further block doubles the side and halves the channels.


# %%
class Generator(nn.Module):
    """Noise (B, 100) to faces (B, 3, 64, 64) in [-1, 1]."""

    def __init__(self, width=64):
        super().__init__()
        self.layers = nn.Sequential(
            *self.block(100, 8 * width, stride=1, padding=0),
            *self.block(8 * width, 4 * width, stride=2, padding=1),
            *self.block(4 * width, 2 * width, stride=2, padding=1),
            *self.block(2 * width, width, stride=2, padding=1),
            nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1, bias=False),
            nn.Tanh(),
        )

    def block(self, wide, narrow, stride, padding):
        convolution = nn.ConvTranspose2d(wide, narrow, 4, stride, padding, bias=False)
        return [convolution, nn.BatchNorm2d(narrow), nn.ReLU()]

    def forward(self, z):
        return self.layers(z[:, :, None, None])


# %% [markdown]
# The discriminator mirrors it with ordinary strided convolutions, down to 4 × 4 and then one
# number. No pooling and no hidden fully connected layer in either. **BatchNorm** (next section)
# follows every convolution but the last of the generator and the first and last of the
# discriminator. It subtracts the mean, so a bias before it would do nothing: there is none.


# %%
class Discriminator(nn.Module):
    """Faces (B, 3, 64, 64) to logits (B, 1): large means real."""

    def __init__(self, width=64):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=2, padding=1, bias=False),
            nn.LeakyReLU(0.2),
            *self.block(width, 2 * width),
            *self.block(2 * width, 4 * width),
            *self.block(4 * width, 8 * width),
            nn.Conv2d(8 * width, 1, 4, bias=False),
        )

    def block(self, narrow, wide):
        convolution = nn.Conv2d(narrow, wide, 4, stride=2, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)]

    def forward(self, image):
        return self.layers(image).flatten(start_dim=1)


# %% [markdown]
# All weights start from a normal distribution of standard deviation 0.02 (section 4 of the
# paper). Follow one batch of noise through both.

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
generator, discriminator = Generator(), Discriminator()
initialise_normal(nn.ModuleList([generator, discriminator]))
signal = torch.randn(8, 100, 1, 1, generator=stream("one forward pass"))
for layer in [*generator.layers, *discriminator.layers]:
    signal = layer(signal)
    if "Conv" in type(layer).__name__:
        name = f"{type(layer).__name__}, stride {layer.stride[0]}"
        print(f"{name:28s}{tuple(signal.shape)!s:18s}{count_parameters(layer):>10,}")

# %% tags=["nbval-check-output"]
for network, theirs in [
    (generator, dcgan.Generator(dcgan.PAPER)),
    (discriminator, dcgan.Discriminator(dcgan.PAPER)),
]:
    theirs.load_state_dict(network.state_dict())
    sample = torch.randn(4, 100) if network is generator else torch.rand(4, 3, 64, 64)
    assert torch.equal(network(sample), theirs(sample))
    print(f"{type(network).__name__:14s}{count_parameters(network):>10,}  same as the package's")

# %% [markdown]
# 3,576,704 and 2,765,568 are what everybody's 64 × 64 DCGAN has. If you count 3,577,667
# somewhere, its biases were left on. The paper's own figure is twice as wide.
#
# The layout is tied to 64 pixels. A picture of 128 leaves 8 × 8 before the last layer and gives
# 25 numbers instead of one; a `flatten` or `view` hides them, and training goes on with 25 wrong
# scores. The package's discriminator refuses.

# %% [markdown]
# ## 7 · BatchNorm
#
# For each channel, over the whole batch and all places (Ioffe and Szegedy 2015):
#
# $$\hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}}, \qquad y = \gamma\,\hat x + \beta .$$
#
# $\mu$ and $\sigma^2$ are the batch's own mean and variance, $\gamma$ and $\beta$ are learned. So
# every layer hands on a signal of known size, however badly the layer before it was scaled. In
# evaluation mode there may be no batch: then *running averages* of $\mu$ and $\sigma^2$ stand in.
# The tiny $\varepsilon$, 0.00001, only prevents division by 0.

# %% tags=["nbval-check-output"]
x = 3 + 0.1 * torch.randn(32, 2, 8, 8, generator=stream("batch norm"))
mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
by_hand = (x - mean.view(1, 2, 1, 1)) / (variance.view(1, 2, 1, 1) + 1e-5).sqrt()
layer = nn.BatchNorm2d(2)
torch.testing.assert_close(layer(x), by_hand, rtol=1e-4, atol=1e-4)
print(f"in:  mean {x.mean():.1f}, standard deviation {x.std():.1f}")
print(f"out: mean {abs(layer(x).mean()):.1f}, standard deviation {layer(x).std():.1f}")
print("BatchNorm2d's arguments:", list(nn.BatchNorm2d.__init__.__annotations__)[:4])

# %% [markdown]
# ### Bug hunt 1: what does 0.8 do?
#
# A widely copied collection, PyTorch-GAN, writes `nn.BatchNorm2d(128, 0.8)` in its DCGAN and in
# many other models. Its author's Keras version of the same network says
# `BatchNormalization(momentum=0.8)`. Compare with the arguments printed above. Where did the 0.8
# go? And what becomes of a signal of size 0.1?

# %%
exponents = torch.linspace(-3, 1, 41)
sizes = {}
for name, layer in {
    "BatchNorm2d(1)": nn.BatchNorm2d(1),
    "BatchNorm2d(1, 0.8)": nn.BatchNorm2d(1, 0.8),
}.items():
    unit = torch.randn(64, 1, 8, 8, generator=stream("sizes"))
    sizes[name] = [layer(unit * 10**e).std().item() for e in exponents]
show_curves(
    sizes, x=exponents, xlabel="log₁₀ of the input's size", ylabel="output's size", height=2.4
)

# %% [markdown]
# The default turns anything from 0.01 up into a signal of size 1. With 0.8 as the second
# argument, that is as $\varepsilon$, a small signal stays small: 0.1 comes out as 0.11. DCGAN's
# initial weights make small signals. The normalisation is switched off where it is needed, and no
# line of code complains.
#
# ### Exercise 2 · Repair it
#
# ●○○ · 10 minutes · 3 points
#
# Give every wrong layer of a network what its author meant, and keep its learned values. One trap
# is left: Keras' momentum is the weight of the *old* average, PyTorch's the weight of the *new*
# batch.


# %% tags=["exercise:02-2"]
def repair(network):
    """In place: each BatchNorm with an ε above 0.01 gets 1e-5 and the momentum that was meant.

    Returns how many layers were repaired.
    """
    raise NotImplementedError


# %% [markdown]
# <details><summary>Hint</summary>
#
# `network.modules()` walks through all layers, however deep. `eps` and `momentum` are plain
# attributes. Keeping 0.8 of the old means taking 0.2 of the new.
#
# </details>


# %% tags=["solution:02-2"] jupyter={"source_hidden": true}
def repair_reference(network):
    repaired = 0
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) and layer.eps > 0.01:
            layer.momentum = 1 - layer.eps
            layer.eps = 1e-5
            repaired += 1
    return repaired


# %% tags=["check:02-2:3"]
def test_repair(function):
    network = nn.Sequential(
        nn.BatchNorm2d(4),
        nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, 0.8)),
        nn.Sequential(nn.Flatten(), nn.Sequential(nn.BatchNorm1d(64, 0.8))),
    )
    sound, hidden, deep = network[0], network[1][1], network[2][1][0]
    hidden.weight.data.fill_(2.0)
    assert function(network) == 2, "two of the three layers are wrong, one of them a BatchNorm1d"
    signal = 0.1 * torch.randn(256, 4, 4, 4, generator=torch.Generator().manual_seed(5))
    size = hidden(signal).std().item()
    assert abs(size - 2) < 0.05, f"size 0.1 in, learned gain 2: expected size 2 out, got {size:.2f}"
    for layer in (hidden, deep):
        assert abs(layer.momentum - 0.2) < 1e-6, "0.8 of the old average is 0.2 of the new batch"
    assert sound.momentum == 0.1, "a layer that was right must stay as it was"
    assert function(network) == 0, "after the repair nothing is left to repair"


repair = check(repair, repair_reference, test_repair)

# %% [markdown]
# ### Real and fake: apart or together?
#
# A discriminator's BatchNorm sees a *batch*. Shall real and fake pictures be one batch or two?
# Take one feature on which they differ clearly: say, brightness.

# %% tags=["nbval-check-output"]
norm = nn.BatchNorm1d(1)
bright = 1 + 0.5 * torch.randn(1000, 1, generator=stream("real"))
dark = -1 + 0.5 * torch.randn(1000, 1, generator=stream("fake"))
same = torch.full((1000, 1), -1.0)  # a collapsed generator: one picture for every noise
together = norm(torch.cat([bright, dark]))
print(f"together: real {together[:1000].mean():+.2f}, fake {together[1000:].mean():+.2f}")
print(f"apart:    real {norm(bright).mean().abs():+.2f}, fake {norm(dark).mean().abs():+.2f}")
print(f"apart, spread of real {norm(bright).std():.2f}, of collapsed fakes {norm(same).std():.2f}")

# %% [markdown]
# **Together** the difference of the means survives. **Apart** it is gone: each batch is moved to
# mean 0 and scaled to size 1, so behind a BatchNorm the discriminator cannot see that all fakes
# are darker, or paler. What it can see is a batch without variety: collapsed fakes have spread 0,
# and give themselves away.
#
# The paper does not say which it did. Widely used code judges them apart, in two passes, and so
# do we. Neither is wrong; they are different games. Section 9 plays both.

# %% [markdown]
# ## 8 · Whose turn is it?
#
# ### Bug hunt 2: a missing detach
#
# Lesson 1 cut the fakes off with `detach()` before the discriminator judged them. The same
# collection's WGAN-GP forgets it; a `zero_grad` right before the generator's `backward` saves it.
# Suppose that one is misplaced too, after the generator's step. Then what the discriminator's turn
# left in the generator is added to its own gradient.
#
# By how much does it matter? At a fake with logit $\ell$, the generator's loss
# $-\log\sigma(\ell)$ has slope $\sigma(\ell) - 1$. The discriminator's, $-\log(1-\sigma(\ell))$,
# has slope $+\sigma(\ell)$: it wants the fake *more* easily found out. Together $2\sigma(\ell) -
# 1$.

# %%
logits = torch.linspace(-6, 6, 200)
slopes = {
    "meant: σ − 1": logits.sigmoid() - 1,
    "leaked: σ": logits.sigmoid(),
    "applied: 2σ − 1": 2 * logits.sigmoid() - 1,
}
show_curves(
    slopes, x=logits, xlabel="logit of a fake", ylabel="slope", levels={"no push": 0.0}, height=2.6
)

# %% [markdown]
# A negative slope pushes the logit up, towards "real". Far left, the leak hardly counts. At logit
# 0, where the discriminator is undecided and the game should be finest, the generator feels
# **nothing**; to the right of it, it is pushed back towards being found out.
#
# ### Exercise 3 · Write the test that would have caught it
#
# ●●○ · 15 minutes · 4 points
#
# `leaks` runs one discriminator's turn and says whether the generator noticed: through a gradient
# left in *any* of its weights, or through a changed weight.


# %% tags=["exercise:02-3"]
def leaks(turn, generator, discriminator, real, z):
    """Run turn(generator, discriminator, real, z); True if it reached the generator's weights."""
    raise NotImplementedError


# %% [markdown]
# <details><summary>Hint</summary>
#
# A gradient may lie there from before: clear it first. Remember the weights as *copies*
# (`parameter.detach().clone()`), else you compare them with themselves. Then look at every
# parameter, not only at the first. Return True or False, not a tensor.
#
# </details>


# %% tags=["solution:02-3"] jupyter={"source_hidden": true}
def leaks_reference(turn, generator, discriminator, real, z):
    generator.zero_grad()
    weights = list(generator.parameters())
    before = [weight.detach().clone() for weight in weights]
    turn(generator, discriminator, real, z)
    reached = any(weight.grad is not None and bool(weight.grad.any()) for weight in weights)
    moved = any(not torch.equal(old, new) for old, new in zip(before, weights, strict=True))
    return reached or moved


# %%
def turn(generator, discriminator, real, z, *, fakes, learners):
    """A discriminator's turn; `fakes` and `learners` say what is made, and who takes the step."""
    loss = bce_discriminator_loss(
        real_logits=discriminator(real), fake_logits=discriminator(fakes(generator, z))
    )
    discriminator.zero_grad()
    loss.backward()
    parameters = [p for p in learners(generator, discriminator) if p.grad is not None]
    torch.optim.SGD(parameters, lr=0.1).step()


def only(_, discriminator):
    return discriminator.parameters()


TURNS = {
    "detached": (lambda g, z: g(z).detach(), only, False),
    "not detached": (lambda g, z: g(z), only, True),
    "detached half-way": (lambda g, z: g[1](g[0](z).detach()), only, True),
}


# %% tags=["check:02-3:4"]
def test_leaks(function):
    source = torch.Generator().manual_seed(7)
    real, z = torch.rand(16, 6, generator=source), torch.randn(16, 4, generator=source)

    def both(generator, discriminator):
        return [*generator.parameters(), *discriminator.parameters()]

    def wipe(generator, *rest, **more):  # takes a step with everybody, then hides the evidence
        turn(generator, *rest, fakes=lambda g, z: g(z), learners=both)
        generator.zero_grad()

    cases = {name: (partial(turn, fakes=f, learners=w), r) for name, (f, w, r) in TURNS.items()}
    cases["moves the generator and clears its gradients"] = (wipe, True)
    for name, (case, right) in cases.items():
        generator, discriminator = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 6)), nn.Linear(6, 1)
        generator(z).sum().backward()  # a gradient from before must not confuse the test
        answer = function(case, generator, discriminator, real, z)
        why = "; was that gradient there before the turn?" if answer and not right else ""
        assert answer is right, f"{name}: expected {right}, got {answer}{why}"


leaks = check(leaks, leaks_reference, test_leaks)

# %% [markdown]
# The package's loop needs no discipline: it freezes the other player during a turn and clears
# gradients right before `backward`. A test like yours runs over every model of the course.

# %% [markdown]
# ## 9 · Five guidelines, each switched off
#
# The paper's box "Architecture guidelines for stable Deep Convolutional GANs" asks for
#
# 1. **strided** convolutions instead of pooling, and transposed ones to grow;
# 2. **BatchNorm** in both networks;
# 3. **no hidden fully connected layers**;
# 4. in the generator **ReLU**, and Tanh at the output;
# 5. in the discriminator **LeakyReLU**.
#
# It reports no numbers for them. Let us make some: small networks, faces of 16 × 16, and a recipe
# with one switch a guideline. Two more switches are ours: real and fake mixed into one batch, and
# the leak.
#
# *Predict before you run:* which switch hurts most? Which does not hurt at all?


# %%
@dataclass(frozen=True)
class Recipe:
    """The five guidelines, all followed, and two habits."""

    strided: bool = True  # else pooling to shrink, repeated pixels to grow
    norm: type = nn.BatchNorm2d
    dense: bool = False  # a hidden fully connected layer in both networks
    hidden: type = nn.ReLU  # in the generator
    leak: float = 0.2  # slope below zero in the discriminator
    mixed: bool = False  # real and fake in one batch
    attached: bool = False  # fakes not detached, the generator's gradients cleared too late


def resize(recipe, wide, narrow, *, up):
    """Layers that double (or halve) a picture's side."""
    if recipe.strided:
        kind = nn.ConvTranspose2d if up else nn.Conv2d
        return [kind(wide, narrow, 4, stride=2, padding=1, bias=False)]
    convolution = nn.Conv2d(wide, narrow, 3, padding=1, bias=False)
    return [nn.Upsample(scale_factor=2), convolution] if up else [convolution, nn.MaxPool2d(2)]


# %%
def small_generator(r):
    """Noise (B, 100, 1, 1) to (B, 3, 16, 16)."""
    first = [nn.ConvTranspose2d(100, 32, 4, bias=False)]
    if r.dense:
        first = [nn.Flatten(), nn.Linear(100, 256), r.hidden(), nn.Linear(256, 512)]
        first += [nn.Unflatten(1, (32, 4, 4))]
    middle = [r.norm(32), r.hidden(), *resize(r, 32, 16, up=True), r.norm(16), r.hidden()]
    return nn.Sequential(*first, *middle, *resize(r, 16, 3, up=True), nn.Tanh())


def small_discriminator(r):
    """(B, 3, 16, 16) to logits (B, 1)."""
    leaky = partial(nn.LeakyReLU, r.leak)
    last = [nn.Conv2d(32, 1, 4, bias=False), nn.Flatten()]
    if r.dense:
        last = [nn.Flatten(), nn.Linear(512, 128), leaky(), nn.Linear(128, 1)]
    start = [*resize(r, 3, 16, up=False), leaky()]
    return nn.Sequential(*start, *resize(r, 16, 32, up=False), r.norm(32), leaky(), *last)


# %% [markdown]
# **The game** is lesson 1's, with the two habits as switches. `fast` is a learning rate ten times
# the paper's: we have 150 steps, not thousands.


# %%
class SmallGame:
    """Two small networks, their optimisers, and their turns."""

    def __init__(self, recipe, seed, fast=2e-3):
        torch.manual_seed(seed)
        self.recipe, self.seed = recipe, seed
        self.generator, self.discriminator = small_generator(recipe), small_discriminator(recipe)
        self.optimizers = []
        for network in (self.generator, self.discriminator):
            initialise_normal(network)
            adam = torch.optim.Adam(network.parameters(), lr=fast, betas=(0.5, 0.999), fused=True)
            self.optimizers.append(adam)

    def draw(self, count, *key):
        return self.generator(torch.randn(count, 100, 1, 1, generator=stream(self.seed, *key)))

    def judge(self, real, fake):
        if self.recipe.mixed:
            return self.discriminator(torch.cat([real, fake])).chunk(2)
        return self.discriminator(real), self.discriminator(fake)


# %%
def play(game, steps):
    """Play so many rounds."""
    g_optimizer, d_optimizer = game.optimizers
    source = batches(tiny_faces, batch_size=32, flip=True, seed=game.seed)
    for step, batch in enumerate(islice(source, steps)):
        fake = game.draw(32, "discriminator", step)
        fake = fake if game.recipe.attached else fake.detach()
        real_logits, fake_logits = game.judge(batch.image, fake)
        d_optimizer.zero_grad()
        bce_discriminator_loss(real_logits=real_logits, fake_logits=fake_logits).backward()
        d_optimizer.step()

        _, fake_logits = game.judge(batch.image, game.draw(32, "generator", step))
        if not game.recipe.attached:
            g_optimizer.zero_grad()
        bce_generator_loss(fake_logits=fake_logits).backward()
        g_optimizer.step()
        g_optimizer.zero_grad()


# %% [markdown]
# **The measure.** How far is a crowd of fakes from a crowd of real faces? In one dimension the
# answer is easy: sort both crowds and compare them rank by rank; the mean gap is the *Wasserstein
# distance*. For pictures, look from many random directions, sort along each, and average: the
# **sliced** Wasserstein distance (Rabin et al. 2012; Karras et al. 2018 use it for GANs, on
# patches). It sees colour, contrast, layout and missing variety. It needs no download.


# %%
def distance(one, other, directions=256):
    """Sliced Wasserstein distance of two crowds of pictures, (N, C, H, W) each."""
    axes = torch.randn(one[0].numel(), directions, generator=stream("directions"))
    axes = F.normalize(axes, dim=0)
    left, right = (crowd.flatten(1) @ axes for crowd in (one, other))
    return (left.sort(dim=0).values - right.sort(dim=0).values).abs().mean().item()


# %%
crowd = min(500, len(held_out))
unseen = tiny_held_out.floats(slice(crowd))
floor = distance(unseen, tiny_faces.floats(slice(crowd)))
print(f"real faces against other real faces: {floor:.3f}, and nothing can be much nearer")
with torch.no_grad():
    grainy = dense.generator(
        torch.randn(crowd, 100, generator=run.generator(4)).to(run.device)
    ).cpu()
print(f"lesson 1's networks on tiny faces: {distance(grainy, unseen):.3f}")
# %%
variants = {
    "all five": Recipe(),
    "pooling": Recipe(strided=False),
    "no\nBatchNorm": Recipe(norm=nn.Identity),
    "dense\nlayers": Recipe(dense=True),
    "Sigmoid\nin G": Recipe(hidden=nn.Sigmoid),
    "ReLU\nin D": Recipe(leak=0.0),
    "mixed\nbatch": Recipe(mixed=True),
    "leak": Recipe(attached=True),
    "BatchNorm\n(C, 0.8)": Recipe(norm=lambda channels: nn.BatchNorm2d(channels, 0.8)),
}

# %% tags=["train"]
ROUNDS = run.pick(ci=40, laptop=150, gpu=1500)
SEEDS = run.pick(ci=(1, 2), laptop=(1, 2, 3), gpu=(1, 2, 3))
distances, looks = {}, {"data": unseen[:8]}
start = distance(SmallGame(Recipe(), 1).draw(crowd, "measure").detach(), unseen)
for name, recipe in tqdm(variants.items()):
    distances[name] = []
    for seed in SEEDS:
        game = SmallGame(recipe, seed)
        play(game, ROUNDS)
        with torch.no_grad():
            drawn = game.draw(crowd, "measure")
        distances[name].append(distance(drawn, unseen))
    looks[name] = drawn[:8]
assert max(distances["all five"]) < run.pick(ci=0.98, laptop=0.8, gpu=0.8) * start, "no learning"

# %%
show_rows(looks, width=4.4)

# %%
mean = {name: sum(values) / len(values) for name, values in distances.items()}
spread = {name: (max(values) - min(values)) / 2 for name, values in distances.items()}
show_bars(
    mean, errors=spread, ylabel="distance to real faces", level=("unseen faces", floor), width=9.5
)

# %% [markdown]
# Read the bars with their whiskers, half the range of three seeds: what overlaps is not decided.
# Then read the pictures, for one number cannot tell grey from collapsed. It is kind to grain, too:
# a random direction over a whole face hardly sees it, so lesson 1's networks score better than they
# look.


# %%
def verdict(name):
    """Whether all seeds of a recipe agree that it is farther, or nearer, than the full one."""
    ours, base = distances[name], distances["all five"]
    if min(ours) > max(base):
        return "farther from the data, with every seed"
    return "nearer to the data, with every seed" if max(ours) < min(base) else "not decided"


# %%
for name in list(variants)[1:]:
    label = name.replace("\n", " ")
    print(f"{label:20s}{mean[name] / mean['all five']:5.2f} ×  {verdict(name)}")

# %% [markdown]
# What to expect after 150 rounds: without BatchNorm, with a dense layer, or with Sigmoids the
# fakes stay grey, repeat themselves, or never begin. Three of the five guidelines pay at once, and
# both bugs of the hunts cost.
#
# But **pooling** with repeated pixels comes *nearer* to the data: it has no checkerboard to
# unlearn, and finds colours early. And look at the contrast of the **mixed batch**: there the
# discriminator can see paleness, as section 7 said.
#
# The list was made for large networks and long runs. That a guideline does not pay here is no
# refutation; that it stands in a box is no proof. That is why one runs such grids.

# %% [markdown]
# ## 10 · Break it: a discriminator too strong
#
# One switch: the discriminator gets a **head start** of some turns, while the generator waits.
# Then the generator tries to catch up in four ways, all from that same state: with the
# *saturating* loss $\log(1-D)$; with the non-saturating $-\log D$; with **label smoothing** on
# top, real pictures counting as 0.9 instead of 1 (Salimans et al. 2016); and with **noise** on
# all pictures the discriminator sees, so that real and fake overlap (Sønderby et al. 2017;
# Arjovsky and Bottou 2017).
#
# The generator uses plain gradient descent here: Adam rescales every gradient to its usual size,
# and would hide what we want to see. *Predict:* who stays behind?


# %%
def blurred(image, noise, *key):
    """The pictures under normal noise of that size."""
    return image + noise * torch.randn(image.shape, generator=stream("static", *key))


def contest(game, rounds, *, waiting=False, saturating=False, target=1.0, noise=0.0):
    """Play on; returns the size of the generator's gradient, round by round."""
    sizes, weights = [], list(game.generator.parameters())
    g_optimizer, d_optimizer = torch.optim.SGD(weights, lr=0.01), game.optimizers[1]
    source = batches(tiny_faces, batch_size=32, flip=True, seed=game.seed)
    for step, batch in enumerate(islice(source, rounds)):
        real = blurred(batch.image, noise, step, "real")
        fake = blurred(game.draw(32, "discriminator", step).detach(), noise, step, "fake")
        real_logits, fake_logits = game.judge(real, fake)
        scores = {"real_logits": real_logits, "fake_logits": fake_logits}
        d_optimizer.zero_grad()
        bce_discriminator_loss(**scores, real_target=target).backward()
        d_optimizer.step()
        if not waiting:
            fake = blurred(game.draw(32, "generator", step), noise, step, "generator")
            logits = game.discriminator(fake)
            g_optimizer.zero_grad()
            (-F.softplus(logits) if saturating else F.softplus(-logits)).mean().backward()
            g_optimizer.step()
            sizes.append(torch.cat([w.grad.flatten() for w in weights]).norm().item())
    return sizes


# %% tags=["train"]
HEAD_START = run.pick(ci=20, laptop=100, gpu=100)
ways = {
    "saturating": {"saturating": True},
    "non-saturating": {},
    "with smoothing": {"target": 0.9},
    "with noise": {"noise": 0.3},
}
gradients, behind = {}, {name: [] for name in ways}
for seed in SEEDS:
    ahead = SmallGame(Recipe(), seed)
    contest(ahead, HEAD_START, waiting=True)
    for name, way in ways.items():
        game = deepcopy(ahead)
        gradients[name] = contest(game, ROUNDS, **way)
        with torch.no_grad():
            behind[name].append(distance(game.draw(crowd, "measure"), unseen))
first = {name: sizes[0] for name, sizes in gradients.items()}
assert first["saturating"] < 0.1 * first["non-saturating"], "the discriminator is not ahead"

# %%
logarithms = {name: torch.tensor(sizes).log10().tolist() for name, sizes in gradients.items()}
show_curves(
    logarithms, xlabel="round after the head start", ylabel="log₁₀ of G's gradient", height=3
)

# %%
mean_behind = {name: sum(values) / len(values) for name, values in behind.items()}
spread_behind = {name: (max(values) - min(values)) / 2 for name, values in behind.items()}
show_bars(
    mean_behind,
    errors=spread_behind,
    ylabel="distance to real faces",
    level=("unseen faces", floor),
)

# %% [markdown]
# The first curve starts some powers of ten lower and stays far below the others to the end: the
# saturating loss is flat where the discriminator is sure, so the generator hardly moves for a long
# time. The other form has a gradient from the first round. But a *large* gradient need not be a *useful*
# one: all it says is "away from what you draw now". Smoothing limits how sure the discriminator
# may get about real pictures; it does not bring the crowds nearer. Noise does: blurred crowds
# overlap, and the slope between them points from one to the other.

# %% [markdown]
# ## 11 · Train
#
# Now the real size: 64 × 64, the lesson's preset at half the paper's width, with the package's
# loop. The settings are the paper's, Adam, learning rate 0.0002, $\beta_1 = 0.5$, except batches of
# 32 for its 128. Two things are ours, both from what we just saw: noise on what the discriminator
# sees, fading to nothing during the run, and a moving average of the generator's weights.
# (`faster` tries float32 and bfloat16, numbers with fewer digits, and takes the quicker.)


# %%
class Static(nn.Module):
    """Adds noise to every picture that passes."""

    size = 0.3

    def forward(self, image):
        return image + self.size * torch.randn_like(image)


# %%
torch.manual_seed(run.seed)
WIDTH = run.pick(ci=8, laptop=32, gpu=64)
STEPS = run.pick(ci=40, laptop=800, gpu=10_000)
RATE = run.pick(ci=2e-3, laptop=2e-4, gpu=2e-4)  # ci has 40 steps only
settings = {"generator_width": WIDTH, "discriminator_width": WIDTH, "learning_rate": RATE}
model = recipes.make("dcgan", "lesson", seed=run.seed, **settings).to(run.device)
static = Static()
model.discriminator = nn.Sequential(static, model.discriminator)
precision = quickest(model, batch.to(run.device))[0]
print(f"{count_parameters(model.generator):,} parameters in the generator, trained in {precision}")

# %% tags=["train"]
average = EMA(model.generator, decay=run.pick(ci=0.9, laptop=0.995, gpu=0.999))
fixed = torch.randn(12, 100, generator=stream("strip"))
moments, losses = {}, {"discriminator": [], "generator": []}
source = batches(faces, batch_size=32, flip=True, seed=run.seed)
records = training.train(model, source, steps=STEPS, ema=average, precision=precision)
for record in tqdm(records, total=STEPS):
    static.size = Static.size * (1 - record.step / STEPS)
    for name, curve in losses.items():
        curve.append(record.terms[f"{name}/adversarial"].item())
    if record.step + 1 in (1, STEPS // 8, STEPS // 2, STEPS):
        with torch.no_grad():
            moments[f"step {record.step + 1}"] = model.generator(fixed.to(run.device)).cpu()

with average.applied():
    student = deepcopy(model.generator)
noises = (torch.randn(32, 100, generator=stream("statistics", k)).to(run.device) for k in range(20))
refresh_statistics(student, student, noises)
moments["average"] = student.eval()(fixed.to(run.device)).detach().cpu()
apart = {name: distance(drawn, held_out.floats(slice(12))) for name, drawn in moments.items()}
assert apart["average"] < run.pick(ci=0.95, laptop=0.6, gpu=0.6) * apart["step 1"], "not nearer"

# %% tags=["picture"]
show_rows(moments, width=6.8)

# %% [markdown]
# Each column is one noise vector. First a weave, the stamps of section 5; then one head for
# everybody; then the columns part, and eyes, nose and mouth find their places. The last row has
# averaged weights. An average needs its own BatchNorm statistics: running averages gathered with
# other weights do not fit, so `refresh_statistics` measures them again.

# %%
levels = {"2 ln 2: D knows nothing": 2 * 0.6931}
show_curves(losses, levels=levels, smooth=run.pick(ci=5, laptop=25, gpu=200))

# %% [markdown]
# The discriminator pays less than 2 ln 2 almost from the start: it is ahead, and beatable. As in
# lesson 1, these curves do not tell how good the faces are. The distance tells more, though it hardly
# sees grain (section 9): bars of one height are not pictures of one quality.

# %%
student_faces = (
    student(torch.randn(crowd, 100, generator=stream("crowd")).to(run.device)).detach().cpu()
)
artist_faces = paint(torch.randn(crowd, 100, generator=stream("crowd")))
real_faces = held_out.floats(slice(crowd))
scores = {
    "yours": distance(student_faces, real_faces),
    "shipped": distance(artist_faces, real_faces),
    "training faces": distance(faces.floats(slice(crowd)), real_faces),
}
show_bars(scores, ylabel="distance to unseen faces", width=5)
print(f"yours: {STEPS} steps with noise; shipped: {artist.config.steps} without")

# %% [markdown]
# ## 12 · Did it learn by heart?
#
# For every drawn face, find the nearest training face. Pixel by pixel at 64 × 64 a small shift
# would hide a copy, so we compare at 16 × 16; and since training saw mirrored faces, we search
# them too. As a yardstick, the same for *real faces it never saw*.


# %%
pool = torch.cat([tiny_faces.floats(), tiny_faces.floats().flip(-1)]).flatten(1)


def nearest(images):
    """For each face its nearest training face, mirrored or not, and the distance at 16 × 16."""
    small = F.interpolate(images, 16, mode="area").flatten(1)
    gap, index = torch.cdist(small, pool).min(dim=1)
    closest = faces.floats(index % len(faces))
    mirrored = (index >= len(faces)).view(-1, 1, 1, 1)
    return torch.where(mirrored, closest.flip(-1), closest), gap


# %%
closest, gap = nearest(artist_faces)
_, gap_unseen = nearest(real_faces)
order = gap.argsort()[:10]  # the most suspicious ones
show_rows({"drawn": artist_faces[order], "nearest\ntraining face": closest[order]})
print(f"to the nearest training face: drawn {gap.mean():.1f}, unseen {gap_unseen.mean():.1f}")
rare = (gap < gap_unseen.quantile(0.01)).float().mean()
print(f"drawn faces that are nearer than all but 1 % of unseen ones: {rare:.1%}")

# %% [markdown]
# These ten are the most suspicious of all. A copy would agree in hair, glasses, clothes and wall
# at once. Judge by eye *and* by the two numbers: a generator that stores pictures would be nearer
# to its training faces than unseen faces are. A blurry sample can be near for a poor reason,
# since blur is near to everything. (The paper made another test: walk between two noises and look
# for jumps.)

# %% [markdown]
# ## 13 · Play: directions in the noise
#
# ### A walk
#
# As in lesson 1, we go from one noise vector to another on the arc that keeps the length. For two
# random vectors of 100 numbers, which are nearly at right angles, that is $\cos(t)\,a +
# \sin(t)\,b$ for $t$ from 0 to $\pi/2$.


# %%
def arc(a, b, place):
    """Noise (N, 100) at `place` in [0, 1] of the way from a to b."""
    angle = torch.as_tensor(place) * torch.pi / 2
    return torch.cos(angle) * a + torch.sin(angle) * b


# %%
ends = torch.randn(6, 100, generator=stream("walks"))
steps = torch.linspace(0, 1, 10)
walks = {
    f"walk {k + 1}": paint(torch.stack([arc(ends[2 * k], ends[2 * k + 1], t) for t in steps]))
    for k in range(2)
}
show_rows(walks, width=8)

# %% [markdown]
# A generator that had stored pictures would jump from one to the next. Here hair grows, a wall
# changes colour, a face turns into another through faces.
#
# ### Arithmetic
#
# The paper's most quoted figure: take noise of *smiling women*, subtract *women* who do not
# smile, add such *men*, and get *smiling men*. Its authors chose three examples of each by eye
# and averaged their noise, since single ones were unstable. We let a small classifier choose,
# trained here on the data's attributes.

# %%
labelled = faces if faces.attributes else load_faces("train", size=64, root="drawn")
judge = learn_features(labelled, steps=run.pick(ci=10, laptop=200, gpu=600), seed=run.seed)
names = [name for name, flags in labelled.attributes.items() if 0.02 < flags.float().mean() < 0.98]
many = torch.randn(1500, 100, generator=stream("many"))
opinions = torch.cat([judge.head(judge(paint(z))) for z in many.split(250)])
opinions = (opinions - opinions.mean(dim=0)) / opinions.std(dim=0)
smiling, male = opinions[:, names.index("Smiling")], opinions[:, names.index("Male")]


# %%
def examples(score, count=3):
    """The noise of the `count` drawn faces with the highest scores, and their mean."""
    chosen = many[score.argsort(descending=True)[:count]]
    return torch.cat([chosen, chosen.mean(dim=0, keepdim=True)])


# %%
happy_woman = examples(torch.minimum(smiling, -male))
plain_woman = examples(torch.minimum(-smiling, -male))
plain_man = examples(torch.minimum(-smiling, male))
answer = happy_woman[-1] - plain_woman[-1] + plain_man[-1]
sizes = torch.tensor([0.3, 0.3, 0.3, 0.0]).view(4, 1)
wobble = sizes * torch.randn(4, 100, generator=stream("wobble"))
rows = {
    "woman, smiling": paint(happy_woman),
    "− woman": paint(plain_woman),
    "+ man": paint(plain_man),
    "= man, smiling?": paint(answer + wobble),
}
show_rows(rows, titles=["example", "example", "example", "mean"], width=4.4, label_width=1.4)

# %% [markdown]
# The last row shows the answer under "mean", and beside it the answer with a little noise added, as
# in the paper. Look whether it is a man, and whether he smiles more than the men above. It works when an attribute
# is one *direction* in the noise, wherever one starts. Nothing in the game asks for that; it
# comes with a smooth map, and not always.
#
# With a classifier we need not choose examples: the direction of an attribute is the difference
# of the mean noise of those who have it and those who do not. Push faces along it:


# %%
def direction(name):
    """The attribute's direction in the noise, of length 1."""
    has = opinions[:, names.index(name)] > 0
    return F.normalize(many[has].mean(dim=0) - many[~has].mean(dim=0), dim=0)


def push(face, attribute, strength):
    """One face and its pushed copy; negative strengths push the other way."""
    z = ends[face].expand(2, -1) + torch.tensor([[0.0], [strength]]) * direction(attribute)
    show_images(paint(z), titles=["as drawn", f"{attribute} {strength:+.1f}"], columns=2, width=4)


# %%
known = [name for name in ("Smiling", "Male", "Blond_Hair") if name in names]
pushed = {
    name: paint(
        torch.stack([ends[k] + s * direction(name) for k in (0, 3) for s in (-4, -2, 0, 2, 4)])
    )
    for name in known
}
show_rows(pushed, titles=["−4", "−2", "as drawn", "+2", "+4"] * 2, width=7, label_width=0.9)

# %% [markdown]
# More than the named thing changes: what comes together in the data, say long hair and lipstick,
# moves together. And far out, faces break: few noise vectors of training lay there. Try other
# faces and attributes.

# %% tags=["widget"]
explore(push, face=range(6), attribute=sorted(names), strength=(-5.0, 5.0, 0.5))

# %% [markdown] tags=["reflect:02-4:3"]
# ### Question · Is it better?
#
# ○ · 10 minutes · 3 points, marked by hand
#
# A colleague joins real and fake pictures into one batch, "to save a pass". With one seed, the
# discriminator's loss falls faster and the samples have stronger colours after 150 steps. He
# concludes: "Mixed batches are better, and the guideline of separate batches is wrong." Name what
# changed in the game, judge both halves of his conclusion, and say what he should run next. Five
# sentences.
#
# <details><summary>What a good answer contains</summary>
#
# With shared statistics the discriminator sees how the two batches' means and sizes differ;
# separate ones remove that. Paleness becomes a cue, so fakes get contrast early. In return it
# sees less plainly that a batch of fakes lacks variety, and each score depends on the real
# pictures beside it. A faster falling loss is a score against the present opponent, no quality.
# One seed is luck: at least three, with their spread, by a distance that sees variety too, and
# after a long run as well. And there is no such guideline: the paper does not say. One point for
# the mechanism, one for loss and seed, one for the experiment.
#
# </details>

# %% [markdown]
# ## 14 · What we have
#
# A network that knows from the start what a picture is; faces from noise, and a test whether they
# are new; a grid that shows which advice pays here; directions in the noise that mean something.
#
# **Three pitfalls** to take along: a positional argument that lands on $\varepsilon$; a gradient
# nobody cleared; and one seed, believed.
#
# **Read on.** Radford et al. 2016: section 3 has the guidelines, section 6 walks and arithmetic.
# Odena et al. 2016, *Deconvolution and checkerboard artifacts*: play with its figures. Arjovsky
# and Bottou 2017, *Towards principled methods for training GANs*: why a perfect discriminator
# teaches nothing, and what noise repairs. Next, lesson 3: the face is given, but for a hole.

# %%
card = {
    "data": faces.name,
    "guidelines": {name.replace("\n", " "): values for name, values in distances.items()},
    "head start": behind,
    "distances": scores,
}
run.save_card("02_dcgan", card)
print(f"card saved: {len(distances)} recipes, {len(SEEDS)} seeds each, on {faces.name}")
