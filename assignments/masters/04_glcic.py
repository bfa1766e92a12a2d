# %%
import torch
import torch.nn.functional as F
from torch import nn

from inpaintlib.images import composite
from inpaintlib.notebook.agreement import agrees, untouched


# %% tags=["hidden:04-1"]
def hidden_influence(function):
    torch.manual_seed(71)
    network = nn.Sequential(
        nn.Conv2d(4, 2, 3, padding=1), nn.ELU(), nn.Conv2d(2, 3, (1, 5), padding=(0, 2))
    )
    field = function(lambda x, m: network(torch.cat([x, m], dim=1)), 11, 2, 6)
    expected = torch.zeros(11, 11, dtype=torch.bool)
    expected[1:4, 3:10] = True
    assert torch.equal(field, expected), "3 × 3, then 1 × 5: rows 1 to 3, columns 3 to 9"
    faint = function(lambda x, m: 1e-4 * x.roll(1, dims=2), 6, 3, 5)
    assert faint.nonzero().tolist() == [[2, 5]], "a weak influence is an influence, at one pixel"
    fainter = function(lambda x, m: 1e-12 * x[:, :1].roll(1, dims=3), 6, 3, 5)
    assert fainter.nonzero().tolist() == [[3, 4]], "there is no threshold: not zero is not zero"
    seen = function(lambda x, m: (x * (1 - m)).mean(dim=(2, 3), keepdim=True).expand_as(x), 7, 0, 6)
    assert seen.all(), "a mean reads every pixel, and an empty mask hides none"
    red = function(lambda x, m: torch.cat([0 * x[:, :1], x[:, 1:]], dim=1), 5, 1, 2)
    assert red.nonzero().tolist() == [[1, 2]], "every channel of the output pixel counts"
    apart = function(lambda x, m: torch.cat([2 * x[:, :1], x[:, 1:2].roll(1, dims=2)], 1), 6, 3, 2)
    assert apart.nonzero().tolist() == [[2, 2], [3, 2]], (
        "each output channel has its own pixel here"
    )
    for channel in range(3):
        one = function(lambda x, m, c=channel: x[:, c : c + 1], 5, 1, 3)
        assert one.nonzero().tolist() == [[1, 3]], "every channel of the input counts"
    blind = function(lambda x, m: x.detach() * x[:, :, :1, :1], 5, 4, 4)
    assert blind.nonzero().tolist() == [[0, 0]], "only the corner is read here"
    wide = function(lambda x, m: x.flip(1) - 2 * x.roll((2, 1), dims=(2, 3)), 8, 5, 2)
    assert wide.nonzero().tolist() == [[3, 1], [5, 2]], (
        "two pixels are read here, (3, 1) and (5, 2)"
    )
    product = function(lambda x, m: x * x.roll(1, dims=3) * (1 - m) - x, 6, 2, 4)
    assert product.nonzero().tolist() == [[2, 3]], "at a picture of ones the slope at (2, 4) is 0"


# %% [markdown] tags=["task:04-2"]
# ### Exercise 2 · Each sample's own crop
#
# ●●○ · 10 minutes · 3 points
#
# The public code takes one place for the whole batch, and where it looks for the middle of a hole (in its
# blending) it is off by a pixel. Write `crop_around`: the square of `size` pixels whose middle is the
# middle of the sample's own hole, shifted inwards where it would leave the picture. Where no pixel is in the
# middle, take the upper and left one of the two places. A judge learns through the crop, and the generator
# behind it: gradients must flow from the crop to `image`.


