# %%
import torch
import torch.nn.functional as F
from torch import nn

from inpaintlib.losses import bce_discriminator_loss, bce_generator_loss
from inpaintlib.notebook.agreement import agrees
from inpaintlib.notebook.network_checks import trains


# %%
def generator_loss(fake_logits):
    return bce_generator_loss(fake_logits=fake_logits)


def discriminator_loss(real_logits, fake_logits):
    return bce_discriminator_loss(real_logits=real_logits, fake_logits=fake_logits)


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


# %% tags=["hidden:01-2"]
def hidden_discriminator_step(function):
    def by_hand(generator, discriminator, optimizer, real, z):
        with torch.no_grad():
            fake = generator(z)
        loss = F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    def made(batch):
        generator = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 6))
        discriminator = nn.Sequential(nn.Linear(6, 7), nn.LeakyReLU(0.2), nn.Linear(7, 1))
        optimizer = torch.optim.SGD(discriminator.parameters(), lr=0.3, momentum=0.5)
        return generator, discriminator, optimizer, torch.randn(batch, 6), torch.randn(batch, 5)

    told = "one update of the discriminator"
    trains(function, by_hand, made, learns=["discriminator"], told=told)


# %% tags=["hidden:01-3"]
def hidden_generator_step(function):
    def by_hand(generator, discriminator, optimizer, z):
        loss = F.softplus(-discriminator(generator(z))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    def made(batch):
        generator = nn.Sequential(nn.Linear(4, 9), nn.Tanh(), nn.Linear(9, 6))
        discriminator = nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
        optimizer = torch.optim.SGD(generator.parameters(), lr=0.3, momentum=0.5)
        return generator, discriminator, optimizer, torch.randn(batch, 4)

    def steep(batch):  # gradients so large that clipping would show
        parts = made(batch)
        with torch.no_grad():
            for weight in parts[1].parameters():
                weight.mul_(6)
        return parts

    told = "one update of the generator"
    free = ["discriminator"]  # its own step clears what is left in it
    for make in (made, steep):
        trains(function, by_hand, make, learns=["generator"], any_gradient=free, told=told)
