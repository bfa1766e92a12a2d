# %%
import numpy as np
import torch
from scipy import ndimage
from skimage.metrics import structural_similarity
from torch import nn


# %% tags=["hidden:06-2"]
# without: inpaintlib.filters.sobel, inpaintlib.losses.sobel_loss
def hidden_sobel_distance(function):
    a, b = torch.randn(2, 3, 1, 7, 5, generator=torch.Generator().manual_seed(131))
    planes = (a - b).reshape(-1, 7, 5).double().numpy()
    slopes = [ndimage.sobel(plane, axis) for plane in planes for axis in (0, 1)]
    expected = 2 * np.abs(slopes)[:, 1:-1, 1:-1].mean() / 8
    found = float(function(a, b))
    assert abs(found - expected) < 1e-5, f"scipy's Sobel says {expected:.4f}, not {found:.4f}"
    rim = a.clone()
    rim[..., 0, 0] += 8  # the corner is a neighbour of one whole neighbourhood, at (1, 1)
    moved = float(function(rim, a)) * 3 * 3 * 5
    assert abs(moved - 3 * (1 + 1)) < 1e-4, "a corner pixel weighs 1/8 in each of the two slopes"
    steep = float(function(-5 * a, -5 * b))
    assert abs(steep - 5 * expected) < 1e-4, "five times the slopes, five times the distance"


# %% tags=["hidden:06-3"]
# without: inpaintlib.filters.ssim_map, inpaintlib.metrics.ssim, inpaintlib.losses.ssim_loss
# without: skimage.metrics.structural_similarity
def hidden_window_ssim(function):
    source = torch.Generator().manual_seed(141)
    for size, data_range, shift in [(7, 1.0, 0.0), (11, 2.0, -0.8), (9, 255.0, 30.0)]:
        x = torch.rand(size, size, generator=source, dtype=torch.float64) * data_range / 2 + shift
        y = 0.3 * x + torch.rand(size, size, generator=source, dtype=torch.float64) * data_range / 3
        how = {"data_range": data_range, "win_size": size, "use_sample_covariance": False}
        expected = structural_similarity(x.numpy(), y.numpy(), **how)
        found = float(function(x, y, data_range))
        assert abs(found - expected) < 1e-6, (
            f"{size} × {size}, range {data_range:g}: scikit-image says {expected:.4f}, not {found:.4f}"
        )
        told = "SSIM does not change when its two windows change places"
        assert abs(float(function(y, x, data_range)) - found) < 1e-9, told
    wide = torch.rand(3, 8, generator=source, dtype=torch.float64)
    value = float(function(wide, torch.full_like(wide, 0.5), 1.0))
    mean, variance = wide.mean().item(), wide.var(correction=0).item()
    expected = (2 * mean * 0.5 + 1e-4) / (mean**2 + 0.25 + 1e-4) * 9e-4 / (variance + 9e-4)
    assert abs(value - expected) < 1e-6, "against a flat window only c2 is left of the structure"


# %% tags=["hidden:06-4"]
def hidden_sees(function):
    torch.manual_seed(9)
    mask = torch.zeros(2, 1, 12, 20)
    mask[0, :, 5, 13], mask[1, :, :, 0] = 1, 1
    judge = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.LeakyReLU(), nn.Conv2d(2, 1, 1)).eval()
    found = function(judge, mask)
    expected = torch.zeros(2, 1, 12, 20, dtype=torch.bool)
    expected[0, 0, 4:7, 12:15], expected[1, 0, :, :2] = True, True
    assert torch.equal(found, expected), "each sample: its hole, and one pixel around it"
    assert not judge.training, "a judge in evaluation mode must stay in it"
    dropout = nn.Sequential(nn.Conv2d(3, 1, 1), nn.Dropout(0.5)).train()
    assert torch.equal(function(dropout, mask), mask.bool()), "dropout must be off while you look"
    blue = nn.Conv2d(3, 1, 1)
    blue.weight.data.zero_()[:, 2] = 1e-3
    assert torch.equal(function(blue, mask), mask.bool()), "a weak judge of one channel sees, too"
    blue.weight.data.zero_()
    assert not function(blue, mask).any(), "a judge that looks at nothing sees nothing"
