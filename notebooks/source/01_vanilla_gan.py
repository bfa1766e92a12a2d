# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 1 · Vanilla GAN: digits from noise
#
# ![Five rows of twelve small pictures, the same twelve noise vectors at five moments of training: grey noise, dim blobs, ragged strokes, digits with specks, and in the last row clean white digits on black.](pictures/01_vanilla_gan.jpg)
#
# Two networks play a game. One invents digits, the other calls them fake. Neither is ever told what
# a 7 looks like, and yet 7s appear. This lesson builds the game, plays it, breaks it twice, and
# counts what comes out.

# %% [markdown]
# **Time** about 75 minutes to read and try; the cells themselves run in about four minutes on two
# CPU cores. **Before this lesson** you have trained one network in PyTorch; lesson 0 helps but is not
# needed. **Data** digits of 28 × 28 pixels. Without a download the course *draws* its own; with MNIST
# in `data/` (CC BY-SA 3.0) it takes those.
#
# This is the lesson in which nothing is hidden, from the single layer to the training loop, so it has
# many small code cells.

# %% [markdown]
# ## What you will be able to do
#
# - **explain** the game on one number, with the best discriminator written down by hand;
# - **implement** the two networks, their losses, and the loop that trains them;
# - **find** a defect of real public code by an experiment, not by staring;
# - **measure** what a generator leaves out, and **cause** mode collapse on purpose.
#
# **The map.** Lesson 0 asked what belongs in a hole. Here and in lesson 2, networks learn to invent
# whole pictures; from lesson 3 on, the same game fills holes.

# %% [markdown]
# ## 1 · Set-up

# %%
import inpaintlib  # before torch: it sets how torch's threads wait for each other

# isort: split
from copy import deepcopy
from itertools import islice

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from inpaintlib.notebook import session
from inpaintlib import training
from inpaintlib.data import batches, load_digits
from inpaintlib.training.ema import EMA
from inpaintlib.notebook.exercises import check
from inpaintlib.images import Batch, to_unit
from inpaintlib.losses import bce_discriminator_loss, bce_generator_loss
from inpaintlib.models import gan
from inpaintlib.models.contract import count_parameters
from inpaintlib.seeding import stream
from inpaintlib.notebook.viz import show_bars, show_curves, show_images, show_rows, use_style
from inpaintlib.notebook.sliders import explore

# %%
use_style()
run = session.start(seed=1)
digits = load_digits("train")
held_out = load_digits("validation")
print(f"inpaintlib {inpaintlib.__version__} · {run}\n{digits}")

# %% [markdown]
# ## 2 · A first result in a minute
#
# We take the networks of a public project (the course's source 002): a **generator** turns 100 random
# numbers into a picture, a **discriminator** says how real a picture looks, each learns from the other.
# Like the project, we feed pixels as torchvision's `ToTensor` gives them, between 0 and 1. Everything is
# imported for now; you will build it all below.

# %% tags=["train"]
FIRST = run.pick(ci=30, laptop=300, gpu=300)
RATE = 4e-4  # learning rate: twice the source's, because our run is much shorter
torch.manual_seed(run.seed)
published = gan.GAN(gan.GANConfig(seed=run.seed, learning_rate=RATE)).to(run.device)
unit_range = (Batch(to_unit(b.image)) for b in batches(digits, batch_size=100, seed=run.seed))
for _ in tqdm(training.train(published, unit_range, steps=FIRST), total=FIRST):
    pass
with torch.no_grad():
    first_look = published.generate(Batch(torch.zeros(12, 1, 28, 28))).cpu()
centre, rim = first_look[..., 8:20, 8:20].mean(), first_look[..., :4, :].mean()
assert centre - rim > 0.03, "no ink gathers in the middle: nothing was learned"

# %%
show_rows({"data": digits.floats(slice(12)), "generated": first_look})

# %% [markdown]
# A few hundred steps, and from pure noise come shapes with the ink where digits have theirs. That is
# the promise of a GAN. Now look for what is wrong. The strokes are ragged: the run was short. But the
# paper is **grey**, and the digits above it are on black. More steps will not cure that by themselves.
# Keep the thought: in exercise 2 you find out what the discriminator has been looking at.

# %% [markdown]
# ## 3 · The data
#
# Inside networks and losses, this course keeps pixels in [-1, 1]: black is -1, white is 1, and 0 is
# mid-grey. A batch is one draw of 100 different digits.

# %% tags=["nbval-check-output"]
batch = next(batches(digits, batch_size=100, seed=run.seed))
print("shape", tuple(batch.image.shape), batch.image.dtype)
print(f"range {batch.image.min():.0f} to {batch.image.max():.0f}")
print("labels", sorted(set(digits.labels.tolist())))
print("the generator will need", batch.image[0].numel(), "numbers a picture")

# %%
show_images(batch.image[:32], columns=16)

# %% [markdown]
# The labels are there, but the game never uses them. They come back at the end, to measure.

