# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 6b · One variable at a time
#
# Lesson 6 built source 001's network, weighed its losses and found two numbers that do not mean what they seem. This
# notebook goes further, for those who want the whole of the source: its two variants and what each choice costs;
# whether its attention is "critical", as its report says; which mixes of losses nobody should take; and what the
# losses' region, width, skips and augmentation are worth, each changed *alone*.

# %% [markdown]
# **Time** about an hour to read; the cells themselves run in about three minutes on two CPU cores. **Before this
# notebook** lesson 6. There are no exercises, and no later lesson needs it. The network is the package's, which lesson 6
# showed to be yours. **Data** faces, drawn or photographed, as in lesson 6.
#
# ## 1 · Set-up

# %%
import inpaintlib  # before torch: it sets how torch's threads wait for each other

# isort: split
import json
from collections import defaultdict
from dataclasses import replace
from functools import partial
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode
from tqdm.auto import tqdm

from inpaintlib import masks, metrics, training
from inpaintlib.data import batches, fixed_batch, jitter_colours, load_faces
from inpaintlib.images import paint_holes
from inpaintlib.measure import cards
from inpaintlib.measure.comparison import paired
from inpaintlib.measure.factorial import effects

# %%
from inpaintlib.models import unet
from inpaintlib.models.contract import count_parameters
from inpaintlib.notebook import session
from inpaintlib.notebook.exercises import guess_first
from inpaintlib.notebook.viz import BLUE, RED, show_images, show_rows, use_style
from inpaintlib.photos.shipped import load, weights_for
from inpaintlib.seeding import stream

use_style()
run = session.start(seed=6)
tiny, large = load_faces("train", size=32), load_faces("validation", size=128, limit=102)
box = partial(masks.rectangle, low=24 / 64, high=32 / 64)  # a box of ⅜ to ½ of the side
SEEDS = run.pick(ci=(1,), laptop=(1, 2, 3), gpu=(1, 2, 3))
print(f"inpaintlib {inpaintlib.__version__} · {run}\n{tiny}")

# %% [markdown]
# ## 2 · The source in full
#
# Its report (*text*) has two variants: losses near the hole, or on the whole picture. Its code has other numbers for
# the first:
#
# | | hole, text | hole, code | whole |
# |---|---|---|---|
# | photographs | 1,024: 819 / 102 / 103 | 200 | 1,000 |
# | size, base width | 200, 64 | 128, 16 | 200, 32 |
# | generator | 4,880,836 | 306,292 | 1,221,860 |
# | discriminator | 35,553 | 35,553 | 35,553 |
# | batch, epochs | 20, 20 | 10, 20 | 20, 30 |
# | an epoch, in all | 180 s, 1 h | | 80 s, 40 min |
#
# Filling a batch takes 0.29 s (Apple's MPS). The hole is "about a quarter of the image": its 32 pixels are a quarter
# of the *side* at 128, a sixth at 200.

# %% [markdown]
# The report's reasons: a learning rate of 0.0002 is "standard" and prevents mode collapse; Adam's $\beta_1 = 0.5$ and
# a small discriminator make the training stable; batch 20 is a balance of memory and stability; query and key an
# eighth as wide make attention fast. None was tested.
#
# ### What each choice costs
#
# Parameters cost memory, multiplications cost time. Count both, for one picture of each variant's size:


# %% tags=["nbval-check-output"]
def cost_of(base, size):
    """Parameters, and multiplications for one picture."""
    network = unet.Generator(unet.UNetConfig(base=base))
    with torch.no_grad(), torch.device("meta"), FlopCounterMode(display=False) as counter:
        network.to("meta")(torch.empty(1, 3, size, size), torch.empty(1, 1, size, size))
    # it counts a multiplication and an addition as two
    return count_parameters(network), counter.get_total_flops() // 2


variants = {"hole, text": (64, 200), "hole, code": (16, 128), "whole": (32, 200)}
for name, (base, size) in variants.items():
    parameters, products = cost_of(base, size)
    print(f"{name:10} {parameters:9,} parameters, {products / 1e9:5.2f} billion multiplications")

