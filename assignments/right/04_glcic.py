# %% 04-1 first and last by argmax
def crop_around(image, mask, size):
    out = []
    for i in range(len(image)):
        rows, cols = mask[i, 0].amax(1), mask[i, 0].amax(0)

        def start(line):
            first, after = int(line.argmax()), len(line) - int(line.flip(0).argmax())
            return max(0, min((first + after - size) // 2, len(line) - size))

        t, l = start(rows), start(cols)
        out.append(image[i : i + 1, :, t : t + size, l : l + size])
    return torch.cat(out)


# %% 04-1 gather of indices
def crop_around(image, mask, size):
    tops, lefts = [], []
    for m in mask:
        ys, xs = torch.where(m[0] > 0)
        for places, found, limit in ((ys, tops, image.shape[2]), (xs, lefts, image.shape[3])):
            a = torch.div(places.min() + places.max() + 1 - size, 2, rounding_mode="floor")
            found.append(a.clamp(0, limit - size))
    r = torch.arange(size)
    y = torch.stack(tops)[:, None] + r
    x = torch.stack(lefts)[:, None] + r
    b = torch.arange(len(image))[:, None, None]
    return image.permute(0, 2, 3, 1)[b, y[:, :, None], x[:, None, :]].permute(0, 3, 1, 2)


# %% 04-1 NumPy for the places, narrow for the crop
import numpy as np


def crop_around(image, mask, size):
    H, W = image.shape[-2:]
    pieces = []
    for picture, m in zip(image, mask.numpy()):
        spots = np.argwhere(m[0] == 1)
        top, left = (spots.min(0) + spots.max(0) + 1 - size) // 2
        top, left = int(np.clip(top, 0, H - size)), int(np.clip(left, 0, W - size))
        pieces.append(picture.narrow(1, top, size).narrow(2, left, size))
    return torch.stack(pieces, 0)


# %% 04-2 lists of channels
class Discriminator(nn.Module):
    def __init__(self, size, width, features):
        super().__init__()

        def chain(side):
            channels = [4]
            layers = []
            while side != 4:
                channels.append(min(width * 2 ** (len(channels) - 1), 8 * width))
                layers.append(spectral_norm(nn.Conv2d(channels[-2], channels[-1], kernel_size=5, stride=2, padding=2)))
                layers.append(nn.ReLU())
                side = side // 2
            layers += [nn.Flatten(), spectral_norm(nn.Linear(channels[-1] * 4 * 4, features)), nn.ReLU()]
            return nn.Sequential(*layers)

        self.size = size
        self.whole, self.local = chain(size), chain(size // 2)
        self.head = nn.Linear(features + features, 1)

    def forward(self, image, mask):
        x = torch.cat((image, mask), 1)
        summaries = self.whole(x), self.local(glcic.crop_around(x, mask, self.size // 2))
        return self.head(torch.hstack(summaries))


# %% 04-2 a branch of its own class
class Branch(nn.Sequential):
    def __init__(self, levels, width, features):
        widths = [4] + [width * min(2**k, 8) for k in range(levels)]
        parts = []
        for k in range(levels):
            parts += [nn.Conv2d(widths[k], widths[k + 1], 5, 2, 2), nn.ReLU()]
        parts += [nn.Flatten(), nn.Linear(widths[-1] * 16, features), nn.ReLU()]
        super().__init__(*[spectral_norm(p) if hasattr(p, "weight") else p for p in parts])


class Discriminator(nn.Module):
    def __init__(self, size, width, features):
        super().__init__()
        levels = 0
        while size > 4 * 2**levels:
            levels += 1
        self.local = Branch(levels - 1, width, features)
        self.whole = Branch(levels, width, features)
        self.head = nn.Linear(2 * features, 1)

    def forward(self, image, mask):
        both = torch.cat([image, mask], dim=1)
        crop = glcic.crop_around(both, mask, both.shape[2] // 2)
        return self.head(torch.cat([self.whole(both), self.local(crop)], dim=-1))


# %% 04-2 layers added one by one, picture and mask cropped apart
class Discriminator(nn.Module):
    def __init__(self, size, width, features):
        super().__init__()
        self.half = size // 2
        self.whole, self.local = nn.Sequential(), nn.Sequential()
        for part, side in ((self.whole, size), (self.local, self.half)):
            c, wide = 4, width
            while side > 4:
                part.append(spectral_norm(nn.Conv2d(c, wide, (5, 5), (2, 2), (2, 2))))
                part.append(nn.ReLU())
                c, wide, side = wide, min(wide * 2, width * 8), side // 2
            part.append(nn.Flatten(1))
            part.append(spectral_norm(nn.Linear(c * side * side, features)))
            part.append(nn.ReLU())
        self.head = nn.Linear(2 * features, 1)

    def forward(self, image, mask):
        near = [glcic.crop_around(x, mask, self.half) for x in (image, mask)]
        a = self.whole(torch.cat([image, mask], 1))
        b = self.local(torch.cat(near, 1))
        return self.head(torch.cat([a, b], 1)).to(torch.float32)


# %% 04-3 early returns
def training_step(generator, discriminator, optimizers, batch, period):
    report = {}
    if period in (2, 3):
        if period == 2:
            generator.eval()
        _, completed = complete(generator, batch)
        d_loss = discriminator_loss(discriminator, completed.detach(), batch)
        optimizers["discriminator"].zero_grad()
        d_loss.backward()
        optimizers["discriminator"].step()
        report["discriminator"] = float(d_loss.detach())
        generator.train()
        if period == 2:
            return report
    generator.train()
    prediction, completed = complete(generator, batch)
    losses = generator_losses(prediction, completed, discriminator if period > 2 else None, batch)
    optimizers["generator"].zero_grad()
    total = 0
    for loss in losses.values():
        total = total + loss
    total.backward()
    optimizers["generator"].step()
    report.update({key: float(loss.detach()) for key, loss in losses.items()})
    return report


# %% 04-3 who learns as a table, the discriminator frozen meanwhile
def training_step(generator, discriminator, optimizers, batch, period):
    who = {1: ["generator"], 2: ["discriminator"], 3: ["discriminator", "generator"]}[period]
    told = {}
    generator.train(mode="generator" in who)
    for name in who:
        discriminator.requires_grad_(name == "discriminator")
        with torch.set_grad_enabled(name == "generator"):
            prediction, completed = complete(generator, batch)
        if name == "discriminator":
            terms = {"discriminator": discriminator_loss(discriminator, completed, batch)}
        else:
            enemy = discriminator if period == 3 else None
            terms = generator_losses(prediction, completed, enemy, batch)
        for optimizer in optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        torch.stack([*terms.values()]).sum().backward()
        optimizers[name].step()
        told |= {key: term.item() for key, term in terms.items()}
    discriminator.requires_grad_(True)
    generator.train()
    return told


# %% 04-3 gradients by autograd.grad
def training_step(generator, discriminator, optimizers, batch, period):
    def update(network, optimizer, loss):
        weights = list(network.parameters())
        for weight, slope in zip(weights, torch.autograd.grad(loss, weights)):
            weight.grad = slope
        optimizer.step()
        optimizer.zero_grad()

    terms = {}
    if period != 1:
        if period == 2:
            generator.eval()
        with torch.no_grad():
            completed = complete(generator, batch)[1]
        terms["discriminator"] = discriminator_loss(discriminator, completed, batch)
        update(discriminator, optimizers["discriminator"], terms["discriminator"])
    generator.train()
    if period != 2:
        prediction, completed = complete(generator, batch)
        if period == 1:
            found = generator_losses(prediction, completed, None, batch)
        else:
            found = generator_losses(prediction, completed, discriminator, batch)
        update(generator, optimizers["generator"], sum(found.values()))
        terms = {**terms, **found}
    return {name: term.detach().item() for name, term in terms.items()}


# %% 04-4 many others
def leak(postprocess, prediction, image, mask):
    first = postprocess(prediction.clone(), image.clone(), mask.clone())
    worst = 0.0
    others = [torch.full_like(image, v) for v in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    others += [torch.rand_like(image) * 2 - 1 for _ in range(4)] + [-image, image.flip(2)]
    for other in others:
        changed = torch.where(mask.bool(), other, image)
        answer = postprocess(prediction.clone(), changed, mask.clone())
        worst = max(worst, float((answer - first).abs().max()))
    return worst


# %% 04-4 pairs of extremes
def leak(postprocess, prediction, image, mask):
    def run(hidden):
        return postprocess(prediction, image * (1 - mask) + hidden * mask, mask)

    generator = torch.Generator().manual_seed(3)
    noise = torch.rand(image.shape, generator=generator) * 2 - 1
    answers = torch.stack([run(h) for h in (image, -torch.ones_like(image), torch.ones_like(image), noise)])
    return (answers.amax(0) - answers.amin(0)).max()


# %% 04-4 NumPy noise, a list of differences
import numpy as np


def leak(postprocess, prediction, image, mask):
    rng = np.random.default_rng(0)
    base, sizes = postprocess(prediction, image, mask), [0.0]
    draws = [rng.choice([-1.0, 1.0], size=tuple(image.shape)) for _ in range(3)]
    draws += [np.ones(tuple(image.shape)), -np.ones(tuple(image.shape))]
    for draw in draws:
        other = composite(torch.tensor(draw, dtype=image.dtype), image, mask)
        gap = postprocess(prediction, other, mask) - base
        sizes.append(max(gap.max().item(), -gap.min().item()))
    return max(sizes)
