# %% 07-1 rows and blocks mixed up
def grid_share(pictures, period):
    rows, columns = (size // period for size in pictures.shape[2:])
    x = pictures[..., : rows * period, : columns * period]
    pattern = x.reshape(*x.shape[:2], period, rows, period, columns).mean(dim=(3, 5))
    explained, total = (v.var(dim=(-2, -1), correction=0).sum(dim=1) for v in (pattern, x))
    return explained / total.clamp(min=1e-12)


# %% 07-1 one mean for all channels
def grid_share(pictures, period):
    rows, columns = (size // period for size in pictures.shape[2:])
    x = pictures[..., : rows * period, : columns * period]
    pattern = x.reshape(*x.shape[:2], rows, period, columns, period).mean(dim=(2, 4))
    explained, total = (v.flatten(1).var(dim=1, correction=0) for v in (pattern, x))
    return explained / total.clamp(min=1e-12)


# %% 07-1 a constant picture divides by 0
def grid_share(pictures, period):
    rows, columns = (size // period for size in pictures.shape[2:])
    x = pictures[..., : rows * period, : columns * period]
    pattern = x.reshape(*x.shape[:2], rows, period, columns, period).mean(dim=(2, 4))
    explained, total = (v.var(dim=(-2, -1), correction=0).sum(dim=1) for v in (pattern, x))
    return explained / total


# %% 07-2 the network is put into evaluation mode
def company(network, pictures):
    twin = copy.deepcopy(network)
    if isinstance(twin, nn.Module):
        twin.eval()
    first, others = pictures[:1], pictures[1:]
    with torch.no_grad():
        changed = twin(torch.cat([first, torch.full_like(others, -1.0)]))[0]
        return (twin(pictures)[0] - changed).abs().max().item()


# %% 07-2 the network itself is asked
def company(network, pictures):
    first, others = pictures[:1], pictures[1:]
    with torch.no_grad():
        alone = network(pictures)[0]
        answers = [network(torch.cat([first, other]))[0] for other in (-others, others - 2)]
    return max((answer - alone).abs().max().item() for answer in answers)


# %% 07-2 the others only change places
def company(network, pictures):
    twin = copy.deepcopy(network)
    with torch.no_grad():
        moved = twin(torch.cat([pictures[:1], pictures[1:].flip(0)]))[0]
        return (twin(pictures)[0] - moved).abs().max().item()


# %% 07-3 kernels that do not overlap
class MaskedUNet(nn.Module):
    def __init__(self, inputs, outputs, widths, masked):
        super().__init__()
        extra, pairs = int(masked), list(pairwise(widths))
        self.stem = blind.stage(nn.Conv2d(inputs + extra, widths[0], 3, padding=1), widths[0])
        downs = [blind.stage(nn.Conv2d(a + extra, b, 2, stride=2), b) for a, b in pairs]
        ups = [blind.stage(ResizeConv2d(b, a), a) for a, b in pairs[::-1]]
        joins = [nn.Conv2d(2 * a + extra, a, 3, padding=1) for a, _ in pairs[::-1]]
        self.downs, self.ups = nn.ModuleList(downs), nn.ModuleList(ups)
        self.joins = nn.ModuleList(blind.stage(join, join.out_channels) for join in joins)
        self.head = nn.Conv2d(widths[0], outputs, 3, padding=1)

    def forward(self, image, mask=None):
        level, skips = [] if mask is None else [mask], []
        x = self.stem(torch.cat([image, *level], dim=1))
        for down in self.downs:
            skips.append(torch.cat([x, *level], dim=1))
            x = down(skips[-1])
            level = [F.avg_pool2d(part, 2) for part in level]
        for up, join in zip(self.ups, self.joins, strict=True):
            x = join(torch.cat([up(x), skips.pop()], dim=1))
        return self.head(x)


# %% 07-3 the mask comes in once
class MaskedUNet(nn.Module):
    def __init__(self, inputs, outputs, widths, masked):
        super().__init__()
        pairs = list(pairwise(widths))
        self.stem = blind.stage(nn.Conv2d(inputs + masked, widths[0], 3, padding=1), widths[0])
        downs = [blind.stage(nn.Conv2d(a, b, 4, stride=2, padding=1), b) for a, b in pairs]
        ups = [blind.stage(ResizeConv2d(b, a), a) for a, b in pairs[::-1]]
        joins = [nn.Conv2d(2 * a, a, 3, padding=1) for a, _ in pairs[::-1]]
        self.downs, self.ups = nn.ModuleList(downs), nn.ModuleList(ups)
        self.joins = nn.ModuleList(blind.stage(join, join.out_channels) for join in joins)
        self.head = nn.Conv2d(widths[0], outputs, 3, padding=1)

    def forward(self, image, mask=None):
        x, skips = self.stem(image if mask is None else torch.cat([image, mask], dim=1)), []
        for down in self.downs:
            skips.append(x)
            x = down(x)
        for up, join in zip(self.ups, self.joins, strict=True):
            x = join(torch.cat([up(x), skips.pop()], dim=1))
        return self.head(x)


# %% 07-3 the mask in front of the picture
class MaskedUNet(nn.Module):
    def __init__(self, inputs, outputs, widths, masked):
        super().__init__()
        extra, pairs = int(masked), list(pairwise(widths))
        self.stem = blind.stage(nn.Conv2d(inputs + extra, widths[0], 3, padding=1), widths[0])
        downs = [nn.Conv2d(a + extra, b, 4, stride=2, padding=1) for a, b in pairs]
        ups = [blind.stage(ResizeConv2d(b, a), a) for a, b in pairs[::-1]]
        joins = [nn.Conv2d(2 * a + extra, a, 3, padding=1) for a, _ in pairs[::-1]]
        self.downs = nn.ModuleList(blind.stage(down, down.out_channels) for down in downs)
        self.ups = nn.ModuleList(ups)
        self.joins = nn.ModuleList(blind.stage(join, join.out_channels) for join in joins)
        self.head = nn.Conv2d(widths[0], outputs, 3, padding=1)

    def forward(self, image, mask=None):
        level, skips = [] if mask is None else [mask], []
        x = self.stem(torch.cat([*level, image], dim=1))
        for down in self.downs:
            skips.append(torch.cat([*level, x], dim=1))
            x = down(skips[-1])
            level = [F.avg_pool2d(part, 2) for part in level]
        for up, join in zip(self.ups, self.joins, strict=True):
            x = join(torch.cat([skips.pop(), up(x)], dim=1))
        return self.head(x)


# %% 07-4 precision and recall swapped
def score_mask(probability, mask, threshold=0.5):
    found, true = probability > threshold, mask > 0.5
    both = (found & true).sum().item()

    def share(whole):
        return both / whole.sum().item() if whole.any() else 1.0

    return share(found | true), share(true), share(found)


# %% 07-4 pixels that agree
def score_mask(probability, mask, threshold=0.5):
    found, true = probability > threshold, mask > 0.5
    both = (found == true).sum().item()

    def share(whole):
        return min(1.0, both / whole.sum().item()) if whole.any() else 1.0

    return share(found | true), share(found), share(true)


# %% 07-4 nothing found counts as 0
def score_mask(probability, mask, threshold=0.5):
    found, true = probability > threshold, mask > 0.5
    both = (found & true).sum().item()
    return tuple(both / max(1, whole.sum().item()) for whole in (found | true, found, true))


# %% 07-5 logits taken for probabilities
def dice_loss(logits, mask):
    overlap = (logits * mask).sum(dim=(1, 2, 3))
    either = logits.sum(dim=(1, 2, 3)) + mask.sum(dim=(1, 2, 3))
    return (1 - (2 * overlap + 1) / (either + 1)).mean()


# %% 07-5 one overlap for the whole batch
def dice_loss(logits, mask):
    probability = logits.sigmoid()
    overlap = (probability * mask).sum()
    return 1 - (2 * overlap + 1) / (probability.sum() + mask.sum() + 1)


# %% 07-5 decided before it is counted
def dice_loss(logits, mask):
    found = (logits > 0).float()
    overlap = (found * mask).sum(dim=(1, 2, 3))
    either = found.sum(dim=(1, 2, 3)) + mask.sum(dim=(1, 2, 3))
    return (1 - (2 * overlap + 1) / (either + 1)).mean()
