# %%
import torch
import torch.nn.functional as F

from inpaintlib.data import load_digits
from inpaintlib.images import to_unit
from inpaintlib.models import gan

# %% tags=["given:01-2"]
real_pixels = to_unit(load_digits("validation").floats(slice(64)))  # as torchvision gives them
torch.manual_seed(1)
with torch.no_grad():
    fake_pixels = gan.Generator(gan.GANConfig())(torch.randn(64, 100))  # untrained; it ends in Tanh


# %% tags=["hidden:01-1"]
# without: inpaintlib.losses.bce_generator_loss, torch.nn.functional.softplus
# without: torch.nn.functional.logsigmoid
# without: torch.nn.functional.binary_cross_entropy_with_logits
def hidden_generator_loss(function):
    logits = torch.tensor([[-90.0, -15.0], [0.0, 12.0], [95.0, -3.5]])
    expected = torch.log1p(torch.exp(-logits.double())).mean().float()
    torch.testing.assert_close(function(logits), expected, rtol=1e-5, atol=1e-5)
    leaf = torch.linspace(-40, 40, 30).view(2, 3, 5) + 0.05
    leaf.requires_grad_()
    function(leaf).backward()
    told = "the slope at each logit must be (σ − 1) / N"
    torch.testing.assert_close(
        leaf.grad, (torch.sigmoid(leaf.detach()) - 1) / 30, rtol=1e-4, atol=1e-6, msg=told
    )
    extreme = function(torch.tensor([-1e4, 1e4]))
    torch.testing.assert_close(extreme, torch.tensor(5e3), msg="finite for every float32 logit")


# %% tags=["hidden:01-2"]
def hidden_find_fakes(function):
    source = torch.Generator().manual_seed(11)
    real = torch.rand(6, 1, 28, 28, generator=source)
    real[0], real[1], real[2] = 1, 0.5, 0  # white, grey and empty pages are legal
    real[3] = real[3] * 1e-3
    assert not function(real).any(), "no picture in [0, 1] may be called a fake, bright or dark"
    for row, column, value in [(0, 0, -1.0), (27, 27, -0.5), (13, 2, -1e-4)]:
        mixed = real.clone()
        mixed[4, 0, row, column] = value
        assert function(mixed).tolist() == [False] * 4 + [True, False], (
            f"only the fifth picture has a pixel of {value}, at row {row}, column {column}"
        )
    assert function(real[:1]).shape == (1,), "a batch of one picture has one answer"


# %% tags=["hidden:01-3"]
def hidden_slerp(function):
    source = torch.Generator().manual_seed(21)
    for size in (2, 3, 64):
        a, b = F.normalize(torch.randn(2, size, generator=source)) * 4
        angle = torch.acos((a @ b / 16).clamp(-1, 1))
        for t in (0.25, 0.9):
            point = function(a, b, t)
            walked = torch.acos((a @ point / 16).clamp(-1, 1))
            told = f"at t = {t} the walk has turned by t times the angle"
            torch.testing.assert_close(walked, t * angle, rtol=1e-3, atol=1e-3, msg=told)
            torch.testing.assert_close(point, function(b, a, 1 - t), rtol=1e-4, atol=1e-4)
    x, y = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 1.0])
    half = function(x, y, 0.5)
    expected = torch.tensor([3.0, 1.0]) * 0.5**0.5
    told = "the angle is between the directions; the lengths stay in the sum"
    torch.testing.assert_close(half, expected, rtol=1e-4, atol=1e-4, msg=told)
    torch.testing.assert_close(
        function(x, 2 * x, 0.25), 1.25 * x, msg="same direction: mix straight"
    )
