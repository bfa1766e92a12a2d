# %%
import torch
import torch.nn.functional as F

from inpaintlib.data import load_digits
from inpaintlib.images import to_unit
from inpaintlib.models import gan
from inpaintlib.notebook.agreement import agrees

# %% tags=["given:01-2"]
real_pixels = to_unit(load_digits("validation").floats(slice(64)))  # as torchvision gives them
torch.manual_seed(1)
with torch.no_grad():
    fake_pixels = gan.Generator(gan.GANConfig())(torch.randn(64, 100))  # untrained; it ends in Tanh


# %% tags=["hidden:01-1"]
# without: inpaintlib.losses.bce_generator_loss, torch.nn.functional.softplus
# without: torch.nn.functional.logsigmoid, torch.nn.functional.binary_cross_entropy_with_logits
# without: torch.nn.functional.binary_cross_entropy, torch.logaddexp, torch.logsumexp
# without: torch.nn.functional.soft_margin_loss, torch.nn.functional.log_softmax
# without: torch.nn.functional.cross_entropy, torch.Tensor.logsumexp, torch.Tensor.logaddexp
def hidden_generator_loss(function):
    def mean_of_logs(logits):
        exact = logits.double()
        safe = torch.where(exact < 0, -exact, 0 * exact)
        return (safe + torch.log1p(torch.exp(-exact.sign() * exact))).mean()

    cases = [
        (torch.tensor([[-90.0, -15.0], [1e-3, 12.0], [95.0, -3.5]]),),
        (torch.linspace(-40, 40, 30).view(2, 3, 5) + 0.05,),
        (torch.tensor(0.7),),
        (torch.tensor([-1e4, 1e4]),),
        (torch.tensor([[1e30]]),),
        (torch.tensor([-1e38, -1.0]),),
        (torch.full((3, 1, 4, 2), -0.4),),
    ]
    told = "the mean of -log σ(logit) and its slope (σ - 1) / N, for every float32 logit"
    agrees(function, mean_of_logs, *cases, told=told, learns=[0], rtol=1e-4, atol=1e-7)


# %% [markdown] tags=["task:01-2"]
# ### Exercise 2 · What the discriminator sees
#
# ●●○ · 15 minutes · 4 points
#
# Return to the first run. Is there a cheap cue that tells real from fake without knowing anything about
# digits? Print whatever you like about `real_pixels` and `fake_pixels` (these from an untrained
# generator): means, extremes, signs. Then write the cue as a rule with no learned number in
# it: `find_fakes` must be right on **every** picture. Real pictures are those that
# `ToTensor` can give, [0, 1] with both ends; a fake has, somewhere, a value that Tanh can give and `ToTensor`
# cannot.


# %% tags=["hidden:01-2"]
def hidden_find_fakes(function):
    def cannot_be_real(images):
        return torch.tensor([float(picture.min()) < 0 for picture in images])

    source = torch.Generator().manual_seed(11)
    real = torch.rand(6, 1, 28, 28, generator=source)
    real[0], real[1], real[2] = 1, 0.5, 0  # white, grey and empty pages are legal
    real[3] = real[3] * 1e-3
    cases = [(real,), (real[:1],), (real[4:5],)]
    for row, column, value in [(0, 0, -1.0), (27, 27, -0.5), (13, 2, -1e-4), (5, 20, -1e-6)]:
        mixed = real.clone()
        mixed[4, 0, row, column] = value
        cases += [(mixed,), (mixed.flip(0)[:3],), (mixed[4:5],)]
    bright = torch.ones(2, 1, 28, 28)
    bright[1, 0, 7, 9] = -0.3  # its mean is far above 0
    cases += [(bright,), (-real[1:2],)]
    told = "True where a picture has a value below 0, which ToTensor never gives; else False"
    agrees(function, cannot_be_real, *cases, told=told)


# %% tags=["hidden:01-3"]
def hidden_slerp(function):
    def on_the_arc(a, b, t):
        a, b, t = a.double(), b.double(), float(t)
        cosine = (a @ b / (a.norm() * b.norm())).clamp(-1, 1)
        angle = torch.acos(cosine)
        if torch.sin(angle) < 1e-4:
            return (1 - t) * a + t * b
        return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)

    source = torch.Generator().manual_seed(21)
    cases = []
    for size in (2, 3, 64, 100):
        a, b = F.normalize(torch.randn(2, size, generator=source)) * 4
        cases += [(a, b, t) for t in (0.25, 0.9, 0.0, 1.0)]
        cases.append((2 * a, 0.5 * b, 0.3))  # the angle is between directions
        cases.append((a, a.norm() * F.normalize(a + 0.3 * b / b.norm(), dim=0), 0.5))  # close
        # rounding puts some of these cosines above 1
        cases += [(c, 1.7 * c, 0.4) for c in torch.randn(20, size, generator=source)]
    x, y = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 1.0])
    cases += [(x, y, 0.5), (x, 2 * x, 0.25), (x, torch.tensor([-3.0, 0.5]), 0.4)]
    told = "sin((1 - t) Ω) / sin Ω · a + sin(t Ω) / sin Ω · b, Ω between the directions of a and b"
    agrees(function, on_the_arc, *cases, told=told, rtol=1e-3, atol=1e-3)