# %% [markdown]
# ## 4 · The game, on one number
#
# Before pictures, the smallest case. The data is one number $x$, normal around 0: density
# $p(x) = \mathcal N(x; 0, 1)$. The generator adds a shift $\theta$ to its noise: $x = \theta + z$, so
# the fakes have density $q(x) = \mathcal N(x; \theta, 1)$. It has one thing to learn: $\theta = 0$.
#
# The discriminator gives each $x$ a probability $D(x)$ of being real and wants to be right:
#
# $$\max_D\; \mathbb E_{x\sim p}\,\log D(x) + \mathbb E_{x\sim q}\,\log(1 - D(x)).$$
#
# At each single $x$ this is $p \log D + q \log(1-D)$. Set the derivative to zero:
# $p/D = q/(1-D)$, so the best answer is (Goodfellow et al. 2014, proposition 1)
#
# $$D^*(x) = \frac{p(x)}{p(x)+q(x)}.$$

# %% [markdown]
# Networks give a **logit** $\ell$, any real number, and $D = \sigma(\ell) = 1/(1+e^{-\ell})$. For our two
# bells the best logit is a straight line, $\ell^*(x) = \log\frac{p(x)}{q(x)} = \frac{\theta^2}{2} - \theta x$.
# Check one value by hand: with $\theta = 5$, a fake at $x = 5$ gets $12.5 - 25 = -12.5$.


# %% tags=["nbval-check-output"]
def density(x, mean):
    return torch.exp(-0.5 * (x - mean) ** 2) / (2 * torch.pi) ** 0.5


def best_logit(x, shift):
    return shift**2 / 2 - shift * x


for x in torch.tensor([0.0, 2.5, 5.0]):
    ratio = density(x, 0) / (density(x, 0) + density(x, 5))
    print(f"x = {x:.1f}   p/(p+q) = {ratio:.6f}   logit {best_logit(x, 5):6.1f}")

# %%
x = torch.linspace(-4, 9, 400)
figure, axes = plt.subplots(1, 2, figsize=(9, 2.6), sharey=True)
for axis, shift in zip(axes, (5.0, 1.0), strict=True):
    axis.plot(x, density(x, 0), label="data p")
    axis.plot(x, density(x, shift), label="fakes q")
    axis.plot(x, best_logit(x, shift).sigmoid(), color="0.35", linestyle="--", label="best D")
    axis.set(title=f"shift θ = {shift:.0f}", xlabel="x")
axes[1].legend(loc="upper right")
plt.show()

# %% [markdown]
# Left, the fakes (the right-hand bell) are far off: the best $D$ is a cliff, 1 over the data and 0 over
# the fakes. Right, the bells overlap and $D$ becomes a gentle slope. If they coincided, it would be ½
# everywhere: nothing left to know.

# %% [markdown]
# ### How the generator learns
#
# The generator never sees the data. All it has is the slope of the discriminator's opinion under its own
# fakes. Two ways to ask for more:
#
# - **minimise** $\log(1 - D(x))$, the other half of the same game (*saturating*);
# - **minimise** $-\log D(x)$ instead (*non-saturating*).
#
# Both pull towards larger $D$. Which pulls hard when the generator is bad? Let autograd tell, at $x = 5$.


# %% tags=["nbval-check-output"]
def saturating(logits):
    return F.logsigmoid(-logits).mean()  # log(1 - σ(ℓ)) = log σ(-ℓ)


def non_saturating(logits):
    return -F.logsigmoid(logits).mean()


for loss in (saturating, non_saturating):
    fake = torch.tensor([5.0], requires_grad=True)
    loss(best_logit(fake, 5.0)).backward()
    print(f"{loss.__name__:15s} slope under the fake: {fake.grad.item():.6f}")

# %%
z = torch.distributions.Normal(0, 1).icdf(torch.linspace(0.005, 0.995, 100))


def descend(loss, shift=5.0, steps=40, rate=0.2):
    """The generator learns; after every step the discriminator is the best there is."""
    path = [shift]
    for _ in range(steps):
        theta = torch.tensor(path[-1], requires_grad=True)
        loss(best_logit(theta + z, path[-1])).backward()
        path.append((theta - rate * theta.grad).item())
    return path


paths = {"saturating": descend(saturating), "non-saturating": descend(non_saturating)}
show_curves(paths, ylabel="shift θ", levels={"the data": 0.0})

# %% [markdown]
# Same start, same discriminator, same step size. The non-saturating generator walks to the data; the
# saturating one hardly moves, because its loss is flat exactly where it is worst. The paper proves its
# theorems with the first form and trains with the second (its section 3). So do we, from here on.

# %% [markdown]
# ## 5 · Build the two networks
#
# Source 002 uses fully connected layers only: no convolution, no normalisation. The generator widens
# from 100 numbers to 784, one a pixel. Its last step, Tanh, bounds each pixel to (-1, 1).


