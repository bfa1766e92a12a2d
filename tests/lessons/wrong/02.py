"""Plausible wrong solutions of lesson 02: see `test_lessons_solved.py`."""


# %% 02-1 overlaps overwrite
def stamp(x, kernel, stride, padding):
    length = (len(x) - 1) * stride + len(kernel)
    y = torch.zeros(length)
    for i, value in enumerate(x):
        y[i * stride : i * stride + len(kernel)] = value * kernel
    return y[padding : length - padding]


# %% 02-1 padding 0 cuts everything
def stamp(x, kernel, stride, padding):
    y = torch.zeros((len(x) - 1) * stride + len(kernel))
    for i, value in enumerate(x):
        y[i * stride : i * stride + len(kernel)] += value * kernel
    return y[padding:-padding]


# %% 02-2 biases left on, no BatchNorm
class Generator(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        widths, layers = [100, 8 * width, 4 * width, 2 * width, width], []
        for place in range(4):
            stride, padding = (2, 1) if place else (1, 0)
            layers.append(
                nn.ConvTranspose2d(widths[place], widths[place + 1], 4, stride, padding)
            )
            layers.append(nn.ReLU())
        layers += [nn.ConvTranspose2d(width, 3, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z):
        return self.layers(z[:, :, None, None])


# %% 02-2 a Sigmoid at the end
class Generator(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        widths, layers = [100, 8 * width, 4 * width, 2 * width, width], []
        for place in range(4):
            wide, narrow = widths[place : place + 2]
            stride, padding = (2, 1) if place else (1, 0)
            layers.append(nn.ConvTranspose2d(wide, narrow, 4, stride, padding, bias=False))
            layers += [nn.BatchNorm2d(narrow), nn.ReLU()]
        layers += [nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Sigmoid()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z):
        return self.layers(z[:, :, None, None])


# %% 02-3 BatchNorm everywhere, in both forms
class Discriminator(nn.Module):
    def __init__(self, width=64, spectral=False):
        super().__init__()
        widths, layers = [3, width, 2 * width, 4 * width, 8 * width], []
        for place in range(4):
            narrow, wide = widths[place : place + 2]
            layers.append(nn.Conv2d(narrow, wide, 4, 2, 1, bias=False))
            layers += [nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)]
        layers += [nn.Conv2d(8 * width, 1, 4, bias=False), nn.Flatten()]
        self.layers = nn.Sequential(*layers)

    def forward(self, image):
        return self.layers(image)


# %% 02-4 the other side of the limit
def too_near(generated, training, unseen, rate=0.05):
    limit = torch.quantile(torch.cdist(unseen, training).min(dim=1).values, rate)
    return torch.cdist(generated, training).min(dim=1).values > limit


# %% 02-4 nearer to training than to unseen faces
def too_near(generated, training, unseen, rate=0.05):
    ours = torch.cdist(generated, training).min(dim=1).values
    return ours < torch.cdist(generated, unseen).min(dim=1).values
