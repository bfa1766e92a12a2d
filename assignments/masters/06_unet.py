# %%
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity
from torch import nn

from inpaintlib.models import unet
from inpaintlib.notebook.agreement import agrees, untouched
from inpaintlib.notebook.network_checks import builds
from inpaintlib.seeding import stream


# %% [markdown] tags=["task:06-2"]
# ### Exercise 2 · The U-Net
#
# ●●○ · 25 minutes · 6 points
#
# Write it. With base width $b$ it has these blocks, which are attributes with these names:
#
# | block | channels, all 3 × 3 |
# |---|---|
# | enc1, enc2, enc3 | 4 → b → b, b → 2b → 2b, 2b → 4b → 4b |
# | attention | a `SelfAttention2d` of 4b channels |
# | bottleneck | 4b → 4b → 4b |
# | dec3, dec2, dec1 | 8b → 4b → 4b, 6b → 2b → 2b, 3b → b → 3 |
#
# All but `attention` are `DoubleConv`s; in `dec1`, an `nn.Sequential`, a Tanh stands for the last LeakyReLU.
#
# Observed picture and mask, joined, enter enc1. `F.max_pool2d(x, 2)` halves after each encoder block; then come
# attention and bottleneck. `unet.double` doubles before each decoder block, which gets what comes from below, joined with
# the output of the encoder block of its level (the skip), in this order. End `__init__` with `he_start(self)`.
# With `skips=False` the skips carry zeros, and the network keeps its size.


# %% tags=["hidden:06-2"]
# without: inpaintlib.models.unet.Generator
class HiddenUNet(unet.Generator):
    """The package's network, with a switch for its skips."""

    def __init__(self, base, skips=True):
        super().__init__(unet.UNetConfig(base=base))
        self.skips = skips

    def forward(self, observed, mask):
        x = torch.cat([observed, mask], dim=1)
        kept = []
        for block in (self.enc1, self.enc2, self.enc3):
            kept.append(block(x))
            x = F.max_pool2d(kept[-1], 2)
        x = self.bottleneck(self.attention(x))
        for block, skip in zip((self.dec3, self.dec2, self.dec1), kept[::-1], strict=True):
            x = block(torch.cat([unet.double(x), skip * self.skips], dim=1))
        return x


def hidden_unet(network):
    def inputs(*_):
        source = torch.Generator().manual_seed(121)
        found = []
        for batch, height, width in [(3, 16, 32), (2, 40, 8), (1, 8, 24)]:
            image = torch.rand(batch, 3, height, width, generator=source) * 2 - 1
            mask = (torch.rand(batch, 1, height, width, generator=source) < 0.4).float()
            found.append((image * (1 - mask), mask))
        return found

    told = "the U-Net of the table for base {} and skips={}"
    for case in ((4,), (10, True), (6, False), (12, False)):
        shown = told.format(case[0], case[-1] is not False)
        builds(network, HiddenUNet, case, inputs=inputs, told=shown)
    count = sum(weight.numel() for weight in network(64).parameters())
    assert count == 4_880_836, f"at base 64 there are 4,880,836 parameters, not {count:,}"
    for name, weight in network(16).state_dict().items():
        if name.endswith("weight") and weight.ndim == 4 and weight.shape[-1] == 3:
            start = weight.std().item() / (2 / 1.04 / weight[0].numel()) ** 0.5
            assert 0.85 < start < 1.15, f"{name} starts {start:.2f} times as large as by he_start"


# %% tags=["hidden:06-3"]
# without: inpaintlib.filters.sobel, inpaintlib.losses.sobel_loss
def hidden_sobel_distance(function):
    def by_convolution(a, b):
        across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).view(1, 1, 3, 3) / 8
        d = (a - b).reshape(-1, 1, *a.shape[2:])
        dx, dy = (F.conv2d(d, kernel) for kernel in (across, across.mT))
        return (dx.abs() + dy.abs()).mean()

    source = torch.Generator().manual_seed(131)
    cases = []
    for batch, channels, height, width in [(3, 1, 7, 5), (1, 3, 4, 9), (2, 5, 3, 3), (1, 1, 12, 4)]:
        a, b = torch.randn(2, batch, channels, height, width, generator=source)
        cases += [(a, b), (-5 * a, -5 * b), (a + 3, a)]
        rim = a.clone()
        rim[..., 0, 0] += 8  # the corner is a neighbour of one whole neighbourhood, at (1, 1)
        lonely = a.clone()
        lonely[..., 1, 1] -= 4  # the middle of a neighbourhood weighs nothing in it
        cases += [(rim, a), (a, lonely), (a[:, :, :, :3], b[:, :, :, :3])]
    column = torch.zeros(1, 3, 6, 6)
    column[:, 1, :, 3:] = 1  # an edge in one channel, down; its negative in another
    column[:, 2, :, 3:] = -1
    cases += [(column, 0 * column), (column.mT.contiguous(), 0 * column)]
    told = "the mean of |dx| + |dy| of both kernels over 8, pixels with a whole neighbourhood only"
    agrees(function, by_convolution, *cases, told=told, rtol=1e-4, atol=1e-5)


