# %%
import torch

from inpaintlib.images import composite


# %% tags=["hidden:03-1"]
def hidden_network_input(function):
    source = torch.Generator().manual_seed(51)
    image = torch.randn(3, 2, 5, 8, generator=source)
    mask = (torch.rand(3, 1, 5, 8, generator=source) < 0.4).float()
    fill = torch.tensor([-0.7, 0.9])
    result = function(image, mask, fill)
    assert result.shape == (3, 3, 5, 8), "two picture channels and the mask"
    assert torch.equal(result[:, 2:], mask), "the last channel is the mask, 1 in the hole"
    for sample in range(3):
        hole = mask[sample, 0].bool()
        for channel in range(2):
            seen = result[sample, channel]
            assert (seen[hole] == fill[channel]).all(), "each channel of a hole has its own fill"
            assert torch.equal(seen[~hole], image[sample, channel][~hole]), "known pixels changed"
    infinite = torch.where(mask.bool(), torch.inf, image)
    assert torch.equal(function(infinite, mask, fill), result), "a hidden pixel leaks"
    whole = function(image, torch.zeros_like(mask), fill)
    assert torch.equal(whole[:, :2], image), "without a hole the picture passes"


# %% tags=["hidden:03-2"]
# without: inpaintlib.losses.lsgan_discriminator_loss, inpaintlib.losses.lsgan_generator_loss
def hidden_game(function):
    source = torch.Generator().manual_seed(61)
    image, prediction = torch.randn(2, 3, 1, 6, 6, generator=source)
    mask = (torch.rand(3, 1, 6, 6, generator=source) < 0.5).float()
    prediction.requires_grad_()
    weight = torch.randn(4, 1, 3, 3, generator=source).requires_grad_()

    def judge(x):  # a map of logits, as PatchGAN gives
        return torch.conv2d(x, weight).mean(1)

    judge_loss, loss = function(judge, prediction, image, mask)
    assert judge_loss.shape == loss.shape == (), "two scalars"
    filled = composite(prediction, image, mask)
    owed = (judge(image) - 1).square().mean() / 2 + judge(filled.detach()).square().mean() / 2
    torch.testing.assert_close(judge_loss, owed, rtol=1e-4, atol=1e-5, msg="½[(real − 1)² + fake²]")
    (expected,) = torch.autograd.grad(owed, weight, retain_graph=True)
    (taught,) = torch.autograd.grad(judge_loss, weight, retain_graph=True)
    told = "the discriminator's gradient is not that of ½[(real − 1)² + fake²]"
    torch.testing.assert_close(taught, expected, rtol=1e-4, atol=1e-5, msg=told)
    wanted = (judge(filled) - 1).square().mean() / 2
    torch.testing.assert_close(loss, wanted, rtol=1e-4, atol=1e-5, msg="½(fake − 1)², averaged")
    (slope,) = torch.autograd.grad(loss, prediction)
    (right,) = torch.autograd.grad(wanted, prediction)
    told = "the generator's gradient is not that of ½(fake − 1)²"
    torch.testing.assert_close(slope, right, rtol=1e-4, atol=1e-6, msg=told)


# %% tags=["hidden:03-3"]
def hidden_completes_correctly(function):
    right = {
        "torch.where": lambda p, x, m: torch.where(m.bool(), p, x),
        "index by index": lambda p, x, m: composite(p, x, m),
    }
    for name, complete in right.items():
        assert function(complete) is True, f"your test rejects a right one: {name}"
    wrong = {
        "the mean of both": lambda p, x, m: (p + x) / 2,
        "height and width swapped": lambda p, x, m: composite(
            p, x, m.flatten(2).view(*m.shape[:2], m.shape[3], m.shape[2]).transpose(2, 3)
        ),
        "the last sample not filled": lambda p, x, m: torch.cat([composite(p, x, m)[:-1], x[-1:]]),
        "the blue channel not filled": lambda p, x, m: torch.cat(
            [composite(p, x, m)[:, :2], x[:, 2:]], dim=1
        ),
        "the absolute value": lambda p, x, m: composite(p, x, m).abs(),
        "only values above 0 kept": lambda p, x, m: composite(p.clamp(min=0), x, m),
        "the hole one pixel too wide": lambda p, x, m: composite(
            p, x, torch.max_pool2d(m, 3, stride=1, padding=1)
        ),
        "rounded to bytes": lambda p, x, m: ((composite(p, x, m) + 1) * 127.5).round() / 127.5 - 1,
    }
    for name, complete in wrong.items():
        assert function(complete) is False, f"your test lets this pass: {name}"