# %% tags=["hidden:04-2"]
# without: inpaintlib.models.glcic.crop_around, inpaintlib.masks.bounding_box
def hidden_crop_around(function):
    def one_by_one(image, mask, size):
        crops = []
        for picture, hole in zip(image, mask[:, 0], strict=True):
            place = []
            for axis in (1, 0):
                inside = hole.amax(axis).nonzero().flatten().tolist()
                start = (inside[0] + inside[-1] + 1 - size) // 2
                place.append(min(max(start, 0), hole.shape[1 - axis] - size))
            top, left = place
            crops.append(picture[:, top : top + size, left : left + size])
        return torch.stack(crops)

    source = torch.Generator().manual_seed(81)
    wide, tall = (
        torch.randn(5, 3, 17, 30, generator=source),
        torch.randn(3, 1, 20, 11, generator=source),
    )
    holes = {
        wide: [(0, 20, 17, 2), (9, 9, 1, 1), (10, 0, 2, 5), (3, 11, 6, 12), (16, 29, 1, 1)],
        tall: [(5, 2, 4, 4), (0, 0, 20, 11), (13, 7, 7, 3)],
        torch.randn(1, 5, 12, 12, generator=source): [(2, 3, 5, 4)],
    }
    cases = []
    for image, boxes in holes.items():
        mask = torch.zeros(len(image), 1, *image.shape[2:])
        for sample, (top, left, height, width) in enumerate(boxes):
            mask[sample, :, top : top + height, left : left + width] = 1
        cases += [(image, mask, size) for size in (9, 4, 1)]
    cases.append((tall, mask.new_ones(3, 1, 20, 11), 11))
    told = "start at (first + last + 1 - size) // 2 of the sample's own hole, shifted inwards"
    agrees(function, one_by_one, *cases, told=told, learns=[0], rtol=0, atol=1e-6)


# %% [markdown] tags=["task:04-3"]
# ### Exercise 3 · A leak detector
#
# ●●● · 20 minutes · 5 points
#
# Whatever happens between a network and a figure must not depend on hidden pixels. Write the test that
# would have stopped the gallery: run a post-processing twice or more, with the *same* prediction and
# *other* hidden pixels, and return the largest change of any output value, of either sign. Some leaks show
# only where hidden pixels are all black or all white, others only with noise. Change nothing that you are given.


# %% tags=["hidden:04-3"]
def hidden_leak(function):
    def blurred(p, x, m):  # reads known pixels all over the picture: honest
        return composite(F.avg_pool2d(composite(p, x, m), 3, stride=1, padding=1), x, m)

    def own_prediction(p, x, m):  # a copy of what is known anyway
        return torch.cat([p * m, x * (1 - m)], dim=1)

    sly = {
        "the last sample only": lambda p, x, m: torch.cat([composite(p, x, m)[:-1], x[-1:]]),
        "all samples but the first": lambda p, x, m: torch.cat([composite(p, x, m)[:1], x[1:]]),
        "the last channel only": lambda p, x, m: torch.cat(
            [composite(p, x, m)[:, :-1], x[:, -1:]], 1
        ),
        "the largest hidden value": lambda p, x, m: composite(p, x, m) + (m * x).amax() / 4,
        "the smallest hidden value": lambda p, x, m: composite(p, x, m) + (m * x).amin() / 4,
        "the rim of the hole": lambda p, x, m: composite(
            p, x, 1 - torch.max_pool2d(1 - m, 3, stride=1, padding=1)
        ),
        "the sign of every pixel": lambda p, x, m: composite(p + 0.2 * x.sign(), x, m),
        "how much hidden pixels vary": lambda p, x, m: p + 0.5 * x[m.bool().expand_as(x)].std(),
        "a change downwards": lambda p, x, m: p - 0.3 * (m * x).square().amax(),
        "a number for each sample": lambda p, x, m: (m * x).mean(dim=(1, 2, 3)),
    }
    for batch, channels, height, width in [(3, 1, 10, 14), (1, 3, 9, 8), (2, 5, 8, 8)]:
        source = torch.Generator().manual_seed(91)
        size = (batch, channels, height, width)
        image, prediction = torch.rand(2, *size, generator=source) * 1.8 - 0.9
        mask = (torch.rand(batch, 1, height, width, generator=source) < 0.4).float()
        names = ["prediction", "image", "mask"]
        for honest in (blurred, own_prediction):
            with untouched(prediction, image, mask, names=names, streams=False):
                found = function(honest, prediction, image, mask)
            assert found == 0, "an honest process was called a leak"
        for what, process in sly.items():
            if batch == 1 and what.startswith("all samples but"):
                continue
            found = function(process, prediction, image, mask)
            assert found > 0.01, f"missed a leak through {what}"
            triple = function(lambda p, x, m, f=process: 3 * f(p, x, m), prediction, image, mask)
            assert triple > 2 * found, (
                "three times the change is three times the leak: return its size"
            )
    thief = function(lambda p, x, m: 2 * x, prediction, image, torch.ones_like(mask))
    assert thief > 2, (
        f"2 · x with everything hidden: a change of at least 2, not {float(thief):.2f}"
    )


