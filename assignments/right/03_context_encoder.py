# %% 03-1 modules in lists, activations as functions
class Generator(nn.Module):
    def __init__(self, widths, channels=3):
        super().__init__()
        self.down, self.up, self.norms = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        before = channels + 1
        for width in widths:
            self.down.append(nn.Conv2d(before, width, kernel_size=4, stride=2, padding=1))
            before = width
        for width in list(widths)[-2::-1]:
            self.up.append(nn.ConvTranspose2d(before, width, kernel_size=4, stride=2, padding=1))
            self.norms.append(nn.BatchNorm2d(width))
            before = width
        self.end = nn.ConvTranspose2d(before, channels, kernel_size=4, stride=2, padding=1)

    def forward(self, observed, mask):
        x = torch.cat((observed, mask), 1)
        for layer in self.down:
            x = F.leaky_relu(layer(x), 0.2)
        for layer, norm in zip(self.up, self.norms):
            x = F.elu(norm(layer(x)))
        return torch.tanh(self.end(x))


# %% 03-1 one chain
class Generator(nn.Module):
    def __init__(self, widths, channels=3):
        super().__init__()
        sizes = [channels + 1, *widths]
        chain = []
        for i in range(len(widths)):
            chain.append(nn.Conv2d(sizes[i], sizes[i + 1], 4, 2, 1))
            chain.append(nn.LeakyReLU(0.2, inplace=True))
        for i in range(len(widths) - 1, 0, -1):
            chain.append(nn.ConvTranspose2d(widths[i], widths[i - 1], 4, 2, 1))
            chain.append(nn.BatchNorm2d(widths[i - 1]))
            chain.append(nn.ELU())
        chain.append(nn.ConvTranspose2d(widths[0], channels, 4, 2, 1))
        chain.append(nn.Tanh())
        self.net = nn.Sequential(*chain)

    def forward(self, observed, mask):
        return self.net(torch.cat([observed, mask], dim=1))


# %% 03-1 levels as classes
class Down(nn.Sequential):
    def __init__(self, a, b):
        super().__init__(nn.Conv2d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(negative_slope=0.2))


class Up(nn.Sequential):
    def __init__(self, a, b):
        super().__init__(
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1), nn.BatchNorm2d(b), nn.ELU()
        )


class Generator(nn.Module):
    def __init__(self, widths, channels=3):
        super().__init__()
        w = tuple(widths)
        self.first = Down(channels + 1, w[0])
        self.encoder = nn.Sequential(*[Down(a, b) for a, b in zip(w, w[1:])])
        self.decoder = nn.Sequential(*[Up(b, a) for a, b in reversed(list(zip(w, w[1:])))])
        self.last = nn.ConvTranspose2d(w[0], channels, 4, stride=2, padding=1)

    def forward(self, observed, mask):
        code = self.encoder(self.first(torch.cat([observed, mask], dim=1)))
        return self.last(self.decoder(code)).tanh()


# %% 03-2 one chain, activations collected
class Discriminator(nn.Module):
    def __init__(self, widths, channels=3):
        super().__init__()
        layers, before = [], channels + 1
        for width in widths:
            layers.append(spectral_norm(nn.Conv2d(before, width, 4, stride=2, padding=1)))
            layers.append(nn.LeakyReLU(0.2))
            before = width
        layers.append(spectral_norm(nn.Conv2d(before, 1, 3, padding=1)))
        self.net = nn.Sequential(*layers)

    def forward(self, image, mask):
        x, found = torch.cat([image, mask], dim=1), []
        for layer in self.net:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                found.append(x)
        return found + [x]


# %% 03-2 blocks
class Discriminator(nn.Module):
    def __init__(self, widths, channels=3):
        super().__init__()
        ins = (channels + 1,) + tuple(widths[:-1])
        self.blocks = nn.ModuleList(
            nn.Sequential(spectral_norm(nn.Conv2d(i, o, 4, 2, 1)), nn.LeakyReLU(0.2))
            for i, o in zip(ins, widths)
        )
        self.score = spectral_norm(nn.Conv2d(widths[-1], 1, 3, 1, 1))

    def forward(self, image, mask):
        maps = []
        x = torch.cat([image, mask], dim=1)
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        maps.append(self.score(x))
        return maps