# %%
class Generator(nn.Module):
    """Noise (B, 100) to pictures (B, 1, 28, 28) in [-1, 1]."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(100, 256), nn.LeakyReLU(0.2),
            nn.Linear(256, 512), nn.LeakyReLU(0.2),
            nn.Linear(512, 1024), nn.LeakyReLU(0.2),
            nn.Linear(1024, 28 * 28), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z):
        return self.layers(z).view(-1, 1, 28, 28)


# %% [markdown]
# The discriminator is the mirror image. **Dropout** switches off a random 30 % of its units at every
# training step, so that it cannot learn the data by heart. **LeakyReLU** keeps a slope of 0.2 below
# zero: the generator learns only through this network, and a dead unit would block the way.


# %%
class Discriminator(nn.Module):
    """Pictures (B, 1, 28, 28) to logits (B, 1): large means real."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(28 * 28, 1024), nn.LeakyReLU(0.2), nn.Dropout(0.3),
            nn.Linear(1024, 512), nn.LeakyReLU(0.2), nn.Dropout(0.3),
            nn.Linear(512, 256), nn.LeakyReLU(0.2), nn.Dropout(0.3),
            nn.Linear(256, 1),
        )  # fmt: skip

    def forward(self, image):
        return self.layers(image)


# %% [markdown]
# The source ends in a Sigmoid. We leave it out and move it into the loss; section 6 shows what that
# saves. Follow one batch through, layer by layer.

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
generator, discriminator = Generator(), Discriminator().eval()
signal = torch.randn(4, 100, generator=stream("one forward pass"))
for layer in generator.layers:
    signal = layer(signal)
    print(f"{layer!s:55s} {tuple(signal.shape)}  {count_parameters(layer):>9,}")
print(f"pixels {signal.min():.3f} to {signal.max():.3f}")
print("logits", [round(value, 3) for value in discriminator(signal).flatten().tolist()])

# %% tags=["nbval-check-output"]
for network, theirs in [
    (generator, gan.Generator(gan.GANConfig())),
    (discriminator, gan.Discriminator(gan.GANConfig()).eval()),
]:
    theirs.load_state_dict(network.state_dict())
    sample = torch.randn(4, 100) if network is generator else torch.rand(4, 1, 28, 28)
    assert torch.equal(network(sample), theirs(sample))
    print(f"{type(network).__name__:14s}{count_parameters(network):>10,}  same as the package's")

# %% [markdown]
# Untrained pictures are grey, all pixels near 0, and untrained logits are near 0: the discriminator says
# "one half" to everything. The counts, 1,486,352 and 1,460,225, are the source's. More than half of each
# sits in the one layer that touches the pixels. Lesson 2 replaces that by convolution.

# %% [markdown]
# ## 6 · The losses
#
# The formulas have a logarithm of a Sigmoid. Written in that order on a computer they break, and they
# break when the discriminator is most certain.

# %% tags=["nbval-check-output"]
logits = torch.tensor([-200.0, -20.0, 0.0, 20.0])
print("-log(sigmoid(l))  ", [f"{value:.4f}" for value in -torch.log(torch.sigmoid(logits))])
print("log(1 - D), naive ", [f"{value:.4f}" for value in torch.log(1 - torch.sigmoid(logits))])
print("log(1 - D), stable", [f"{value:.4f}" for value in F.logsigmoid(-logits)])

# %% [markdown]
# `inf` and `-inf` where the truth is 200 and -20. PyTorch's `BCELoss`, which the source uses, avoids
# them by clamping the logarithm at -100; then a very certain discriminator gives a *flat* loss, and the
# generator's gradient is zero. The stable form works on logits from the start.

# %% [markdown]
# ### Exercise 1 · The generator's loss
#
# ●●○ · 10 minutes · 3 points
#
# Write the non-saturating loss, the mean of $-\log\sigma(\ell)$, so that it is finite and has the right
# slope for every float32 logit. Derive the formula; of PyTorch use only `exp`, `log1p`, `clamp`, `abs`
# and `mean`.


# %% tags=["exercise:01-1"]
def generator_loss(fake_logits):
    """Logits of any shape to one number, the mean of -log σ(logit)."""
    raise NotImplementedError


# %% [markdown]
# <details><summary>Hint</summary>
#
# $-\log\sigma(\ell) = \log(1 + e^{-\ell})$. For $\ell \ll 0$ the exponential overflows. Take $e^{-\ell}$ out of
# the bracket: $\log(1+e^{-\ell}) = -\ell + \log(1 + e^{\ell})$. One of the two forms is safe on each side of
# zero. Can you write both as one, with $e^{-|\ell|}$?
#
# </details>


# %% tags=["solution:01-1"] jupyter={"source_hidden": true}
def generator_loss_reference(fake_logits):
    linear = (fake_logits.abs() - fake_logits) / 2  # max(0, -ℓ); its slope at 0 is right, too
    return (linear + torch.log1p(torch.exp(-fake_logits.abs()))).mean()


# %% tags=["check:01-1:3"]
def test_generator_loss(function):
    moderate = torch.linspace(-8, 8, 33).view(11, 3) + 0.1
    expected = -torch.log(torch.sigmoid(moderate.double())).mean().float()
    value = function(moderate)
    assert value.shape == (), "a loss is one number: take the mean"
    assert abs(value - expected) < 1e-4, (
        f"the mean of -ln D(fake) is {expected:.4f} for these logits, not {value.item():.4f}"
    )
    for logit, loss, slope in [(-300.0, 300.0, -1.0), (300.0, 0.0, 0.0), (0.3, 0.55436, -0.42556)]:
        leaf = torch.full((2, 1), logit, requires_grad=True)
        cost = function(leaf)
        assert abs(cost.item() - loss) < 1e-3, (
            f"at logit {logit}: expected {loss}, got {cost.item()}"
        )
        cost.backward()
        assert abs(leaf.grad.sum().item() - slope) < 1e-3, (
            f"at logit {logit} the slope must be {slope}, not {leaf.grad.sum().item()}: "
            "a clamped loss is flat, and a flat loss teaches nothing"
        )


