# %% 06-2 blocks by name, levels in a loop
class UNet(nn.Module):
    def __init__(self, base, skips=True):
        super().__init__()
        self.skips = skips
        before = 4
        for level in (1, 2, 3):
            width = base * 2 ** (level - 1)
            self.add_module(f"enc{level}", DoubleConv(before, width))
            before = width
        self.add_module("attention", SelfAttention2d(before))
        self.add_module("bottleneck", DoubleConv(before, before))
        for level in (3, 2):
            width = base * 2 ** (level - 1)
            self.add_module(f"dec{level}", DoubleConv(before + width, width))
            before = width
        block = DoubleConv(before + base, base)
        block[2], block[3] = nn.Conv2d(base, 3, 3, padding=1), nn.Tanh()
        self.dec1 = block
        he_start(self)

    def forward(self, observed, mask):
        x, kept = torch.cat((observed, mask), 1), []
        for level in (1, 2, 3):
            x = getattr(self, f"enc{level}")(x)
            kept.append(x)
            x = F.max_pool2d(x, kernel_size=2)
        x = self.bottleneck(self.attention(x))
        for level in (3, 2, 1):
            skip = kept.pop()
            if not self.skips:
                skip = torch.zeros_like(skip)
            x = getattr(self, f"dec{level}")(torch.cat((unet.double(x), skip), 1))
        return x


# %% 06-2 layers written out, no names inside
def pair(a, b, c, end):
    first, second = nn.Conv2d(a, b, 3, padding=1), nn.Conv2d(b, c, (3, 3), padding="same")
    return nn.Sequential(first, nn.LeakyReLU(0.2, inplace=True), second, end)


class UNet(nn.Module):
    def __init__(self, base, skips=True):
        super().__init__()
        b, leaky = base, nn.LeakyReLU(0.2)
        self.enc1, self.enc2 = pair(4, b, b, leaky), pair(b, 2 * b, 2 * b, leaky)
        self.enc3 = pair(2 * b, 4 * b, 4 * b, leaky)
        self.attention = SelfAttention2d(4 * b)
        self.bottleneck = pair(4 * b, 4 * b, 4 * b, leaky)
        self.dec3, self.dec2 = pair(8 * b, 4 * b, 4 * b, leaky), pair(6 * b, 2 * b, 2 * b, leaky)
        self.dec1 = pair(3 * b, b, 3, nn.Tanh())
        self.open = float(skips)
        he_start(self)

    def forward(self, observed, mask):
        one = self.enc1(torch.cat([observed, mask], dim=1))
        two = self.enc2(F.max_pool2d(one, 2))
        three = self.enc3(F.max_pool2d(two, 2))
        x = self.attention(F.max_pool2d(three, 2))
        x = self.bottleneck(x)
        x = self.dec3(torch.cat([unet.double(x), self.open * three], dim=1))
        x = self.dec2(torch.cat([unet.double(x), self.open * two], dim=1))
        return self.dec1(torch.cat([unet.double(x), self.open * one], dim=1))


# %% 06-2 one function that calls itself
class UNet(nn.Module):
    def __init__(self, base, skips=True):
        super().__init__()
        self.skips, b = skips, base
        self.pool = nn.MaxPool2d(2)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.enc1 = DoubleConv(4, b)
        self.enc2 = DoubleConv(b, b * 2)
        self.enc3 = DoubleConv(b * 2, b * 4)
        self.attention = SelfAttention2d(b * 4)
        self.bottleneck = DoubleConv(b * 4, b * 4)
        self.dec3 = DoubleConv(b * 8, b * 4)
        self.dec2 = DoubleConv(b * 6, b * 2)
        ends = nn.Conv2d(b * 3, b, 3, padding=1), nn.Conv2d(b, 3, 3, padding=1)
        self.dec1 = nn.Sequential(ends[0], nn.LeakyReLU(0.2), ends[1], nn.Tanh())
        he_start(self)

    def level(self, x, down, up):
        if not down:
            return self.bottleneck(self.attention(x))
        skip = down[0](x)
        below = self.up(self.level(self.pool(skip), down[1:], up[1:]))
        return up[0](torch.cat([below, skip if self.skips else skip * 0], dim=1))

    def forward(self, observed, mask):
        down, up = (self.enc1, self.enc2, self.enc3), (self.dec1, self.dec2, self.dec3)
        return self.level(torch.cat([observed, mask], dim=1), down, up)


# %% 06-3 conv2d, channel by channel
def sobel_distance(a, b):
    kernel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
    both = torch.stack([kernel, kernel.t()])[:, None]
    d = (a - b).flatten(0, 1).unsqueeze(1)
    slopes = torch.nn.functional.conv2d(d, both)
    return slopes.abs().sum(1).mean()


# %% 06-3 both pictures filtered, scipy
def sobel_distance(a, b):
    total, count = 0.0, 0
    for p, q in zip(a.flatten(0, 1).double().numpy(), b.flatten(0, 1).double().numpy()):
        for axis in (0, 1):
            gap = ndimage.sobel(p, axis) / 8 - ndimage.sobel(q, axis) / 8
            inner = np.abs(gap)[1:-1, 1:-1]
            total += inner.sum()
        count += inner.size
    return total / count


# %% 06-3 pixel by pixel
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


# %% 06-4 torch's var and cov
def window_ssim(x, y, data_range):
    a, b = x.reshape(-1), y.reshape(-1)
    m = torch.cov(torch.stack([a, b]), correction=0)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    light = (2 * a.mean() * b.mean() + c1) / (a.mean() ** 2 + b.mean() ** 2 + c1)
    return light * (2 * m[0, 1] + c2) / (m[0, 0] + m[1, 1] + c2)


# %% 06-4 float32, written out
def window_ssim(x, y, data_range):
    x, y = x.float(), y.float()
    n = x.numel()
    mx, my = x.sum() / n, y.sum() / n
    vx, vy = x.var(correction=0), y.var(unbiased=False)
    cxy = ((x - mx) * (y - my)).sum() / n
    c1, c2 = (data_range * 0.01) ** 2, (data_range * 0.03) ** 2
    return ((2 * mx * my + c1) * (2 * cxy + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))


# %% 06-4 NumPy, a float
def window_ssim(x, y, data_range):
    p, q = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
    k1, k2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    cross = np.mean((p - p.mean()) * (q - q.mean()))
    first = (2 * p.mean() * q.mean() + k1) / (p.mean() ** 2 + q.mean() ** 2 + k1)
    return float(first * (2 * cross + k2) / (p.var() + q.var() + k2))


# %% 06-5 a deep copy
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


# %% 06-5 exact comparison, the modes kept by hand
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


# %% 06-5 sample by sample
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
