# %% 04-1 the middle off by one
def crop_around(image, mask, size):
    crops = []
    for picture, hole in zip(image, mask[:, 0], strict=True):
        places = hole.nonzero()
        start = (places.amin(0) + places.amax(0) - size) // 2
        top, left = (max(0, min(int(s), n - size)) for s, n in zip(start, hole.shape, strict=True))
        crops.append(picture[:, top : top + size, left : left + size])
    return torch.stack(crops)


# %% 04-1 the first sample's place for all
def crop_around(image, mask, size):
    places = mask[0, 0].nonzero()
    start = (places.amin(0) + places.amax(0) + 1 - size) // 2
    sides = image.shape[2:]
    top, left = (max(0, min(int(s), n - size)) for s, n in zip(start, sides, strict=True))
    return image[:, :, top : top + size, left : left + size]


# %% 04-2 the local branch's summary first
class Discriminator(nn.Module):
    def __init__(self, size, width, features):
        super().__init__()
        self.whole = self.branch(size, width, features)
        self.local = self.branch(size // 2, width, features)
        self.head = nn.Linear(2 * features, 1)

    def branch(self, size, width, features):
        layers, inputs, outputs = [], 4, width
        while size > 4:
            layers += [spectral_norm(nn.Conv2d(inputs, outputs, 5, stride=2, padding=2)), nn.ReLU()]
            inputs, outputs, size = outputs, min(2 * outputs, 8 * width), size // 2
        dense = spectral_norm(nn.Linear(16 * inputs, features))
        return nn.Sequential(*layers, nn.Flatten(), dense, nn.ReLU())

    def forward(self, image, mask):
        shown = torch.cat([mask, image], dim=1)  # and the mask first
        crop = glcic.crop_around(shown, mask, image.shape[-1] // 2)
        return self.head(torch.cat([self.local(crop), self.whole(shown)], dim=1))


# %% 04-2 no spectral norm
class Discriminator(nn.Module):
    def __init__(self, size, width, features):
        super().__init__()
        self.whole = self.branch(size, width, features)
        self.local = self.branch(size // 2, width, features)
        self.head = nn.Linear(2 * features, 1)

    def branch(self, size, width, features):
        layers, inputs, outputs = [], 4, width
        while size > 4:
            layers += [nn.Conv2d(inputs, outputs, 5, stride=2, padding=2), nn.ReLU()]
            inputs, outputs, size = outputs, min(2 * outputs, 8 * width), size // 2
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * inputs, features), nn.ReLU())

    def forward(self, image, mask):
        shown = torch.cat([image, mask], dim=1)
        crop = glcic.crop_around(shown, mask, image.shape[-1] // 2)
        return self.head(torch.cat([self.whole(shown), self.local(crop)], dim=1))


# %% 04-3 gradients cleared between backward and step
def training_step(generator, discriminator, optimizers, batch, period):
    terms = {}
    generator.train(period != 2)
    if period >= 2:
        with torch.no_grad():
            _, completed = complete(generator, batch)
        loss = discriminator_loss(discriminator, completed, batch)
        loss.backward()
        optimizers["discriminator"].zero_grad()
        optimizers["discriminator"].step()
        terms["discriminator"] = loss.item()
    if period != 2:
        adversary = discriminator if period == 3 else None
        found = generator_losses(*complete(generator, batch), adversary, batch)
        sum(found.values()).backward()
        optimizers["generator"].zero_grad()
        optimizers["generator"].step()
        terms |= {name: term.item() for name, term in found.items()}
    generator.train()
    return terms


# %% 04-3 BatchNorm moves while the generator stands still
def training_step(generator, discriminator, optimizers, batch, period):
    terms = {}
    if period >= 2:
        with torch.no_grad():
            _, completed = complete(generator, batch)
        loss = discriminator_loss(discriminator, completed, batch)
        optimizers["discriminator"].zero_grad()
        loss.backward()
        optimizers["discriminator"].step()
        terms["discriminator"] = loss.item()
    if period != 2:
        adversary = discriminator if period == 3 else None
        found = generator_losses(*complete(generator, batch), adversary, batch)
        optimizers["generator"].zero_grad()
        sum(found.values()).backward()
        optimizers["generator"].step()
        terms |= {name: term.item() for name, term in found.items()}
    return terms


# %% 04-4 compares a process with itself
def leak(postprocess, prediction, image, mask):
    first = postprocess(prediction, image, mask)
    return (postprocess(prediction, image, mask) - first).abs().max().item()


# %% 04-4 the mean change
def leak(postprocess, prediction, image, mask):
    first = postprocess(prediction, image, mask)
    changed = postprocess(prediction, composite(-image, image, mask), mask)
    return (changed - first).abs().mean().item()