generator_loss = check(generator_loss, generator_loss_reference, test_generator_loss)

# %% [markdown]
# ### What each loss asks for
#
# The discriminator's loss has two parts: $-\log\sigma(\ell)$ on real pictures and $-\log(1-\sigma(\ell))$ on
# fakes. Drawn over the logit, next to the two generator losses:

# %%
logits = torch.linspace(-6, 6, 200)
curves = {
    "D on real, and G non-saturating: −log σ": F.softplus(-logits),
    "D on fake: −log(1 − σ)": F.softplus(logits),
    "G saturating: log(1 − σ)": -F.softplus(logits),
}
show_curves(curves, x=logits, xlabel="logit (left: called fake, right: called real)", height=3.2)

# %% tags=["nbval-check-output"]
nothing = torch.zeros(100, 1)
print(f"D {bce_discriminator_loss(real_logits=nothing, fake_logits=nothing):.4f} = 2 ln 2")
print(f"G {bce_generator_loss(fake_logits=nothing):.4f} = ln 2")

# %% [markdown]
# The first curve is steep on the left, so a fake that is called fake pulls hard on the generator. The
# third is flat there: the saturation of section 4. The two printed numbers are the marks to remember: a
# discriminator that knows nothing answers ½ everywhere and pays 2 ln 2, and its generator pays ln 2.

# %% [markdown]
# ## 7 · Bug hunt: why is the paper grey?
#
# ### Exercise 2 · What the discriminator sees
#
# ●●○ · 15 minutes · 4 points
#
# Return to the first run. Is there a cheap cue that tells real from fake without knowing anything about
# digits? Print whatever you like about `real_pixels` and `fake_pixels` (these from the untrained
# generator of section 5): means, extremes, signs. Then write the cue as a rule with no learned number in
# it: `find_fakes` must be right on **every** picture.

# %%
real_pixels = to_unit(digits.floats(slice(200)))  # what the published recipe feeds: [0, 1]
with torch.no_grad():
    fake_pixels = generator(torch.randn(200, 100, generator=stream("bug hunt")))


# %% tags=["exercise:01-2"]
def find_fakes(images):
    """Pictures (B, 1, 28, 28) to (B,) bool: True where the picture must be a fake."""
    raise NotImplementedError


# %% [markdown]
# <details><summary>Hint</summary>
#
# Which values can `ToTensor` never produce, and Tanh can? One such pixel is enough to give a picture away.
# `images.flatten(1)` has one row a picture.
#
# </details>


# %% tags=["solution:01-2"] jupyter={"source_hidden": true}
def find_fakes_reference(images):
    return (images < 0).flatten(1).any(dim=1)


# %% tags=["check:01-2:4"]
def test_find_fakes(function):
    source = torch.Generator().manual_seed(3)
    real = torch.rand(50, 1, 28, 28, generator=source)
    real[:10] = 0  # an empty page is a legal picture
    fake = torch.rand(50, 1, 28, 28, generator=source) * 2 - 1
    answer = function(torch.cat([real, fake]))
    assert answer.shape == (100,), "one answer a picture, not one a batch or a pixel"
    assert answer.dtype == torch.bool, "answer True or False"
    assert not answer[:50].any(), "a picture in [0, 1] was called fake"
    assert answer[50:].all(), "a picture of an untrained generator was not found"
    late = real.clone()
    late[:, 0, 4, 5] = -0.02  # a generator that has nearly learned to avoid the trap
    assert function(late).all(), "one pixel that no real picture can have is proof enough"


find_fakes = check(find_fakes, find_fakes_reference, test_find_fakes)

# %% [markdown]
# ### The experiment that exposes it
#
# Real pixels lie in [0, 1]; Tanh gives [-1, 1]. Whatever the generator draws, its **sign** betrays it:

# %% tags=["nbval-check-output"]
for name, real in [("published", real_pixels), ("repaired", real_pixels * 2 - 1)]:
    right = torch.cat([~find_fakes_reference(real), find_fakes_reference(fake_pixels)])
    print(
        f"{name:10s} negative pixels: {(fake_pixels < 0).float().mean():.0%} of the fakes', "
        f"{'none' if real.min() >= 0 else 'most'} of the data's; the sign is right for "
        f"{right.float().mean():.0%}"
    )

# %%
with torch.no_grad():
    z = torch.randn(200, 100, generator=run.generator(2)).to(run.device)
    trained = published.generator(z).cpu()
print(
    f"after {FIRST} steps of the first run: {(trained < 0).float().mean():.0%} of pixels negative,"
)
print(f"and the sign alone finds {find_fakes_reference(trained).float().mean():.0%} of the fakes")

