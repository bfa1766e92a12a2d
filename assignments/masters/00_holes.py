# %%
import torch


# %% tags=["hidden:00-1"]
# without: inpaintlib.masks.square, inpaintlib.masks.rectangle
def hidden_random_square(function):
    for height, width, side in [(9, 6, 2), (5, 14, 5), (7, 7, 1)]:
        mask = function(1500, height, width, side, torch.Generator().manual_seed(height))
        assert mask.shape == (1500, 1, height, width), "rows are the height, columns the width"
        assert mask.dtype == torch.float32, "a mask is float32"
        assert (mask.sum(dim=(1, 2, 3)) == side * side).all(), "each hole has side × side pixels"
        corners = mask.flatten(1).argmax(dim=1)
        places = (height - side + 1) * (width - side + 1)
        counts = corners.bincount()[corners.unique()]
        assert len(counts) == places, f"{places} places are possible, yours has {len(counts)}"
        assert counts.min() > 750 / places, "every place must be as likely as any other"
        box = mask.amax(3).sum(2) * mask.amax(2).sum(2)
        assert (box == side * side).all(), "each hole is one square, not scattered"
    torch.manual_seed(0)
    before = torch.get_rng_state()
    function(4, 8, 8, 3, torch.Generator().manual_seed(1))
    assert torch.equal(before, torch.get_rng_state()), "the global random stream was touched"


# %% tags=["hidden:00-2"]
# without: inpaintlib.metrics.psnr
def hidden_hole_psnr(function):
    image = torch.zeros(2, 1, 8, 8)
    mask = torch.zeros(2, 1, 8, 8)
    mask[0, :, :2], mask[1, :, :, :1] = 1, 1
    value = function(image + torch.tensor([0.02, 2.0]).view(2, 1, 1, 1), image, mask)
    torch.testing.assert_close(
        value,
        torch.tensor([40.0, 0.0]),
        rtol=0,
        atol=1e-3,
        msg="an error of 0.02 is 40 dB, one of 2 is 0 dB, whatever the other images are",
    )
    source = torch.Generator().manual_seed(4)
    image, prediction = torch.rand(2, 3, 3, 12, 7, generator=source) * 2 - 1
    mask = (
        torch.rand(3, 1, 12, 7, generator=source) < torch.tensor([0.1, 0.5, 0.9]).view(3, 1, 1, 1)
    ).float()
    for row in range(3):
        where = mask[row].bool().expand(3, 12, 7)
        error = ((prediction[row][where] - image[row][where]) / 2).square().mean()
        alone = function(prediction, image, mask)[row]
        told = "the mean runs over this image's hole, all its channels, and nothing else"
        torch.testing.assert_close(alone, -10 * error.log10(), rtol=1e-4, atol=1e-4, msg=told)


# %% tags=["hidden:00-3"]
# without: inpaintlib.losses.masked_l1
def hidden_hole_l1(function):
    source = torch.Generator().manual_seed(8)
    prediction, target = torch.rand(2, 5, 2, 6, 9, generator=source) * 2 - 1
    mask = (torch.rand(5, 1, 6, 9, generator=source) < 0.3).float()
    where = mask.bool().expand_as(target)
    expected = (prediction[where] - target[where]).abs().mean()
    cost = function(prediction, target, mask)
    torch.testing.assert_close(cost, expected, msg="the mean runs over hole pixels and channels")
    other = torch.where(where, prediction, 7.0)
    told = "pixels outside the hole count too"
    torch.testing.assert_close(function(other, target, mask), expected, msg=told)
    leaf = prediction.clone().requires_grad_()
    function(leaf, target, torch.zeros_like(mask)).backward()
    assert not leaf.grad.any(), "an empty mask teaches nothing, and its gradient is 0, not nan"
