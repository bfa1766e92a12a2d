# %% 00-7 a loop
def random_rectangle(batch: int, height: int, width: int, *, generator: torch.Generator, low: int, high: int) -> torch.Tensor:
    """(batch, 1, height, width) of zeros and ones, 1 = hole."""
    out = torch.zeros(batch, 1, height, width)
    for sample in out:
        h = int(torch.randint(low, high + 1, (), generator=generator))
        w = int(torch.randint(low, high + 1, (), generator=generator))
        y = int(torch.randint(0, height - h + 1, (), generator=generator))
        x = int(torch.randint(0, width - w + 1, (), generator=generator))
        sample[0, y:y + h, x:x + w] = 1
    return out


# %% 00-7 NumPy, einsum or a module
import numpy as np

def random_rectangle(batch, height, width, *, generator, low, high):
    seed = int(torch.randint(2**31 - 1, (1,), generator=generator))
    rng = np.random.default_rng(seed)
    m = np.zeros((batch, 1, height, width), dtype=np.float32)
    h, w = rng.integers(low, high, size=(2, batch), endpoint=True)
    t, l = rng.integers(0, height - h, endpoint=True), rng.integers(0, width - w, endpoint=True)
    for i in range(batch):
        m[i, 0, t[i]:t[i] + h[i], l[i]:l[i] + w[i]] = 1.0
    return torch.from_numpy(m)


# %% 00-7 other types
def random_rectangle(batch, height, width, *, generator, low, high):
    def whole(count):  # from 0 to count - 1, each number of `count` its own range
        return (torch.rand(batch, generator=generator, dtype=torch.float64) * count).long()

    h, w = low + whole(high - low + 1), low + whole(high - low + 1)
    top, left = whole(height - h + 1), whole(width - w + 1)
    y, x = torch.arange(height)[None, :, None], torch.arange(width)[None, None, :]
    inside = (y >= top[:, None, None]) & (y < (top + h)[:, None, None])
    inside = inside & (x >= left[:, None, None]) & (x < (left + w)[:, None, None])
    return inside[:, None].float()


# %% 00-7 NumPy or by selection
def random_rectangle(batch, height, width, *, generator, low, high):
    def one(length):
        size = low + torch.randperm(high - low + 1, generator=generator)[0].item()
        start = torch.randperm(length - size + 1, generator=generator)[0].item()
        line = torch.zeros(length)
        line[start:start + size] = 1
        return line

    return torch.stack([torch.outer(one(height), one(width))[None] for _ in range(batch)])