# %% [markdown]
# The network of the report costs 16 times the parameters and 38 times the multiplications of the one that was run.
# And it is not its losses that make the whole-picture variant faster: half the width is a quarter of the work. That
# is more than enough to explain an epoch of 80 s instead of 180.
#
# ### What the network is told
#
# The losses are averaged over the hole and a **ring** of four known pixels. The source hands the network hole and
# ring as one mask, so the network cannot know which of those pixels are known; ours is told the true hole (magenta).

# %%
ringed = fixed_batch(load_faces("validation", size=64), [2, 7, 9, 13, 17, 21], mask=box, seed=1)
region = masks.dilate(ringed.mask, 4)
tinted = torch.where((region - ringed.mask).bool(), 0.5 * ringed.image + 0.5, ringed.image)
rows = {"truth": ringed.image, "hole, ring": paint_holes(tinted, ringed.mask)}
show_rows(
    rows, heading="Magenta: what the network is told is missing. Pale: the ring that the losses add"
)

# %% [markdown]
# ## 3 · Is the attention critical?
#
# The report calls self-attention "critical for coherent hole filling". Attention compares every place with every
# other, so it sits at the bottleneck, where places are few: 625 of the source's 200 × 200 pixels (lesson 6). But is it
# worth anything there? Switch it off. In the shipped network, which the
# course trained, one number does it: $\gamma$, by which the layer's answer is multiplied before it is added. With
# $\gamma = 0$ the layer passes its input on unchanged.

# %%
shipped = load(weights_for("unet", large))
look = fixed_batch(large, [2, 7, 9, 13, 17, 21], mask=box, seed=1)
exam = fixed_batch(large, run.pick(ci=12, laptop=48, gpu=100), mask=box, seed=2)
with torch.no_grad():
    with_attention, shown = shipped.generate(exam), {"attention on": shipped.generate(look)}
    gamma = shipped.generator.attention.gamma.clone()
    shipped.generator.attention.gamma.zero_()
    without, shown["attention off"] = shipped.generate(exam), shipped.generate(look)
    shipped.generator.attention.gamma.copy_(gamma)
values = [metrics.psnr(x, exam.image, exam.mask).tolist() for x in (with_attention, without)]
worth = paired(*values)
print(f"γ after training: {gamma:.3f}; attention is worth {worth['mean']:+.3f} dB", end=" ")
print(f"({worth['low']:+.3f} to {worth['high']:+.3f}, {len(exam.image)} faces)")

# %%
change = 4 * (shown["attention on"] - shown["attention off"]).clamp(-0.25, 0.25)
show_rows(
    shown | {"change × 4": change, "truth": look.image},
    heading="What attention changes, in the shipped network: fine lines of eyes and hair",
)

# %% [markdown]
# In *our* shipped network, on drawn faces, the layer is worth about 0.2 dB, and the interval lies above 0: it helps a
# little. (A negative $\gamma$ is fine: the layer can learn values of the opposite sign.) That says nothing about the
# source's own network, which nobody tested so. And the test is not fair to a network without attention: the other
# layers learned together with this one. A full test trains a second network without it.

# %% [markdown]
# ## 4 · The experiment, read twice more
#
# Lesson 6 switched Sobel and SSIM off and on in a trained network. The same four mixes were trained from new weights, too:
# base 16, 500 steps, no discriminator, three seeds (`benchmarks/loss_weights.py`). Does SSIM do the same there with and
# without Sobel? If not (an **interaction**), a mean effect describes neither case:

# %% tags=["nbval-check-output"]
path = cards.folder_of("experiments") / "loss_weights.json"
card = json.loads(path.read_text(encoding="utf-8"))
scores = {(*entry["weights"].values(), entry["seed"]): entry["metrics"] for entry in card["runs"]}


def per_seed(setting, metric):
    """A setting's value of a metric, one number per seed."""
    return [scores[(*setting, seed)][metric] for seed in card["seeds"]]


