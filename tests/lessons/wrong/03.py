# %% 03-1 no BatchNorm
class Generator(nn.Module):
    def __init__(self, widths, channels=3):
        super().__init__()
        layers = []
        for narrow, wide in pairwise((channels + 1, *widths)):
            layers += [nn.Conv2d(narrow, wide, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for wide, narrow in pairwise((*reversed(widths), channels)):
            layers += [nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1), nn.ELU()]
        self.layers = nn.Sequential(*layers[:-1], nn.Tanh())

    def forward(self, observed, mask):
        return self.layers(torch.cat([observed, mask], dim=1))


# %% 03-1 the picture twice instead of the mask
class Generator(nn.Module):
    def __init__(self, widths, channels=3):
        super().__init__()
        layers = []
        for narrow, wide in pairwise((channels + 1, *widths)):
            layers += [nn.Conv2d(narrow, wide, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for wide, narrow in pairwise(reversed(widths)):
            layers += [nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1)]
            layers += [nn.BatchNorm2d(narrow), nn.ELU()]
        layers += [nn.ConvTranspose2d(widths[0], channels, 4, stride=2, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, observed, mask):
        return self.layers(torch.cat([observed, observed[:, :1]], dim=1))


# %% 03-2 the scores alone
class Discriminator(nn.Module):
    def __init__(self, widths, channels=3):
        super().__init__()
        layers = []
        for narrow, wide in pairwise((channels + 1, *widths)):
            layers += [spectral_norm(nn.Conv2d(narrow, wide, 4, stride=2, padding=1))]
            layers += [nn.LeakyReLU(0.2)]
        layers += [spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))]
        self.layers = nn.Sequential(*layers)

    def forward(self, image, mask):
        return self.layers(torch.cat([image, mask], dim=1))


# %% 03-2 no spectral norm
class Discriminator(nn.Module):
    def __init__(self, widths, channels=3):
        super().__init__()
        self.layers = nn.ModuleList()
        for narrow, wide in pairwise((channels + 1, *widths)):
            self.layers.append(nn.Conv2d(narrow, wide, 4, stride=2, padding=1))
        self.layers.append(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, image, mask):
        found = [torch.cat([image, mask], dim=1)]
        for layer in self.layers[:-1]:
            found.append(F.leaky_relu(layer(found[-1]), 0.2))
        return [*found[1:], self.layers[-1](found[-1])]


# %% 03-3 the raw prediction is judged
def losses(discriminator, prediction, image, mask):
    *truth, real = discriminator(image, mask)
    fake = discriminator(prediction.detach(), mask)[-1]
    own = 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())
    *found, scores = discriminator(prediction, mask)
    layers = [(f - t.detach()).abs().mean() for f, t in zip(found, truth, strict=True)]
    return own, -scores.mean(), torch.stack(layers).mean()


# %% 03-3 one pass, its graph shared
def losses(discriminator, prediction, image, mask):
    completed = composite(prediction, image, mask)
    *truth, real = discriminator(image, mask)
    *found, fake = discriminator(completed, mask)
    own = 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())
    layers = [(f - t.detach()).abs().mean() for f, t in zip(found, truth, strict=True)]
    return own, -fake.mean(), torch.stack(layers).mean()
