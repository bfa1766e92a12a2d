# %% 00-1 a loop
def random_square(batch: int, height: int, width: int, side: int, generator: torch.Generator) -> torch.Tensor:
    """(batch, 1, height, width) of zeros and ones, 1 = hole; draws from `generator` only."""
    out = torch.zeros(batch, 1, height, width)
    for sample in out:
        y = int(torch.randint(0, height - side + 1, (), generator=generator))
        x = int(torch.randint(0, width - side + 1, (), generator=generator))
        sample[0, y:y + side, x:x + side] = 1
    return out


# %% 00-1 NumPy, einsum or a module
import numpy as np

def random_square(batch, height, width, side, generator):
    seed = int(torch.randint(2**31 - 1, (1,), generator=generator))
    rng = np.random.default_rng(seed)
    m = np.zeros((batch, 1, height, width), dtype=np.float32)
    t = rng.integers(0, height - side, size=batch, endpoint=True)
    l = rng.integers(0, width - side, size=batch, endpoint=True)
    for i in range(batch):
        m[i, 0, t[i]:t[i] + side, l[i]:l[i] + side] = 1.0
    return torch.from_numpy(m)


# %% 00-1 other types
def random_square(batch, height, width, side, generator):
    u = torch.rand(batch, 2, generator=generator)
    top = (u[:, 0] * (height - side + 1)).long()
    left = (u[:, 1] * (width - side + 1)).long()
    mask = torch.zeros(batch, height, width, dtype=torch.int64)
    r = torch.arange(side)
    i = torch.arange(batch)[:, None, None]
    mask[i, (top[:, None] + r)[:, :, None], (left[:, None] + r)[:, None, :]] = 1
    return mask.unsqueeze(1)


# %% 00-1 NumPy or by selection
def random_square(batch, height, width, side, generator):
    rows = torch.multinomial(torch.ones(height - side + 1), batch, replacement=True, generator=generator)
    cols = torch.multinomial(torch.ones(width - side + 1), batch, replacement=True, generator=generator)
    vertical = torch.zeros(batch, height).scatter_(1, rows[:, None] + torch.arange(side), 1.0)
    horizontal = torch.zeros(batch, width).scatter_(1, cols[:, None] + torch.arange(side), 1.0)
    return (vertical[:, :, None] * horizontal[:, None, :])[:, None]


# %% 00-3 a loop
def hole_l1(prediction, target, mask):
    gap = (prediction - target).abs() * mask
    return gap.sum() / (mask.sum() * prediction.size(1)).clamp(min=1)


# %% 00-3 NumPy, einsum or a module
class HoleL1(torch.nn.Module):
    def forward(self, prediction, target, mask):
        weight = mask.expand_as(prediction)
        total = torch.nn.functional.l1_loss(prediction * weight, target * weight, reduction="sum")
        return total / torch.clamp(weight.sum(), min=1.0)


hole_l1 = HoleL1()


# %% 00-3 other types
def hole_l1(prediction, target, mask):
    e = torch.masked_select((prediction - target).abs(), mask > 0.5)
    return e.sum() / max(e.numel(), 1)


# %% 00-3 NumPy or by selection
def hole_l1(prediction, target, mask):
    if not mask.any():
        return torch.zeros(())
    return (prediction - target).abs()[mask.bool().expand(-1, prediction.shape[1], -1, -1)].mean()


# %% 00-2 a loop
def hole_psnr(prediction, image, mask):
    se = ((prediction - image) / 2).square() * mask
    n = mask.sum((1, 2, 3)) * image.shape[1]
    return -10 * torch.log10(se.sum((1, 2, 3)) / n)


# %% 00-2 NumPy, einsum or a module
def hole_psnr(prediction, image, mask):
    p, x = (prediction + 1) / 2, (image + 1) / 2
    top = torch.einsum("bchw,bchw,bhw->b", p - x, p - x, mask[:, 0])
    bottom = torch.einsum("bihw->b", mask) * p.shape[1]
    return 10 * torch.log10(bottom / top)


# %% 00-2 other types
def hole_psnr(prediction, image, mask):
    from skimage.metrics import peak_signal_noise_ratio as f
    out = []
    for i in range(len(image)):
        sel = mask[i].bool().expand_as(image[i])
        a, b = image[i][sel].numpy() / 2 + .5, prediction[i][sel].numpy() / 2 + .5
        out.append(float(f(a, b, data_range=1)))
    return torch.tensor(out)


# %% 00-2 NumPy or by selection
def hole_psnr(prediction, image, mask):
    # plain numpy
    p = prediction.detach().cpu().numpy() * 0.5
    x = image.detach().cpu().numpy() * 0.5
    m = mask.cpu().numpy().astype(bool)
    res = [-10 * np.log10(np.mean((p[i] - x[i])[:, m[i, 0]] ** 2)) for i in range(p.shape[0])]
    return torch.as_tensor(np.array(res))