for metric in ("PSNR", "SSIM", "L1", "gradient error", "sharpness"):
    pair = [
        [per_seed((sobel, ssim, 0.0), metric) for ssim in (0.0, 10.0)] for sobel in (0.0, 100.0)
    ]
    first, second, together = effects(pair)
    alone, beside = (second.mean + side * together.mean / 2 for side in (-1, 1))
    half = together.high - together.mean
    print(f"SSIM on {metric:14} alone {alone:+.4f}, beside Sobel {beside:+.4f}", end="  ")
    print(f"difference {together.mean:+.4f} ± {half:.4f}")
    if metric in ("gradient error", "sharpness"):
        half = first.high - first.mean
        print(f"Sobel on {metric:14} {first.mean:+.4f} ± {half:.4f}, mean of both")

# %% [markdown]
# Look where the difference is larger than its ±. The two losses do partly the same work: on SSIM and on the gradient
# error, the loss that is added second brings less than it would alone. Sharpness is the other way round: here, only
# beside Sobel does SSIM raise it, by winning back some of what Sobel takes. (From lesson 6's trained weights, without a
# discriminator, it raises it alone, too.)
#
# Then look at Sobel's lines: it brings the slopes nearer to the truth *and* makes the fill less sharp. Both follow from
# an absolute error on slopes: where the place of an edge cannot be known, the smallest error to be expected is that of
# slope 0, a blur.

# %% [markdown]
# ### The Pareto picture
#
# With several goals there is no best mix. But some are **dominated**: another is at least as good in both goals and
# better in one. What remains is the Pareto front; choosing on it is taste. Six more runs join the twelve:
# Sobel 10 and SSIM 1, as published, without and with a discriminator at ten times its published weight.

# %%
GOALS = ("PSNR", "SSIM", "sharpness")
settings = sorted({key[:3] for key in scores})
points = {s: [np.mean(per_seed(s, goal)) for goal in GOALS] for s in settings}


def dominated(one, others):
    return any(all(b >= a for a, b in zip(one, o, strict=True)) and o != one for o in others)


# %%
FINDINGS = {
    "SSIM": "PSNR and SSIM: one mix is best in both", "sharpness": "PSNR and sharpness: none is"
}  # fmt: skip
SEED = {"marker": "o", "ms": 4.5, "markeredgecolor": "white", "markeredgewidth": 0.7, "ls": ""}
figure, axes = plt.subplots(1, 2, figsize=(9.6, 3.2), layout="constrained")
for axis, goal, name in zip(axes, (1, 2), ("SSIM", "sharpness"), strict=True):
    pairs = {setting: (point[0], point[goal]) for setting, point in points.items()}
    for number, (setting, pair) in enumerate(pairs.items()):
        inside = "white" if dominated(pair, pairs.values()) else f"C{number}"
        parts = zip(("Sobel", "SSIM", "adv."), setting, strict=True)
        label = ", ".join(f"{loss} {weight:g}" for loss, weight in parts if weight) or "L1 alone"
        axis.plot(*pair, "o", color=f"C{number}", markerfacecolor=inside, ms=10)
        seeds = [per_seed(setting, m) for m in ("PSNR", name)]
        axis.plot(*seeds, color=f"C{number}", zorder=3, **SEED)
        axis.plot([], [], "s", color=f"C{number}", label=label)
    axis.set(xlabel="PSNR in the hole (dB)", ylabel=name)
    axis.set_title(FINDINGS[name], loc="left", fontsize=11)
    axis.margins(0.12)
for inside, label in (("0.4", "filled: not beaten in this panel"), ("white", "hollow: beaten")):
    axes[1].plot([], [], "o", color="0.4", markerfacecolor=inside, ms=10, label=label)
