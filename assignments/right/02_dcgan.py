# %% 02-1 value by value
def stamp(x, kernel, stride, padding):
    y = [0.0] * ((len(x) - 1) * stride + len(kernel))
    for i in range(len(x)):
        for j in range(len(kernel)):
            y[i * stride + j] += float(x[i]) * float(kernel[j])
    return torch.tensor(y[padding : len(y) - padding])


# %% 02-1 zeros between the values
def stamp(x, kernel, stride, padding):
    spread = torch.zeros((len(x) - 1) * stride + 1)
    spread[::stride] = x
    total = torch.zeros(len(spread) + len(kernel) - 1)
    for j, weight in enumerate(kernel):
        total[j : j + len(spread)] = total[j : j + len(spread)] + weight * spread
    end = len(total) - padding
    return total[padding:end]


# %% 02-1 a matrix of stamps
def stamp(x, kernel, stride, padding):
    length = (len(x) - 1) * stride + len(kernel)
    matrix = torch.zeros(len(x), length, dtype=x.dtype)
    for i in range(len(x)):
        matrix[i, i * stride : i * stride + len(kernel)] = kernel
    return (x @ matrix).narrow(0, padding, length - 2 * padding)


# %% 02-2 a list in a loop
class Generator(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        channels = [100] + [width * 2**k for k in (3, 2, 1, 0)] + [3]
        steps = []
        for number in range(5):
            inside, outside = channels[number], channels[number + 1]
            stride, padding = (1, 0) if number == 0 else (2, 1)
            steps.append(nn.ConvTranspose2d(inside, outside, 4, stride, padding, bias=False))
            if number < 4:
                steps.append(nn.BatchNorm2d(outside))
                steps.append(nn.ReLU(inplace=True))
        steps.append(nn.Tanh())
        self.steps = nn.Sequential(*steps)

    def forward(self, z):
        return self.steps(z.reshape(len(z), 100, 1, 1))


# %% 02-2 named layers and functions
class Generator(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        w = width
        self.start = nn.ConvTranspose2d(100, 8 * w, 4, bias=False)
        self.norm0 = nn.BatchNorm2d(8 * w)
        self.up1 = nn.ConvTranspose2d(8 * w, 4 * w, 4, 2, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(4 * w)
        self.up2 = nn.ConvTranspose2d(4 * w, 2 * w, 4, 2, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(2 * w)
        self.up3 = nn.ConvTranspose2d(2 * w, w, 4, 2, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(w)
        self.last = nn.ConvTranspose2d(w, 3, 4, 2, 1, bias=False)

    def forward(self, z):
        x = z.unsqueeze(-1).unsqueeze(-1)
        x = torch.relu(self.norm0(self.start(x)))
        x = F.relu(self.norm1(self.up1(x)))
        x = F.relu(self.norm2(self.up2(x)))
        x = self.norm3(self.up3(x)).clamp(min=0)
        return torch.tanh(self.last(x))


# %% 02-2 a module per block
class Up(nn.Module):
    def __init__(self, wide, narrow, stride, padding):
        super().__init__()
        self.convolution = nn.ConvTranspose2d(wide, narrow, 4, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(narrow)

    def forward(self, x):
        return self.norm(self.convolution(x)).relu()


class Generator(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.blocks = nn.ModuleList([Up(100, width * 8, 1, 0)])
        while width * 2 ** (4 - len(self.blocks)) > width:
            wide = width * 2 ** (4 - len(self.blocks))
            self.blocks.append(Up(wide, wide // 2, 2, 1))
        self.out = nn.ConvTranspose2d(width, 3, kernel_size=4, stride=2, padding=1, bias=False)

    def forward(self, z):
        x = z[..., None, None]
        for block in self.blocks:
            x = block(x)
        return self.out(x).tanh()


# %% 02-3 a loop and a helper
class Discriminator(nn.Module):
    def __init__(self, width=64, spectral=False):
        super().__init__()

        def convolution(inside, outside, stride, padding):
            layer = nn.Conv2d(inside, outside, 4, stride, padding, bias=spectral)
            return spectral_norm(layer) if spectral else layer

        parts = [convolution(3, width, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        for k in range(3):
            parts += [convolution(width * 2**k, width * 2 ** (k + 1), 2, 1)]
            parts += [] if spectral else [nn.BatchNorm2d(width * 2 ** (k + 1))]
            parts += [nn.LeakyReLU(0.2, inplace=True)]
        parts += [convolution(width * 8, 1, 1, 0)]
        self.parts = nn.Sequential(*parts)

    def forward(self, image):
        return self.parts(image).view(-1, 1)


# %% 02-3 named layers
class Discriminator(nn.Module):
    def __init__(self, width=64, spectral=False):
        super().__init__()
        self.spectral = spectral
        self.c1 = nn.Conv2d(3, width, 4, 2, 1, bias=spectral)
        self.c2 = nn.Conv2d(width, 2 * width, 4, 2, 1, bias=spectral)
        self.c3 = nn.Conv2d(2 * width, 4 * width, 4, 2, 1, bias=spectral)
        self.c4 = nn.Conv2d(4 * width, 8 * width, 4, 2, 1, bias=spectral)
        self.c5 = nn.Conv2d(8 * width, 1, 4, bias=spectral)
        if spectral:
            for name in ("c1", "c2", "c3", "c4", "c5"):
                setattr(self, name, spectral_norm(getattr(self, name)))
        else:
            self.n2 = nn.BatchNorm2d(2 * width)
            self.n3 = nn.BatchNorm2d(4 * width)
            self.n4 = nn.BatchNorm2d(8 * width)

    def forward(self, image):
        x = F.leaky_relu(self.c1(image), 0.2)
        for number in (2, 3, 4):
            x = getattr(self, f"c{number}")(x)
            if not self.spectral:
                x = getattr(self, f"n{number}")(x)
            x = torch.where(x > 0, x, 0.2 * x)
        return self.c5(x)[:, :, 0, 0]


# %% 02-3 identity in place of BatchNorm
class Discriminator(nn.Module):
    def __init__(self, width=64, spectral=False):
        super().__init__()
        widths = (3, width, width * 2, width * 4, width * 8)
        self.layers = nn.ModuleList()
        for place in range(4):
            layer = nn.Conv2d(widths[place], widths[place + 1], 4, 2, 1, bias=spectral)
            keep = spectral or place == 0
            norm = nn.Identity() if keep else nn.BatchNorm2d(widths[place + 1])
            layer = spectral_norm(layer) if spectral else layer
            self.layers.append(nn.Sequential(layer, norm, nn.LeakyReLU(0.2)))
        last = nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=spectral)
        self.last = spectral_norm(last) if spectral else last

    def forward(self, image):
        for layer in self.layers:
            image = layer(image)
        return self.last(image).flatten(1)


# %% 02-4 sorted distances
def too_near(generated, training, unseen, rate=0.05):
    ours = torch.cdist(generated, training).sort(dim=1).values[:, 0]
    theirs = torch.cdist(unseen, training).sort(dim=1).values[:, 0]
    return ours < theirs.quantile(rate)


# %% 02-4 row by row
def too_near(generated, training, unseen, rate=0.05):
    def gap(row):
        return min((row - other).norm() for other in training)

    limit = torch.quantile(torch.stack([gap(row) for row in unseen]), rate)
    return torch.stack([gap(row) < limit for row in generated])


# %% 02-4 both sets in one table
def too_near(generated, training, unseen, rate=0.05):
    table = torch.cdist(torch.cat([generated, unseen]), training)
    gaps, _ = table.min(1)
    limit = torch.quantile(gaps[len(generated) :], rate)
    return torch.lt(gaps[: len(generated)], limit)