# %% [markdown]
# So the first discriminator did not need strokes: any negative pixel is proof. To hide, the generator
# must keep 784 pixels on one side of zero at once, and draw black as exactly 0. On Tanh's scale that is
# mid-grey, the colour of the paper we saw, and its steep middle, where every wobble shows. It is a
# handicap, not a wall: shapes came through all the same, and the source plays on for 120,000 steps.
#
# **The repair** is one line: bring data to where the generator can go, $x \mapsto 2x - 1$. Now black is -1,
# the flat end of Tanh, and noise there vanishes. Our `batches` do this already; from here on we use them
# untouched.

# %% [markdown]
# ## 8 · The loop, nothing hidden
#
# A game has two players, two optimisers, and one seed. The source uses Adam with its default memory of
# gradients, $\beta_1 = 0.9$. We take 0.5, as most GANs since Radford et al. (2015): the opponent moves, so
# old gradients mislead.


# %%
def adam(network):
    return torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.5, 0.999), fused=True)


class Game:
    """A generator, a discriminator, and an optimiser for each."""

    def __init__(self, seed):
        torch.manual_seed(seed)
        self.seed = seed
        self.generator = Generator().to(run.device)
        self.discriminator = Discriminator().to(run.device)
        self.generator_optimizer = adam(self.generator)
        self.discriminator_optimizer = adam(self.discriminator)


def noise(count, *key):
    """Noise (count, 100). The same key gives the same noise, whatever was drawn before."""
    return torch.randn(count, 100, generator=stream(*key)).to(run.device)


# %% [markdown]
# **The discriminator's turn.** It sees a real and a fake batch. `detach()` cuts the fakes off from the
# generator: this turn must not change it, and the backward pass need not go through it.


# %%
def discriminator_step(game, real, z):
    """One update of the discriminator; returns its loss."""
    fake = game.generator(z).detach()
    loss = bce_discriminator_loss(
        real_logits=game.discriminator(real), fake_logits=game.discriminator(fake)
    )
    game.discriminator_optimizer.zero_grad()
    loss.backward()
    game.discriminator_optimizer.step()
    return loss.item()


# %% [markdown]
# **The generator's turn.** No detach here: the gradient must flow *through* the discriminator, from its
# opinion down to the pixels and on into the generator. On the way it fills the discriminator's `.grad`
# too. That is why each turn clears its gradients right before `backward`: what lies there was left by
# the other player.


# %%
def generator_step(game, z):
    """One update of the generator; returns its loss."""
    loss = bce_generator_loss(fake_logits=game.discriminator(game.generator(z)))
    game.generator_optimizer.zero_grad()
    loss.backward()
    game.generator_optimizer.step()
    return loss.item()


# %% tags=["nbval-check-output"]
trial = Game(seed=0)
fake = trial.generator(noise(8, "detach"))
for name, picture in [("detached", fake.detach()), ("not detached", fake)]:
    trial.discriminator(picture).mean().backward()
    reached = trial.generator.layers[0].weight.grad is not None
    print(f"{name:13s} the gradient reaches the generator: {reached}")

# %% [markdown]
# **The loop** alternates: one turn each, with fresh noise for each. The last argument is the switch of
# section 11; leave it at 1.


# %%
def play(game, *, steps, start=0, generator_steps=1):
    """Play `steps` rounds; yields (step, discriminator's loss, generator's loss)."""
    source = batches(digits, batch_size=100, seed=game.seed, start=start)
    for step, batch in enumerate(islice(source, steps), start):
        z = noise(100, game.seed, "discriminator", step)
        d_loss = discriminator_step(game, batch.image.to(run.device), z)
        for repeat in range(generator_steps):
            g_loss = generator_step(game, noise(100, game.seed, "generator", step, repeat))
        yield step, d_loss, g_loss


# %% [markdown]
# ### The same loop, for every lesson
#
# Later models have more kinds of turns, or turns that pause. The package calls a turn a **phase** (which networks
# learn, their loss, their optimiser), and `training.train` runs the phases of any model: it freezes the
# others, clears, runs backward, steps. It is the loop you have just read. Proof, one step on copies:

# %% tags=["nbval-check-output"]
ours, theirs = Game(seed=3), gan.GAN(gan.GANConfig(seed=3, learning_rate=RATE)).to(run.device)
theirs.generator.load_state_dict(ours.generator.state_dict())
theirs.discriminator.load_state_dict(ours.discriminator.state_dict())
torch.manual_seed(9)  # dropout draws from torch's own stream
discriminator_step(ours, batch.image.to(run.device), noise(100, 3, "discriminator", 0))
generator_step(ours, noise(100, 3, "generator", 0))
torch.manual_seed(9)
list(training.train(theirs, iter([batch]), steps=1))
torch.testing.assert_close(ours.generator.state_dict(), theirs.generator.state_dict())
torch.testing.assert_close(ours.discriminator.state_dict(), theirs.discriminator.state_dict())
print("after one step: the same weights in both networks")

# %% [markdown]
# ## 9 · Train
#
# The generator circles around its goal rather than settling: each step answers the latest opponent. So we
# also keep a **moving average** of its weights (EMA: exponential moving average), which smooths the
# circling out (Yazıcı et al. 2019) and costs one line. Ours, not the source's.