axes[1].legend(title="beside L1 × 100", loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# **What to see.** A large point is a setting's mean, the small ones are its seeds (L1 always has weight 100). Where
# the clouds of seeds overlap, who dominates is luck. A filled point is not beaten by any other mix in both goals of *its*
# panel; a hollow one is. On the left one mix is best in both. On the right none is: the sharpest
# fills, with the adversarial term, have the lowest PSNR.

# %% [markdown]
# ## 5 · Small networks that you can train again
#
# Small networks on faces of 32 pixels train in seconds: no discriminator, 120 steps, the losses' published weights.
# They cannot replace long runs, but you can repeat them. To close the skips of the package's network, we multiply by
# 0 what each block of the decoder gets from its skip.

# %%
SMALL_STEPS = run.pick(ci=10, laptop=120, gpu=600)
small_exam = fixed_batch(
    load_faces("validation", size=32), run.pick(ci=24, laptop=100, gpu=100), mask=box, seed=2
).to(run.device)
SMALL = replace(
    unet.PAPER, size=32, base=16, ring=2,
    batch_size=8, learning_rate=5e-4, betas=(0.5, 0.99), decay=True,
)  # fmt: skip


def close_skips(generator, base):
    """Put zeros into the skips: each block of the decoder reads what comes from below alone."""

    def shut(_, given, below):
        carries = torch.arange(given[0].shape[1], device=given[0].device) < below
        return given[0] * carries[:, None, None]

    for block, below in ((generator.dec3, 4), (generator.dec2, 4), (generator.dec1, 2)):
        block.register_forward_pre_hook(partial(shut, below=below * base))


# %%
def small_run(seed, pictures=tiny, steps=SMALL_STEPS, skips=True, flip=True, jitter=0.0, **changes):
    """Train a small U-Net without a discriminator; returns the family."""
    config = replace(SMALL, **({"steps": steps, "adversarial_start": steps} | changes))
    torch.manual_seed(seed)
    family = unet.UNet(config)
    if not skips:
        close_skips(family.generator, config.base)
    family.to(run.device)
    source = batches(pictures, batch_size=8, mask=box, flip=flip, jitter=jitter, seed=seed)
    for _ in training.train(family, source, steps=steps):
        pass
    return family


def grade(family, batch=small_exam):
    with training.eval_mode(family):
        pair = family.generate(batch), batch.image
    values = metrics.psnr(*pair, batch.mask), metrics.ssim(*pair, batch.mask)
    return dict(zip(("PSNR", "SSIM"), (v.mean().item() for v in values), strict=True))


# %% [markdown]
# ### Hole or whole image?
#
# Source 001 has a second variant and reports that it gains from the "full image context". By its report it differs in
# width (32 against 64), photographs, epochs and the region of the losses, by its code in picture size and batch too.
# Whichever wins, *which of them did it?* (In both, the network sees all known pixels; and in the second one's code
# the losses still count the hole alone.) The repair costs two variants more: change region and width each alone. Our
# "whole" means what it says: losses on every pixel.

# %% tags=["train"]
kinds = {"hole, full width": {}, "whole": {"whole": True}, "half width": {"base": 8}}
kinds["whole, half width"] = {"whole": True, "base": 8}
arms = defaultdict(list)  # name of a variant to one result per seed
for (name, changes), seed in tqdm(list(product(kinds.items(), SEEDS))):
    arms[name].append(grade(small_run(seed, **changes)))
untrained = max(grade(small_run(s, learning_rate=0.0, steps=1))["PSNR"] for s in SEEDS)
lowest = min(score["PSNR"] for scores in arms.values() for score in scores)
assert lowest > untrained + run.pick(ci=0.5, laptop=2.0, gpu=3.0), "a variant has learned nothing"

# %%
baseline, *others = arms
figure, axes = plt.subplots(1, 2, figsize=(8.4, 2.4), sharey=True, layout="constrained")
for axis, metric in zip(axes, ("PSNR", "SSIM"), strict=True):
    for place, name in enumerate(others):
        pairs = zip(arms[name], arms[baseline], strict=True)
        values = [one[metric] - other[metric] for one, other in pairs]
        apart = place + 0.2 * (np.arange(len(values)) - 1)  # the first seed on top
        axis.plot(values, apart, "o", color=f"C{place}", ms=4.5)
        axis.vlines(np.mean(values), place - 0.3, place + 0.3, color=f"C{place}")
        print(
            f"{name:17} {metric} {np.mean(values):+.3f} ({min(values):+.3f} to {max(values):+.3f})"
        )
    axis.axvline(0, color="0.45", linestyle="--", linewidth=1)
    unit = " (dB)" if metric == "PSNR" else ""
    axis.set(xlabel=f"{metric} minus that of “{baseline}”{unit}", ylim=(len(others) - 0.5, -0.5))
    axis.locator_params(axis="x", nbins=5)
axes[0].set(yticks=range(len(others)), yticklabels=others)
heading = "Each change costs by itself, and they add up"
figure.suptitle(heading, x=0.02, ha="left", fontsize=11)
plt.show()
means = {name: np.mean([score["PSNR"] for score in arms[name]]) for name in arms}
cost = {name: means[baseline] - means[name] for name in others}
assert run.pick(ci=True, laptop=min(cost.values()) > 0.4, gpu=True), "one change costs nothing"

# %% [markdown]
# **What to see.** A dot is a seed, a short line their mean; the baseline is *hole, full width*. In our run the whole
# region costs 0.7 dB, half the width 1.1, and both together 1.7; every change costs something in every seed. By its
# report, source 001 has only a comparison like the last row, in which one cannot tell region from width.

# %% [markdown]
# ### What are the skips worth?
#
# *Predict:* the same network with zeros in its skips. Where does it lose: in the middle of the hole, or at
# its rim?


# %%
def by_depth(family, batch=small_exam):
    """Mean absolute error at each distance from the rim, 1 is the outermost pixel of the hole."""
    with training.eval_mode(family):
        error = (family.generate(batch) - batch.image).abs().mean(dim=1, keepdim=True) / 2
    inner, found = batch.mask, []
    for _ in range(5):
        core = 1 - masks.dilate(1 - inner, 1)
        found.append((error * (inner - core)).sum().item() / (inner - core).sum().item())
        inner = core
    return found


# %% tags=["train"]
depths = {
    name: [by_depth(small_run(seed, skips=skips)) for seed in tqdm(SEEDS)]
    for name, skips in {"with skips": True, "without": False}.items()
}
rim = [np.mean(values, axis=0)[0] for values in depths.values()]
blank = np.mean([by_depth(small_run(seed, learning_rate=0.0, steps=1))[0] for seed in SEEDS])
assert max(rim) < blank, "one of the two has learned nothing"

# %% tags=["predict"]
guess_first()
figure, axis = plt.subplots(figsize=(5.5, 2.6))
for number, (name, values) in enumerate(depths.items()):
    axis.plot(range(1, 6), np.transpose(values), "o", color=f"C{number}", ms=4, alpha=0.5)
    mean = np.mean(values, axis=0)
    axis.plot(range(1, 6), mean, color=f"C{number}", label=name)
    print(f"{name:10}", "  ".join(f"{value:.3f}" for value in mean))
axis.set(xlabel="distance from the rim (pixels)", ylabel="L1 in the hole", xticks=range(1, 6))
axis.set_ylim(0)
axis.set_title("Skips help at the rim of the hole alone", loc="left", fontsize=10)
axis.legend()
plt.show()
saved = np.subtract(*[np.mean(depths[name], axis=0) for name in ("without", "with skips")])
assert run.pick(ci=True, laptop=saved[0] > 0.01 > 0.005 > saved[2:].max(), gpu=True), saved

# %% [markdown]
# **What to see.** A dot is a seed. At the rim the error is 0.095 with skips and 0.115 without; one pixel further in,
# 0.115 and 0.120. From the third pixel on they bring next to nothing: there the deep route decides, with or without
# them. In lesson 6, closed skips made grey fills; a network that *trains* without skips learns to send colours
# through the deep route.

# %% [markdown]
# ### Augmentation
#
# The source lists "random masking positions and sizes"; its code varies positions only. Pictures can be varied too: a
# mirrored face is a face, and so is one in slightly other light. Change a face only into another possible face (not
# upside down), and change truth and input alike.

# %%
truth = load_faces("validation", size=64).floats([20])
many = truth.repeat(7, 1, 1, 1)
many = torch.cat([truth, truth.flip(-1), jitter_colours(many, 0.3, generator=stream(2))[1:]])
show_images(many, columns=8, width=8, titles=["as it is", "mirrored", *["other light"] * 6])

# %% [markdown]
# It should help when pictures are so few that the network can learn them by heart. So: 40 pictures, and the PSNR on
# these beside that on unseen ones. (Above, the light changes by up to 0.3, to be seen well; in training by up to 0.2.)

# %% tags=["train"]
few = load_faces("train", size=32, limit=40)
known_exam = fixed_batch(few, 40, mask=box, seed=9).to(run.device)
kinds = {"as they are": {"flip": False}, "mirrored": {"flip": True}}
kinds["other light"] = {"flip": False, "jitter": 0.2}
gaps = defaultdict(list)
for (name, kind), seed in tqdm(list(product(kinds.items(), SEEDS))):
    learned = small_run(seed, pictures=few, steps=2 * SMALL_STEPS, **kind)
    gaps[name].append([grade(learned, exam)["PSNR"] for exam in (known_exam, small_exam)])
grey = metrics.psnr(0 * small_exam.image, small_exam.image, small_exam.mask).mean().item()
assert np.min([pairs for pairs in gaps.values()]) > grey, "nothing has been learned"

# %%
figure, (axis, beside) = plt.subplots(1, 2, figsize=(9, 2.5), sharey=True, layout="constrained")
start = np.array(gaps["as they are"])
for place, pairs in enumerate(gaps.values()):
    for seed, (known, unseen) in enumerate(pairs):
        height = place + 0.2 * (seed - 1)  # the first seed on top
        axis.plot([unseen, known], [height, height], color="0.8", linewidth=1, zorder=0)
        axis.plot(known, height, "D", color=RED, ms=4.5, label="training faces")
        axis.plot(unseen, height, "o", color=BLUE, ms=4.5, label="unseen faces")
        beside.plot(unseen - start[seed, 1], height, "o", color=BLUE, ms=4.5)
axis.set(yticks=range(3), yticklabels=gaps, ylim=(2.5, -0.5), xlabel="PSNR in the hole (dB)")
beside.axvline(0, color="0.45", linestyle="--", linewidth=1)
beside.set_xlabel("unseen faces: gain of each seed (dB)")
heading = "Mirroring gains a little on unseen faces; for other light the seeds disagree"
figure.suptitle(heading, x=0.02, ha="left", fontsize=11)
handles, labels = axis.get_legend_handles_labels()
beside.legend(handles[:2], labels[:2], loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
gains = {n: (np.array(gaps[n]) - np.array(gaps["as they are"]))[:, 1] for n in list(gaps)[1:]}
for name, gain in gains.items():
    print(f"{name:12} on unseen faces, per seed: {gain.round(2)} dB")
assert run.pick(ci=True, laptop=gains["mirrored"].mean() > 0, gpu=True)

# %% [markdown]
# **What to see.** Compare dots with dots; on the right is what each gains over the same seed *as they are* (in a row,
# the first seed is on top). In our run mirroring gains 0.04 to 0.13 dB in every seed; other light gains 0.14 in one
# seed and nothing in another: not settled. Diamonds are measured on other faces and other holes, so the distance from
# dot to diamond is not only memory.

# %% [markdown]
# ## 6 · What we have
#
# A network that costs a thirty-eighth of the one described; an attention, called critical, that helps ours a little;
# two losses that partly do each other's work; a comparison that changed many things at once; skips that help at the
# rim; augmentation that brings little.
#
# Next, lesson 7: nobody tells the network where the hole is.
