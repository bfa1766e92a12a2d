# %%
import torch
import torch.nn.functional as F
from torch import nn

from inpaintlib.images import composite


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
    seen = function(lambda x, m: (x * (1 - m)).mean(dim=(2, 3), keepdim=True).expand_as(x), 7, 0, 6)
    assert seen.all(), "a mean reads every pixel, and an empty mask hides none"
    red = function(lambda x, m: torch.cat([0 * x[:, :1], x[:, 1:]], dim=1), 5, 1, 2)
    assert red.nonzero().tolist() == [[1, 2]], "every channel of the output pixel counts"
    blind = function(lambda x, m: x.detach() * x[:, :, :1, :1], 5, 4, 4)
    assert blind.nonzero().tolist() == [[0, 0]], "only the corner is read here"


# %% tags=["hidden:04-2"]
# without: inpaintlib.models.glcic.crop_around, inpaintlib.masks.bounding_box
def hidden_crop_around(function):
    source = torch.Generator().manual_seed(81)
    image, mask = torch.randn(5, 3, 17, 30, generator=source), torch.zeros(5, 1, 17, 30)
    holes = [(0, 20, 17, 2), (9, 9, 1, 1), (10, 0, 2, 5), (3, 11, 6, 12), (16, 29, 1, 1)]
    starts = [(4, 16), (5, 5), (6, 0), (1, 12), (8, 21)]
    for sample, (top, left, height, width) in enumerate(holes):
        mask[sample, :, top : top + height, left : left + width] = 1
    crop = function(image, mask, 9)
    assert crop.shape == (5, 3, 9, 9), "the shape is (B, C, size, size)"
    for sample, (top, left) in enumerate(starts):
        right = image[sample, :, top : top + 9, left : left + 9]
        assert torch.equal(crop[sample], right), (
            f"hole {holes[sample]} (top, left, height, width) in 17 × 30: a crop of 9 starts at "
            f"{(top, left)}"
        )


# %% tags=["hidden:04-3"]
def hidden_leak(function):
    source = torch.Generator().manual_seed(91)
    image, prediction = torch.rand(2, 3, 1, 10, 14, generator=source) * 2 - 1
    mask = (torch.rand(3, 1, 10, 14, generator=source) < 0.4).float()

    def blurred(p, x, m):  # reads known pixels all over the picture: honest
        return composite(F.avg_pool2d(composite(p, x, m), 3, stride=1, padding=1), x, m)

    assert function(blurred, prediction, image, mask) == 0, "an honest blur was called a leak"
    sly = {
        "the last two samples only": lambda p, x, m: torch.cat([composite(p, x, m)[:1], x[1:]]),
        "the largest hidden value": lambda p, x, m: composite(p, x, m) + (m * x).amax() / 4,
        "the rim of the hole": lambda p, x, m: composite(
            p, x, 1 - torch.max_pool2d(1 - m, 3, stride=1, padding=1)
        ),
        "the sign of every pixel": lambda p, x, m: composite(p + 0.2 * x.sign(), x, m),
        "how much hidden pixels vary": lambda p, x, m: p + 0.5 * x[m.bool()].std(),
    }
    for what, process in sly.items():
        size = function(process, prediction, image, mask)
        assert size > 0.01, f"missed a leak through {what}"
        assert (
            function(lambda p, x, m, f=process: 3 * f(p, x, m), prediction, image, mask) > 2 * size
        ), "three times the change is three times the leak: return its size"


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
def hidden_dilated_convolution(function):
    source = torch.Generator().manual_seed(95)
    for height, width, size, dilation in [
        (7, 12, 3, 1),
        (12, 7, 5, 2),
        (10, 9, 3, 4),
        (4, 6, 1, 3),
    ]:
        x = torch.randn(height, width, generator=source)
        kernel = torch.randn(size, size, generator=source)
        before = x.clone()
        y = function(x, kernel, dilation)
        reach = dilation * (size // 2)
        right = F.conv2d(x[None, None], kernel[None, None], padding=reach, dilation=dilation)
        told = f"{height} × {width}, kernel {size}, dilation {dilation}: other values than conv2d's"
        assert y.shape == (height, width), "as large as the picture"
        torch.testing.assert_close(y, right[0, 0], rtol=1e-4, atol=1e-5, msg=told)
        assert torch.equal(x, before), "the picture was changed"
