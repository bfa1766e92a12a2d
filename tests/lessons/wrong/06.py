# %% 06-1 biases forgotten
def parameters(base):
    b = base
    pairs = [(4, b), (b, b), (b, 2 * b), (2 * b, 2 * b), (2 * b, 4 * b), (4 * b, 4 * b)]
    pairs += [(4 * b, 4 * b), (4 * b, 4 * b), (8 * b, 4 * b), (4 * b, 4 * b)]
    pairs += [(6 * b, 2 * b), (2 * b, 2 * b), (3 * b, b), (b, 3)]
    attention = 2 * 4 * b * (b // 2) + (4 * b) ** 2 + 1
    return sum(9 * inputs * outputs for inputs, outputs in pairs) + attention


# %% 06-1 skips are added, not joined
def parameters(base):
    def conv(inputs, outputs, kernel=3):
        return kernel**2 * inputs * outputs + outputs

    b, four = base, 4 * base
    encoder = [(4, b), (b, b), (b, 2 * b), (2 * b, 2 * b), (2 * b, four), (four, four)]
    decoder = [(four, four), (four, four), (four, 2 * b), (2 * b, 2 * b), (2 * b, b), (b, 3)]
    convolutions = sum(conv(*pair) for pair in [*encoder, (four, four), (four, four), *decoder])
    return convolutions + 2 * conv(four, b // 2, 1) + conv(four, four, 1) + 1


# %% 06-1 γ is not counted
def parameters(base):
    def double(inputs, middle, outputs):
        return 9 * inputs * middle + middle + 9 * middle * outputs + outputs

    b = base
    blocks = [(4, b, b), (b, 2 * b, 2 * b), (2 * b, 4 * b, 4 * b), (4 * b, 4 * b, 4 * b)]
    blocks += [(8 * b, 4 * b, 4 * b), (6 * b, 2 * b, 2 * b), (3 * b, b, 3)]
    attention = 2 * (4 * b * b // 2 + b // 2) + 16 * b * b + 4 * b
    return sum(double(*block) for block in blocks) + attention


# %% 06-2 the skip before what comes from below
class UNet(nn.Module):
    def __init__(self, base, skips=True):
        super().__init__()
        b, self.skips = base, skips
        self.enc1, self.enc2 = DoubleConv(4, b), DoubleConv(b, 2 * b)
        self.enc3 = DoubleConv(2 * b, 4 * b)
        self.attention = SelfAttention2d(4 * b)
        self.bottleneck = DoubleConv(4 * b, 4 * b)
        self.dec3, self.dec2 = DoubleConv(8 * b, 4 * b), DoubleConv(6 * b, 2 * b)
        narrow, last = nn.Conv2d(3 * b, b, 3, padding=1), nn.Conv2d(b, 3, 3, padding=1)
        self.dec1 = nn.Sequential(narrow, nn.LeakyReLU(0.2), last, nn.Tanh())
        he_start(self)

    def forward(self, observed, mask):
        fine = self.enc1(torch.cat([observed, mask], dim=1))
        middle = self.enc2(F.max_pool2d(fine, 2))
        coarse = self.enc3(F.max_pool2d(middle, 2))
        x = self.bottleneck(self.attention(F.max_pool2d(coarse, 2)))
        for block, skip in ((self.dec3, coarse), (self.dec2, middle), (self.dec1, fine)):
            x = block(torch.cat([skip if self.skips else 0 * skip, unet.double(x)], dim=1))
        return x


# %% 06-2 skips are left out, not zeros
class UNet(nn.Module):
    def __init__(self, base, skips=True):
        super().__init__()
        b, self.skips = base, skips
        self.enc1, self.enc2 = DoubleConv(4, b), DoubleConv(b, 2 * b)
        self.enc3 = DoubleConv(2 * b, 4 * b)
        self.attention = SelfAttention2d(4 * b)
        self.bottleneck = DoubleConv(4 * b, 4 * b)
        extra = skips * b
        self.dec3 = DoubleConv(4 * b + 4 * extra, 4 * b)
        self.dec2 = DoubleConv(4 * b + 2 * extra, 2 * b)
        narrow, last = nn.Conv2d(2 * b + extra, b, 3, padding=1), nn.Conv2d(b, 3, 3, padding=1)
        self.dec1 = nn.Sequential(narrow, nn.LeakyReLU(0.2), last, nn.Tanh())
        he_start(self)

    def forward(self, observed, mask):
        fine = self.enc1(torch.cat([observed, mask], dim=1))
        middle = self.enc2(F.max_pool2d(fine, 2))
        coarse = self.enc3(F.max_pool2d(middle, 2))
        x = self.bottleneck(self.attention(F.max_pool2d(coarse, 2)))
        for block, skip in ((self.dec3, coarse), (self.dec2, middle), (self.dec1, fine)):
            parts = [unet.double(x), skip] if self.skips else [unet.double(x)]
            x = block(torch.cat(parts, dim=1))
        return x


# %% 06-2 dec1 is a DoubleConv like the others
class UNet(nn.Module):
    def __init__(self, base, skips=True):
        super().__init__()
        b, self.skips = base, skips
        self.enc1, self.enc2 = DoubleConv(4, b), DoubleConv(b, 2 * b)
        self.enc3 = DoubleConv(2 * b, 4 * b)
        self.attention = SelfAttention2d(4 * b)
        self.bottleneck = DoubleConv(4 * b, 4 * b)
        self.dec3, self.dec2 = DoubleConv(8 * b, 4 * b), DoubleConv(6 * b, 2 * b)
        self.dec1 = DoubleConv(3 * b, b)
        self.last = nn.Sequential(nn.Conv2d(b, 3, 3, padding=1), nn.Tanh())
        he_start(self)

    def forward(self, observed, mask):
        fine = self.enc1(torch.cat([observed, mask], dim=1))
        middle = self.enc2(F.max_pool2d(fine, 2))
        coarse = self.enc3(F.max_pool2d(middle, 2))
        x = self.bottleneck(self.attention(F.max_pool2d(coarse, 2)))
        for block, skip in ((self.dec3, coarse), (self.dec2, middle), (self.dec1, fine)):
            x = block(torch.cat([unet.double(x), self.skips * skip], dim=1))
        return self.last(x)


# %% 06-3 the strengths of edges compared, not the edges
def sobel_distance(a, b):
    def strength(x):
        wide, high = x[..., 2:] - x[..., :-2], x[..., 2:, :] - x[..., :-2, :]
        dx = (wide[..., :-2, :] + 2 * wide[..., 1:-1, :] + wide[..., 2:, :]) / 8
        dy = (high[..., :-2] + 2 * high[..., 1:-1] + high[..., 2:]) / 8
        return (dx.abs() + dy.abs()).mean()

    return (strength(a) - strength(b)).abs()


# %% 06-3 not divided by 8
def sobel_distance(a, b):
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = torch.stack([across, across.T])[:, None]
    slopes = F.conv2d((a - b).flatten(0, 1)[:, None], kernels)
    return slopes.abs().sum(dim=1).mean()


# %% 06-3 zeros beyond the border
def sobel_distance(a, b):
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    kernels = torch.stack([across, across.T])[:, None]
    slopes = F.conv2d((a - b).flatten(0, 1)[:, None], kernels, padding=1)
    return slopes.abs().sum(dim=1).mean()


# %% 06-4 the constants do not grow with the range
def window_ssim(x, y, data_range):
    c1, c2 = 0.01**2, 0.03**2
    mean_x, mean_y = x.mean(), y.mean()
    covariance = ((x - mean_x) * (y - mean_y)).mean()
    light = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    variances = x.var(correction=0) + y.var(correction=0)
    return light * (2 * covariance + c2) / (variances + c2)


# %% 06-4 torch's own variance
def window_ssim(x, y, data_range):
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mean_x, mean_y = x.mean(), y.mean()
    covariance = ((x - mean_x) * (y - mean_y)).mean()
    light = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return light * (2 * covariance + c2) / (x.var() + y.var() + c2)


# %% 06-4 no constants
def window_ssim(x, y, data_range):
    mean_x, mean_y = x.mean(), y.mean()
    covariance = ((x - mean_x) * (y - mean_y)).mean()
    light = 2 * mean_x * mean_y / (mean_x**2 + mean_y**2)
    return light * 2 * covariance / (x.var(correction=0) + y.var(correction=0))


# %% 06-5 BatchNorm is left in training mode
def sees(discriminator, mask):
    outside, one, other = torch.randn(3, len(mask), 3, *mask.shape[2:])
    with torch.no_grad():
        first = discriminator(composite(one, outside, mask))
        second = discriminator(composite(other, outside, mask))
    return (first - second).abs() > 1e-6


# %% 06-5 the known pixels change, too
def sees(discriminator, mask):
    one, other = torch.randn(2, len(mask), 3, *mask.shape[2:])
    with training.eval_mode(discriminator):
        first, second = discriminator(composite(one, one, mask)), discriminator(other)
    return (first - second).abs() > 1e-6


# %% 06-5 the mask made as small as the map
def sees(discriminator, mask):
    with training.eval_mode(discriminator):
        logits = discriminator(mask.expand(-1, 3, -1, -1))
    return F.interpolate(mask, logits.shape[2:], mode="nearest") > 0