# %% tags=["train"]
STEPS = run.pick(ci=45, laptop=2500, gpu=30_000)
MOMENTS = [1, FIRST, STEPS // 3, STEPS]
game = Game(run.seed)
average = EMA(game.generator, decay=run.pick(ci=0.9, laptop=0.995, gpu=0.999))
fixed = noise(12, run.seed, "strip")
moments, losses = {}, {"discriminator": [], "generator": []}
for step, d_loss, g_loss in tqdm(play(game, steps=STEPS), total=STEPS):
    average.update()
    losses["discriminator"].append(d_loss)
    losses["generator"].append(g_loss)
    if step + 1 in MOMENTS:
        with torch.no_grad():
            moments[f"step {step + 1}"] = game.generator(fixed).cpu()

with average.applied(), torch.no_grad():
    moments["average"] = game.generator(fixed).cpu()
ink = {name: pictures.mean().item() for name, pictures in moments.items()}
target = digits.floats(slice(1000)).mean().item()
assert abs(ink["average"] - target) < 0.7 * abs(ink["step 1"] - target), "the ink is not the data's"

# %% tags=["picture"]
show_rows(moments)

# %% [markdown]
# Each column is one noise vector, each row a moment. First the paper darkens (compare with section 2,
# after as many steps), then blobs find places, then strokes. A column may change its mind
# about which digit it is. The last row, from the averaged weights, has the calmest strokes.

# %%
levels = {"2 ln 2": 2 * 0.6931, "ln 2": 0.6931}  # what the two pay if D knows nothing
show_curves(losses, levels=levels, smooth=run.pick(ci=5, laptop=50, gpu=500))

# %% [markdown]
# These curves do **not** tell how good the pictures are. In ordinary training a falling loss means
# progress. Here each loss is a score *against the present opponent*, and both improve at once. Look at
# where they stand to the dashed levels. The discriminator pays less than 2 ln 2 but far more than 0: it is
# ahead, and beatable, so the generator still gets a gradient.

# %% [markdown]
# ## 10 · Look and measure
#
# ### Did it learn by heart?
#
# A generator that stored the training digits would be a poor inventor. For each sample, find the nearest
# training digit, and compare its distance with that of a *real, unseen* digit.

# %%
with average.applied(), torch.no_grad():
    samples = game.generator(noise(1000, run.seed, "measure")).cpu()


def nearest(images):
    """For each image its nearest training digit, and the distance to it."""
    distance = torch.cdist(images.flatten(1), digits.floats(slice(8000)).flatten(1))
    value, index = distance.min(dim=1)
    return digits.floats(index), value


closest, gap = nearest(samples[:200])
_, gap_real = nearest(held_out.floats(slice(200)))
show_rows({"generated": samples[:12], "nearest\ntraining digit": closest[:12]})
print("distance to the nearest training digit:", end=" ")
print(f"generated {gap.mean():.1f}, unseen {gap_real.mean():.1f}")
print(f"the smallest of all: generated {gap.min():.1f}, unseen {gap_real.min():.1f}")

# %% [markdown]
# A copy would have distance 0: look at the smallest. On average the samples are about as far from the training
# digits searched as digits that were never in it (farther, while they are no digits yet): no sign of storing.
# The discriminator could have stored some; it is the one that sees them.

# %% [markdown]
# ### Which digits does it draw?
#
# The data has ten classes in nearly equal shares. Have the samples? To count 1,000 of them we train a
# judge: a small convolutional classifier on the same digits, with their labels. It must first be good on
# held-out digits, else its counts mean nothing.

# %% tags=["train"]
torch.manual_seed(run.seed)
judge = nn.Sequential(
    nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU(),
    nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
    nn.Flatten(), nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10),
)  # fmt: skip
optimizer = torch.optim.Adam(judge.parameters(), lr=2e-3)
study = digits.take(slice(run.pick(ci=3000, laptop=8000, gpu=60_000)))
for epoch in range(run.pick(ci=2, laptop=6, gpu=6)):
    for rows in torch.randperm(len(study), generator=stream(run.seed, "judge", epoch)).split(64):
        optimizer.zero_grad()
        F.cross_entropy(judge(study.floats(rows)), study.labels[rows]).backward()
        optimizer.step()
with torch.no_grad():
    correct = (judge(held_out.floats()).argmax(1) == held_out.labels).float().mean().item()
print(f"held-out digits named correctly: {correct:.1%}")
assert correct > run.pick(ci=0.8, laptop=0.97, gpu=0.97), "too poor a judge to count with"


# %%
@torch.no_grad()
def measure(images):
    """Class counts (10,), the judge's mean confidence, the mean distance of two pictures."""
    confidence, label = judge(images).softmax(1).max(1)
    spread = torch.pdist(images[:300].flatten(1)).mean().item()
    return torch.bincount(label, minlength=10), confidence.mean().item(), spread


def covered(counts):
    """How many classes get at least a tenth of their fair share."""
    return int((counts >= counts.sum() / 100).sum())