# %% tags=["check:06-4:4"]
def test_window_ssim(function):
    x, y = torch.rand(2, 7, 7, generator=stream(4), dtype=torch.float64)
    flat = torch.zeros(7, 7, dtype=torch.float64)
    assert abs(float(function(x, x, 1.0)) - 1) < 1e-4, "a picture is like itself: 1"
    assert abs(float(function(flat, flat, 1.0)) - 1) < 1e-4, "0/0 on black windows: where is c1?"
    assert float(function(x, 1 - x, 1.0)) < 0, "a negative has negative structure"
    assert abs(float(function(2 * x, 2 * y, 2.0)) - float(function(x, y, 1.0))) < 1e-4, (
        "twice the values in twice the range: the same; c1 and c2 grow with the square of the range"
    )
    for data_range in (1.0, 2.0):
        scale = {"data_range": data_range, "win_size": 7, "use_sample_covariance": False}
        expected = structural_similarity(x.numpy(), y.numpy(), **scale)
        found = float(function(x, y, data_range))
        assert abs(found - expected) < 1e-4, f"scikit-image says {expected:.4f}, not {found:.4f}"


# %% tags=["hidden:06-4"]
# without: inpaintlib.filters.ssim_map, inpaintlib.metrics.ssim, inpaintlib.losses.ssim_loss
# without: skimage.metrics.structural_similarity
def hidden_window_ssim(function):
    def by_sums(x, y, data_range):
        x, y = x.double().flatten(), y.double().flatten()
        n, c1, c2 = len(x), (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        mean_x, mean_y = x.sum() / n, y.sum() / n
        square_x, square_y = ((x - mean_x) ** 2).sum() / n, ((y - mean_y) ** 2).sum() / n
        both = ((x - mean_x) * (y - mean_y)).sum() / n
        light = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
        return light * (2 * both + c2) / (square_x + square_y + c2)

    source = torch.Generator().manual_seed(141)
    cases = []
    for height, width, data_range, shift in [
        *((7, 7, 1.0, 0.0), (11, 11, 2.0, -0.8), (9, 9, 255.0, 30.0), (3, 8, 1.0, 0.0)),
        *((8, 2, 4.0, 1.0), (1, 5, 1.0, 0.2)),
    ]:
        x = torch.rand(height, width, generator=source) * data_range / 2 + shift
        y = 0.3 * x + torch.rand(height, width, generator=source) * data_range / 3
        flat = torch.full_like(x, 0.5 * data_range)
        cases += [(x, y, data_range), (y, x, data_range), (x, flat, data_range)]
        cases += [(x, -x, data_range), (0 * x, flat, data_range), (0.02 * x, 0.02 * y, data_range)]
    told = "SSIM of one window, variances divided by the number of pixels, c1 and c2 from the range"
    agrees(function, by_sums, *cases, told=told, rtol=1e-3, atol=1e-4)


# %% [markdown] tags=["task:06-5"]
# ### Exercise 4 · How much can the discriminator see?
#
# ●●● · 20 minutes · 5 points
#
# Write `sees(discriminator, mask)`: which logits can differ between a picture and the same picture with other
# content in its hole? Measure; do not derive. It must work for any discriminator that maps (B, 3, H, W) to a map of
# logits, and must leave it as it was: its weights and their gradients, its averages, the mode of each of its
# parts, which weights learn, and no hook of yours in it.


# %% tags=["check:06-5:5"]
def test_sees(function):
    torch.manual_seed(0)
    mask = torch.zeros(3, 1, 24, 24)
    mask[0, :, 8:12, 4:8] = mask[1, :, 0:4, 20:24] = 1
    halves = nn.Conv2d(3, 1, 4, stride=4)  # each logit sees a block of 4 x 4 pixels of its own
    halves.weight.data.mul_(100)  # noise that hardly moves a logit: once in ten million runs
    found = function(halves, mask)
    assert found.shape == (3, 1, 6, 6), "one answer per logit, of the shape of discriminator(image)"
    assert found.dtype == torch.bool, "answer True or False"
    assert found[0].nonzero().tolist() == [[0, 2, 1]], "the first hole is block (2, 1)"
    assert found[1].nonzero().tolist() == [[0, 0, 5]], "each sample has a hole of its own"
    assert not found[2].any(), "without a hole nothing can differ"
    steps = nn.Conv2d(3, 1, 4, stride=2, padding=1)
    steps.weight.data.mul_(100)
    count = function(steps, mask)[0].sum().item()
    assert count == 16, f"4 pixels, window 4, step 2: 4 x 4 logits, not {count}"
    network = nn.Sequential(halves, nn.BatchNorm2d(1)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert function(network, mask).sum() == 2, (
        "BatchNorm in training mode leaks the hole everywhere"
    )
    assert network.training, "give the discriminator its training mode back"
    same = all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert same, "the discriminator's running statistics have moved"


# %% tags=["hidden:06-5"]
def hidden_sees(function):
    def fits(network, mask, expected, told):
        # Noise moves a logit by less than a millionth once in 1e4 times, for the weakest one
        # here once in 1e3: of at most 60 logits, more than four are missed once in 1e8 runs.
        for weight in network.parameters():  # left from the last step of its training
            weight.grad = torch.full_like(weight, 0.5)
        with untouched(network, mask, names=["the discriminator", "the mask"], streams=False):
            found = function(network, mask)
        assert found.shape == expected.shape, f"{told}: of the shape of discriminator(image)"
        assert not (found & ~expected).any(), f"{told}: a logit that does not see the hole"
        missed = (expected & ~found).sum().item()
        assert missed <= 4, f"{told}: {missed} logits see the hole and were not found"

    torch.manual_seed(9)
    mask = torch.zeros(2, 1, 12, 20)
    mask[0, :, 5, 8:15], mask[1, :, :, 0] = 1, 1
    network = nn.Sequential(
        nn.Conv2d(3, 2, 3, padding=1), nn.LeakyReLU(), nn.Conv2d(2, 1, 1)
    ).eval()
    network[0].weight.requires_grad_(False)  # a part is frozen
    around = torch.zeros(2, 1, 12, 20, dtype=torch.bool)
    around[0, 0, 4:7, 7:16], around[1, 0, :, :2] = True, True
    fits(network, mask, around, "each sample: its hole, and one pixel around it")
    network.train()
    network[1].eval()  # modes may be mixed
    fits(network, mask, around, "a discriminator with a frozen part")
    one = nn.Conv2d(3, 1, 1)
    whole = torch.ones(2, 1, 12, 20)
    whole[0, :, :3, :4] = 0  # most of the picture
    fits(one, whole, whole.bool(), "a hole of more than half the picture")
    fits(one, mask[1:], mask[1:].bool(), "a batch of one")
    dropout = nn.Sequential(nn.Conv2d(3, 1, 1), nn.Dropout(0.5)).train()
    fits(dropout, mask, mask.bool(), "dropout must be off while you look")
    norm = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 1, 1)).train()
    fits(norm, mask, mask.bool(), "BatchNorm must not learn while you look")
    for channel in range(3):
        weak = nn.Conv2d(3, 1, 1)
        weak.weight.data.zero_()[:, channel] = 1e-3
        fits(weak, mask, mask.bool(), "a weak discriminator of one channel")
    edges = nn.Conv2d(3, 1, 3, padding=1)  # sees differences of neighbours, no brightness
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
    edges.weight.data.copy_(kernel.expand(1, 3, 3, 3))
    thick = mask.clone()
    thick[:, :, 3:9, 6:13] = 1
    cross = torch.nn.functional.conv2d(thick, kernel.abs().view(1, 1, 3, 3), padding=1) > 0
    fits(edges, thick, cross, "a discriminator of edges")
    colour = nn.Conv2d(3, 1, 1, bias=False)  # sees colour, no grey
    colour.weight.data.copy_(torch.tensor([1.0, -2.0, 1.0]).view(1, 3, 1, 1))
    fits(colour, mask, mask.bool(), "a discriminator of colours")
    blind = nn.Conv2d(3, 1, 1)
    blind.weight.data.zero_()
    assert not function(blind, mask).any(), "a discriminator that looks at nothing sees nothing"
