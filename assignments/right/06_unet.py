# %% 06-2 conv2d, channel by channel
def sobel_distance(a, b):
    kernel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
    both = torch.stack([kernel, kernel.t()])[:, None]
    d = (a - b).flatten(0, 1).unsqueeze(1)
    slopes = torch.nn.functional.conv2d(d, both)
    return slopes.abs().sum(1).mean()


# %% 06-2 both pictures filtered, scipy
def sobel_distance(a, b):
    total, count = 0.0, 0
    for p, q in zip(a.flatten(0, 1).double().numpy(), b.flatten(0, 1).double().numpy()):
        for axis in (0, 1):
            gap = ndimage.sobel(p, axis) / 8 - ndimage.sobel(q, axis) / 8
            inner = np.abs(gap)[1:-1, 1:-1]
            total += inner.sum()
        count += inner.size
    return total / count


# %% 06-2 pixel by pixel
def sobel_distance(a, b):
    d = a - b
    h, w = d.shape[2:]
    costs = []
    for y in range(1, h - 1):
        for x in range(1, w - 1):
            p = d[:, :, y - 1 : y + 2, x - 1 : x + 2]
            smooth = torch.tensor([1.0, 2.0, 1.0])
            dx = ((p[..., 2] - p[..., 0]) * smooth).sum(-1) / 8
            dy = ((p[..., 2, :] - p[..., 0, :]) * smooth).sum(-1) / 8
            costs.append(dx.abs() + dy.abs())
    return torch.stack(costs).mean()


# %% 06-3 torch's var and cov
def window_ssim(x, y, data_range):
    a, b = x.reshape(-1), y.reshape(-1)
    m = torch.cov(torch.stack([a, b]), correction=0)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    light = (2 * a.mean() * b.mean() + c1) / (a.mean() ** 2 + b.mean() ** 2 + c1)
    return light * (2 * m[0, 1] + c2) / (m[0, 0] + m[1, 1] + c2)


# %% 06-3 float32, written out
def window_ssim(x, y, data_range):
    x, y = x.float(), y.float()
    n = x.numel()
    mx, my = x.sum() / n, y.sum() / n
    vx, vy = x.var(correction=0), y.var(unbiased=False)
    cxy = ((x - mx) * (y - my)).sum() / n
    c1, c2 = (data_range * 0.01) ** 2, (data_range * 0.03) ** 2
    return ((2 * mx * my + c1) * (2 * cxy + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))


# %% 06-3 NumPy, a float
def window_ssim(x, y, data_range):
    p, q = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
    k1, k2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    cross = np.mean((p - p.mean()) * (q - q.mean()))
    first = (2 * p.mean() * q.mean() + k1) / (p.mean() ** 2 + q.mean() ** 2 + k1)
    return float(first * (2 * cross + k2) / (p.var() + q.var() + k2))


# %% 06-4 a deep copy
import copy


def sees(discriminator, mask):
    twin = copy.deepcopy(discriminator).eval()
    shape = (mask.shape[0], 3, *mask.shape[2:])
    base = torch.rand(shape) * 2 - 1
    with torch.no_grad():
        first = twin(base)
        found = torch.zeros_like(first, dtype=torch.bool)
        for _ in range(4):
            other = torch.where(mask.bool(), torch.rand(shape) * 2 - 1, base)
            found |= (twin(other) - first).abs() > 1e-6
    return found


# %% 06-4 exact comparison, the modes kept by hand
def sees(discriminator, mask):
    modes = [part.training for part in discriminator.modules()]
    discriminator.eval()
    try:
        with torch.inference_mode():
            x = torch.randn(len(mask), 3, *mask.shape[-2:])
            y = x * (1 - mask) + torch.randn_like(x) * mask
            a, b = discriminator(x), discriminator(y)
    finally:
        for part, mode in zip(discriminator.modules(), modes):
            part.training = mode
    return ((a - b).abs() > 1e-6).clone()


# %% 06-4 sample by sample
def sees(discriminator, mask):
    answers = []
    g = torch.Generator().manual_seed(11)
    with training.eval_mode(discriminator):
        for m in mask:
            x, one, two = (torch.randn(1, 3, *m.shape[1:], generator=g) for _ in range(3))
            a = discriminator(composite(one, x, m[None]))
            b = discriminator(composite(two, x, m[None]))
            answers.append((a - b).abs().gt(1e-6))
    return torch.cat(answers)