# %%
counts, confidence, spread = measure(samples)
_, real_confidence, real_spread = measure(held_out.floats())
bars = {str(digit): count / 10 for digit, count in enumerate(counts.tolist())}
show_bars(bars, ylabel="% of 1,000 samples", level=("fair share", 10))
print(f"classes covered   {covered(counts)} of 10")
print(f"judge's confidence {confidence:.2f} on samples, {real_confidence:.2f} on unseen digits")
print(f"mean distance of two pictures {spread:.1f} among samples, {real_spread:.1f} among digits")

# %% [markdown]
# **Mode coverage** is the word: a *mode* is a bump of the data's distribution, here a digit. At the game's
# optimum the shares are the data's; a short run stops far from it, and as each fake is judged alone, the
# loss feels a missing digit only slowly. **Confidence** below that of real digits points to samples that
# are no digit at all. The judge must name *something*, even for a blob: read the bars and the confidence
# together.

# %% [markdown]
# ### How much of it is luck?
#
# One run is an anecdote. Here is the same recipe from three seeds, each stopped at the same early step,
# to keep the lesson short.

# %% tags=["train"]
EARLY = run.pick(ci=10, laptop=300, gpu=3000)
rivals = {f"seed {seed}": Game(seed) for seed in (11, 12, 13)}
for name, rival in rivals.items():
    spread_start = measure(rival.generator(noise(1000, "rivals")).cpu())[2]
    for _ in play(rival, steps=EARLY):
        pass
    with torch.no_grad():
        rival_counts, sure, distance = measure(rival.generator(noise(1000, "rivals")).cpu())
    print(f"{name}: {covered(rival_counts):2d} classes, {rival_counts.tolist()}, sure {sure:.2f}")
    assert distance > 1.2 * spread_start, "the generator still draws one picture only"

# %% [markdown]
# Compare the lists of counts, class by class: the favourites differ from seed to seed. Whoever reports
# one seed reports luck. (These are plain weights; averaging needs a longer run.)

# %% [markdown]
# ## 11 · Break it: mode collapse
#
# Goodfellow et al. warn in section 6 of "the Helvetica scenario": if $G$ is trained too much without
# updating $D$, it "collapses too many values of z to the same value of x". Take the trained pair and turn
# one switch: **100 generator turns for each discriminator turn.**
#
# *Predict before you run.* While the discriminator stands still, what is the generator's best answer to
# it: many digits, or one? What happens when the discriminator gets its next turn?

# %% tags=["train"]
ROUNDS, TURNS = run.pick(ci=(3, 20), laptop=(9, 100), gpu=(12, 100))
collapsing, frames = deepcopy(game), {}
with torch.no_grad():
    before = measure(game.generator(noise(1000, run.seed, "measure")).cpu())
    frames["before"] = game.generator(fixed).cpu()
