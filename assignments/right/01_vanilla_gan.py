# %% 01-1 in two branches
def generator_loss(fake_logits):
    e = torch.exp(-torch.abs(fake_logits))
    return torch.where(fake_logits >= 0, torch.log1p(e), torch.log1p(e) - fake_logits).mean()


# %% 01-1 clamped linear part, by sum and count, in float64
def generator_loss(logits):
    flat = logits.reshape(-1).double()
    costs = (-flat).clamp(min=0) + torch.log1p((-flat.abs()).exp())
    return (costs.sum() / costs.numel()).float()


# %% 01-1 one logit after the other, as a module
class Loss(torch.nn.Module):
    def one(self, logit):
        if logit > 0:
            return (1 + (-logit).exp()).log()
        return (1 + logit.exp()).log() - logit

    def forward(self, logits):
        return torch.stack([self.one(logit) for logit in logits.flatten()]).mean()


generator_loss = Loss()


# %% 01-2 a loop over pictures
def find_fakes(images):
    answers = []
    for picture in images:
        answers.append(bool(picture.min() < 0))
    return torch.tensor(answers)


# %% 01-2 the smallest value
def find_fakes(images):
    return images.amin(dim=(1, 2, 3)).lt(0)


# %% 01-2 counting with NumPy
import numpy as np


def find_fakes(images):
    below = (images.numpy() < 0).reshape(len(images), -1).sum(axis=1)
    return torch.from_numpy(below > 0)


# %% 01-3 angles with atan2
def slerp(a, b, t):
    x, y = a / a.norm(), b / b.norm()
    omega = 2 * torch.atan2((x - y).norm(), (x + y).norm())
    if omega < 1e-4:
        return a + t * (b - a)
    return (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)


# %% 01-3 plain Python numbers
import math


def slerp(a, b, t):
    dot = sum(float(p) * float(q) for p, q in zip(a, b))
    cosine = max(-1.0, min(1.0, dot / math.sqrt(float(a @ a) * float(b @ b))))
    omega = math.acos(cosine)
    if math.sin(omega) < 1e-4:
        return a * (1 - t) + b * t
    return a * (math.sin((1 - t) * omega) / math.sin(omega)) + b * (math.sin(t * omega) / math.sin(omega))


# %% 01-3 in float64
def slerp(a, b, t):
    p, q = a.double(), b.double()
    cosine = (F.normalize(p, dim=0) * F.normalize(q, dim=0)).sum().clamp(-1, 1)
    omega = cosine.arccos()
    near = omega.sin() < 1e-3
    weights = (1 - t, t) if near else (((1 - t) * omega).sin() / omega.sin(), (t * omega).sin() / omega.sin())
    return (weights[0] * p + weights[1] * q).to(a.dtype)