# %% 03-2 the norm applied at the end
class Discriminator(nn.Module):
    def __init__(self, widths, channels=3):
        super().__init__()
        self.convs = nn.ModuleList()
        for a, b in pairwise([channels + 1] + list(widths)):
            self.convs.append(nn.Conv2d(a, b, 4, stride=2, padding=1))
        self.convs.append(nn.Conv2d(widths[-1], 1, 3, padding=1))
        for conv in self.convs:
            torch.nn.utils.parametrizations.spectral_norm(conv)

    def forward(self, image, mask):
        out, x = [], torch.cat([image, mask], 1)
        *hidden, last = self.convs
        for conv in hidden:
            x = F.leaky_relu(conv(x), negative_slope=0.2)
            out.append(x)
        out.append(last(x))
        return out


# %% 03-3 torch.where and l1_loss
def losses(discriminator, prediction, image, mask):
    done = torch.where(mask.bool(), prediction, image)
    truth, fake = discriminator(image, mask), discriminator(done, mask)
    apart = discriminator(done.detach(), mask)
    own = (torch.clamp(1 - truth[-1], min=0).mean() + torch.clamp(1 + apart[-1], min=0).mean()) / 2
    features = sum(F.l1_loss(f, t.detach()) for f, t in zip(fake[:-1], truth[:-1]))
    return own, -fake[-1].mean(), features / (len(fake) - 1)


# %% 03-3 known features without gradients
def losses(discriminator, prediction, image, mask):
    with torch.no_grad():
        frozen = prediction * mask + image * (1 - mask)
        known = discriminator(image, mask)[:-1]
    real = discriminator(image, mask)[-1]
    fake = discriminator(frozen, mask)[-1]
    discriminator_loss = 0.5 * (F.relu(1.0 - real).mean() + F.relu(1.0 + fake).mean())
    completed = prediction * mask + image * (1 - mask)
    *seen, scores = discriminator(completed, mask)
    gaps = [torch.mean(torch.abs(a - b)) for a, b in zip(seen, known)]
    return discriminator_loss, -torch.mean(scores), torch.stack(gaps).mean()


# %% 03-3 step by step
def losses(discriminator, prediction, image, mask):
    def hinge(score, sign):
        return torch.maximum(torch.zeros_like(score), 1 - sign * score).mean()

    filled = composite(prediction, image, mask)
    real = discriminator(image, mask)
    caught = discriminator(filled.detach().clone(), mask)
    own = 0.5 * hinge(real[-1], 1) + 0.5 * hinge(caught[-1], -1)
    fake = discriminator(filled, mask)
    total, number = 0.0, 0
    for place in range(len(fake) - 1):
        total = total + torch.abs(fake[place] - real[place].detach()).mean()
        number += 1
    return own, fake[-1].neg().mean(), total / number


# %% 03-4 against an own formula, several trials
def completes_correctly(complete):
    for seed in range(5):
        torch.manual_seed(seed)
        image, prediction = torch.randn(3, 3, 6, 10).clamp(-1, 1), torch.rand(3, 3, 6, 10) * 2 - 1
        mask = (torch.rand(3, 1, 6, 10) > 0.5).float()
        if not torch.equal(complete(prediction, image, mask), torch.where(mask > 0, prediction, image)):
            return False
    return True


# %% 03-4 a tolerance that is small enough
def completes_correctly(complete):
    g = torch.Generator().manual_seed(5)
    p, x = (torch.rand(4, 3, 7, 11, generator=g) * 2 - 1 for _ in range(2))
    m = torch.randint(0, 2, (4, 1, 7, 11), generator=g).float()
    got = complete(p, x, m)
    if got.shape != x.shape:
        return False
    return bool(torch.allclose(got, p * m + x * (1 - m), atol=1e-6))


# %% 03-4 pixel by pixel
def completes_correctly(complete):
    source = torch.Generator().manual_seed(1)
    image = torch.rand(3, 3, 5, 6, generator=source) * 2 - 1
    prediction = torch.rand(3, 3, 5, 6, generator=source) * 2 - 1
    mask = (torch.rand(3, 1, 5, 6, generator=source) < 0.5).float()
    result = complete(prediction, image, mask)
    for b in range(3):
        for c in range(3):
            for y in range(5):
                for x in range(6):
                    wanted = prediction if mask[b, 0, y, x] == 1 else image
                    if result[b, c, y, x] != wanted[b, c, y, x]:
                        return False
    return True