for step, _, _ in play(collapsing, steps=ROUNDS, start=STEPS, generator_steps=TURNS):
    rounds = step - STEPS + 1
    if rounds % (ROUNDS // 3) == 0 or rounds == 1:
        frames[f"round {rounds}"] = collapsing.generator(fixed).detach().cpu()
with torch.no_grad():
    after = measure(collapsing.generator(noise(1000, run.seed, "measure")).cpu())
assert after[2] < run.pick(ci=1.0, laptop=0.6, gpu=0.6) * before[2], "it did not collapse"

# %%
show_rows(frames)
for name, (collapse_counts, _, distance) in {"before": before, "after": after}.items():
    classes = f"{covered(collapse_counts):2d} classes {collapse_counts.tolist()}"
    print(f"{name:7s}{classes}  distance {distance:.1f}")

# %% [markdown]
# Twelve different noise vectors drift to one picture: the spot where the waiting discriminator is weakest.
# Its next turn learns to reject that picture, and the crowd moves to the next weak spot, together.
# Nothing about a *set* of pictures is in the loss, so nothing holds them apart. What protects an ordinary
# run is only that the discriminator answers after every step, before the crowd has gathered.

# %% [markdown]
# ## 12 · Play: a walk through the noise
#
# Two noise vectors give two digits. What lies between? A straight line between them passes through a
# region where noise hardly ever falls: in 100 dimensions, nearly all of it lies near a sphere of radius 10.

# %%
z = torch.randn(2000, 100, generator=stream("lengths"))
print(f"length of one noise vector: {z.norm(dim=1).mean():.1f} ± {z.norm(dim=1).std():.1f}")
print(f"length half-way between two: {((z[::2] + z[1::2]) / 2).norm(dim=1).mean():.1f}")

# %% [markdown]
# ### Exercise 3 · Walk on the sphere
#
# ●●○ · 10 minutes · 3 points
#
# *Spherical* interpolation (slerp; Shoemake 1985, for latents White 2016) keeps the length. With $\Omega$ the
# angle between $a$ and $b$:
#
# $$\mathrm{slerp}(a, b, t) = \frac{\sin((1-t)\,\Omega)}{\sin\Omega}\,a + \frac{\sin(t\,\Omega)}{\sin\Omega}\,b.$$
#
# Where the two directions agree, $\sin\Omega = 0$: return the straight mix there.


# %% tags=["exercise:01-3"]
def slerp(a, b, t):
    """Noise a and b, (N,) each, and t in [0, 1], to the noise (N,) at t of the way on the arc."""
    raise NotImplementedError


# %% [markdown]
# <details><summary>Hint</summary>
#
# $\cos\Omega$ is the dot product of $a/|a|$ and $b/|b|$. Rounding can push it just above 1, and `acos`
# of that is nan: clamp first.
#
# </details>


# %% tags=["solution:01-3"] jupyter={"source_hidden": true}
def slerp_reference(a, b, t):
    omega = torch.acos(F.cosine_similarity(a, b, dim=0).clamp(-1, 1))
    if torch.sin(omega) < 1e-4:
        return (1 - t) * a + t * b
    return (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)


# %% tags=["check:01-3:3"]
def test_slerp(function):
    x, y = torch.tensor([2.0, 0.0, 0.0]), torch.tensor([0.0, 2.0, 0.0])
    torch.testing.assert_close(function(x, y, 0.0), x, msg="t = 0 must give a")
    torch.testing.assert_close(function(x, y, 1.0), y, atol=1e-5, rtol=0, msg="t = 1 must give b")
    third = torch.tensor([3**0.5, 1.0, 0.0])  # a third of the way: 30 of 90 degrees
    torch.testing.assert_close(function(x, y, 1 / 3), third, msg="a third of 90 degrees is 30")
    source = torch.Generator().manual_seed(2)
    for _ in range(20):
        a, b = F.normalize(torch.randn(2, 100, generator=source)) * 10
        for t in (0.1, 0.5, 0.8):
            assert abs(function(a, b, t).norm() - 10) < 1e-2, "the walk must keep the length"
    assert function(x, 3 * x, 0.5).isfinite().all(), "same direction: sin Ω is 0, do not divide"
    torch.testing.assert_close(function(x, x, 0.3), x, msg="between a and a there is only a")


slerp = check(slerp, slerp_reference, test_slerp)


# %%
def picture(z):
    """What the averaged generator draws for noise (N, 100)."""
    with average.applied(), torch.no_grad():
        return game.generator(z.to(run.device)).cpu()


def walk(start, end, place):
    """The digit at `place` on the arc between two of the twelve noise vectors, and both ends."""
    z = torch.stack([fixed[start], slerp_reference(fixed[start], fixed[end], place), fixed[end]])
    show_images(picture(z), titles=["start", f"{place:.2f}", "end"], columns=3, width=5)


places = torch.linspace(0, 1, 12)
arc = torch.stack([slerp_reference(fixed[1], fixed[3], t) for t in places])
line = torch.stack([(1 - t) * fixed[1] + t * fixed[3] for t in places])
show_rows({"on the arc": picture(arc), "straight": picture(line)})

# %% [markdown]
# Neighbours in noise are neighbours in picture: strokes bend, open and join. Somewhere in the middle lies a
# figure that is neither digit; the data has gaps between its classes, and a continuous map must cross them.
# The two rows look much alike: this small network forgives short vectors. Choose two ends below and look
# for the crossing.

# %% tags=["widget"]
explore(walk, start=range(12), end=range(1, 12), place=(0.0, 1.0, 0.05))

# %% [markdown] tags=["reflect:01-4:3"]
# ### Question · What does the discriminator's loss tell you?
#
# ○ · 10 minutes · 3 points, marked by hand
#
# During a run, the discriminator's loss falls from 1.2 to 0.5 and the generator's rises. A friend says:
# "The generator is getting worse; stop." Another run sits at 1.386 and 0.693 for a thousand steps, and the
# friend says: "Perfect, equilibrium." Judge both, and name two measurements that would decide. Five
# sentences.
#
# <details><summary>What a good answer contains</summary>
#
# Each loss is a score against the present opponent: a falling one says the *gap* has grown, and pictures may
# improve all the while. 2 ln 2 and ln 2 is what a discriminator pays that knows nothing; that is the
# equilibrium, or a dead discriminator (a learning rate of 0, a constant output) against a generator that
# learns nothing. To decide: samples from fixed noise over time, class coverage and confidence by a judge,
# distance between samples, or a *fresh* discriminator trained against the frozen generator. One point for
# each judgement, one for the measurements.
#
# </details>

# %% [markdown]
# ## 13 · What we have
#
# A generator that turns noise into digits, taught only by an opponent's opinion; a loop of two turns, which
# the package repeats for every model to come; a judge that counts what is missing.
#
# **Three pitfalls** to take along: data and Tanh in different ranges, a forgotten `detach` or `zero_grad`, and
# faith in loss curves.
#
# **Read on.** Goodfellow et al. 2014, *Generative adversarial nets*: algorithm 1 is our loop, proposition 1
# our section 4. Salimans et al. 2016, *Improved techniques for training GANs*: minibatch discrimination, which
# lets the discriminator see a set of pictures at once. Next, lesson 2: convolution, and faces.

# %%
run.save_card(
    "01_vanilla_gan",
    {"data": digits.name, "steps": STEPS, "classes": covered(counts), "confidence": confidence},
)
print(f"card saved: {covered(counts)} of 10 classes on {digits.name}")