import numpy as np


# %% 00-6 a loop
def diffuse(observed, mask, rounds):
    now = observed.clone()
    hole = mask.bool()
    for _ in range(rounds):
        up = torch.cat([now[:, :, :1], now[:, :, :-1]], dim=2)
        down = torch.cat([now[:, :, 1:], now[:, :, -1:]], dim=2)
        left = torch.cat([now[..., :1], now[..., :-1]], dim=3)
        right = torch.cat([now[..., 1:], now[..., -1:]], dim=3)
        now = torch.where(hole, (up + down + left + right) / 4, observed)
    return now


# %% 00-6 NumPy, einsum or a module
def diffuse(observed, mask, rounds):
    import torch.nn.functional as F
    c = observed.shape[1]
    kernel = torch.tensor([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4
    weight = kernel.to(observed).repeat(c, 1, 1, 1)
    out = observed.clone()
    for i in range(rounds):
        mean = F.conv2d(F.pad(out, (1, 1, 1, 1), mode="replicate"), weight, groups=c)
        out = out.where(mask == 0, mean)
    return out


# %% 00-6 other types
import numpy as np

def diffuse(observed, mask, rounds):
    u = observed.detach().cpu().numpy().astype(np.float64)
    hole = np.broadcast_to(mask.cpu().numpy() > 0.5, u.shape)
    for _ in range(rounds):
        p = np.pad(u, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
        mean = (p[..., 2:, 1:-1] + p[..., :-2, 1:-1] + p[..., 1:-1, 2:] + p[..., 1:-1, :-2]) / 4
        u = np.where(hole, mean, u)
    return torch.from_numpy(u).to(observed.dtype)


# %% 00-6 NumPy or by selection
def diffuse(observed, mask, rounds):
    height, width = observed.shape[-2:]
    y, x = torch.arange(height), torch.arange(width)
    up, down = (y - 1).clamp(min=0), (y + 1).clamp(max=height - 1)
    left, right = (x - 1).clamp(min=0), (x + 1).clamp(max=width - 1)
    where = mask.bool().expand_as(observed)
    picture = observed.clone()
    for _ in range(rounds):
        around = picture[:, :, up] + picture[:, :, down] + picture[:, :, :, left] + picture[:, :, :, right]
        picture[where] = 0.25 * around[where]
    return picture


# %% 00-8 other types
def best_match(picture, known, patch, patch_known):
    import torch.nn.functional as F
    s = patch.shape[-1]
    columns = F.unfold(picture[None], s)[0]
    whole = F.unfold(known[None, None].float(), s)[0].min(dim=0).values > 0.5
    weight = patch_known.float().expand_as(patch).reshape(-1, 1)
    cost = ((columns - patch.reshape(-1, 1)) ** 2 * weight).sum(dim=0)
    cost[~whole] = float("inf")
    place = int(cost.argmin())
    across = picture.shape[2] - s + 1
    return place // across, place % across


# %% 00-8 a loop
def best_match(picture, known, patch, patch_known):
    s = patch.shape[-1]
    best, where = float("inf"), None
    for y in range(picture.shape[1] - s + 1):
        for x in range(picture.shape[2] - s + 1):
            if not known[y:y + s, x:x + s].all():
                continue
            gap = (picture[:, y:y + s, x:x + s] - patch)[:, patch_known]
            cost = float((gap ** 2).sum())
            if cost < best:
                best, where = cost, (y, x)
    return where


# %% 00-8 NumPy, einsum or a module
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

def best_match(picture, known, patch, patch_known):
    s = patch.shape[-1]
    windows = sliding_window_view(picture.numpy().astype(np.float64), (s, s), axis=(1, 2))
    ok = sliding_window_view(known.numpy(), (s, s)).all(axis=(2, 3))
    gap = windows - patch.numpy()[:, None, None]
    cost = np.einsum("cyxij,cyxij,ij->yx", gap, gap, patch_known.numpy().astype(np.float64))
    return np.unravel_index(np.argmin(np.where(ok, cost, np.inf)), cost.shape)


# %% 00-8 NumPy or by selection
def best_match(picture, known, patch, patch_known):
    s = patch.shape[-1]
    p = picture.unfold(1, s, 1).unfold(2, s, 1).permute(1, 2, 0, 3, 4)
    k = known.unfold(0, s, 1).unfold(1, s, 1).all(-1).all(-1)
    places = k.nonzero()
    costs = (p[k][:, :, patch_known] - patch[:, patch_known]).pow(2).sum(dim=(1, 2))
    return tuple(places[costs.argmin()].tolist())