# %% [markdown] tags=["task:04-5"]
# ### Exercise 4 · Dilated convolution by hand
#
# ●●○ · 15 minutes · 4 points
#
# A **dilated** convolution with dilation $d$ multiplies its kernel with pixels $d$ apart: a 3 × 3 kernel
# sees nine pixels of a square of $2d + 1$. Write it for one picture: `x` is (H, W), `kernel` is (K, K)
# with K odd, what lies outside the picture is 0, the result is (H, W) again. As in PyTorch, the kernel is
# not flipped. Use slices and additions; no convolution of PyTorch.


# %% tags=["exercise:04-5"]
def dilated_convolution(x, kernel, dilation):
    """(H, W), (K, K) with K odd to (H, W): the kernel's pixels `dilation` apart, zeros outside."""
    raise NotImplementedError


# %% [markdown] tags=["hint:04-5"]
# <details><summary>Hint</summary>
#
# How far does the kernel reach to each side? `dilation * (K // 2)`. Pad by that with `F.pad`. Then each
# of the K × K weights multiplies one shifted copy of the picture: the slice that starts at `row * dilation`,
# `column * dilation` and is (H, W) large.
#
# </details>


# %% tags=["solution:04-5"]
def dilated_convolution_reference(x, kernel, dilation):
    height, width = x.shape
    padded = F.pad(x, (dilation * (len(kernel) // 2),) * 4)
    y = torch.zeros_like(x)
    for row, weights in enumerate(kernel):
        for column, weight in enumerate(weights):
            top, left = row * dilation, column * dilation
            y = y + weight * padded[top : top + height, left : left + width]
    return y


# %% tags=["check:04-5:4"]
def test_dilated_convolution(function):
    point = torch.zeros(9, 9)
    point[4, 4] = 1
    ones = function(point, torch.ones(3, 3), 2)
    assert ones.shape == (9, 9), "as large as the picture"
    where = ones.nonzero().tolist()
    assert where == [[y, x] for y in (2, 4, 6) for x in (2, 4, 6)], "nine pixels, 2 apart"
    corner = function(torch.ones(5, 5), torch.ones(3, 3), 2)
    assert corner[0, 0] == 4, f"in the corner 4 of 9 are inside, so 4, not {corner[0, 0]}"
    ramp = torch.arange(9.0).view(3, 3)
    shown = function(point, ramp, 1)[3:6, 3:6]
    assert torch.equal(shown, ramp.flip(0, 1)), "do not flip the kernel: a point shows it turned"


# %% tags=["hidden:04-5"]
# without: torch.nn.functional.conv2d, torch.nn.functional.conv1d, torch.nn.functional.unfold
# without: torch.nn.functional.conv3d, torch.nn.functional.conv_transpose2d
def hidden_dilated_convolution(function):
    def convolution(x, kernel, dilation):
        reach = dilation * (len(kernel) // 2)
        return F.conv2d(x[None, None], kernel[None, None], padding=reach, dilation=dilation)[0, 0]

    source = torch.Generator().manual_seed(95)
    cases = []
    for height, width, size, dilation in [
        *((7, 12, 3, 1), (12, 7, 5, 2), (10, 9, 3, 4), (4, 6, 1, 3), (6, 6, 7, 1), (3, 11, 3, 5)),
        *((1, 8, 5, 1), (9, 9, 5, 3)),
    ]:
        x = torch.randn(height, width, generator=source)
        cases.append((x, torch.randn(size, size, generator=source), dilation))
    agrees(function, convolution, *cases, told="the values of F.conv2d with zeros outside")
