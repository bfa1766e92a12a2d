# %% 07-1 phase by phase
def grid_share(pictures, period):
    H, W = pictures.shape[2] // period * period, pictures.shape[3] // period * period
    x = pictures[:, :, :H, :W]
    means = [x[:, :, r::period, c::period].mean((2, 3)) for r in range(period) for c in range(period)]
    means = torch.stack(means, dim=-1)
    top = means.var(dim=-1, unbiased=False).sum(1)
    bottom = x.flatten(2).var(dim=-1, unbiased=False).sum(1)
    return torch.where(bottom > 1e-12, top / bottom.clamp(min=1e-12), torch.zeros_like(top))


# %% 07-1 NumPy in float64
import numpy as np


def grid_share(pictures, period):
    shares = []
    for picture in pictures.double().numpy():
        c, h, w = picture.shape
        h, w = h - h % period, w - w % period
        x = picture[:, :h, :w].reshape(c, h // period, period, w // period, period)
        pattern = x.mean(axis=(1, 3))
        total = x.reshape(c, -1).var(axis=1).sum()
        shares.append(pattern.reshape(c, -1).var(axis=1).sum() / total if total > 1e-12 else 0.0)
    return torch.tensor(shares)


# %% 07-1 by average pooling of shifted pictures
def grid_share(pictures, period):
    b, c = pictures.shape[:2]
    rows, columns = pictures.shape[2] // period, pictures.shape[3] // period
    x = pictures[:, :, : rows * period, : columns * period]
    blocks = F.unfold(x.reshape(b * c, 1, *x.shape[2:]), period, stride=period)
    mean = blocks.mean(dim=2)
    top = (mean - mean.mean(1, keepdim=True)).square().mean(1).view(b, c).sum(1)
    flat = x.flatten(2)
    bottom = (flat - flat.mean(2, keepdim=True)).square().mean(2).sum(1)
    return top / (bottom + 1e-12)


# %% 07-2 restored afterwards
import copy


def company(network, pictures):
    twin = copy.deepcopy(network)
    with torch.no_grad():
        honest = twin(pictures.clone())[0]
        worst = 0.0
        for other in (torch.ones_like(pictures), -torch.ones_like(pictures), -pictures, torch.randn_like(pictures)):
            mixed = other.clone()
            mixed[0] = pictures[0]
            worst = max(worst, float((twin(mixed)[0] - honest).abs().max()))
    return worst


# %% 07-2 a fresh copy for every look
def company(network, pictures):
    def answer(batch):
        with torch.inference_mode():
            return copy.deepcopy(network)(batch)[0].clone()

    g = torch.Generator().manual_seed(2)
    rest = pictures[1:]
    others = [-rest, rest * 0 - 1, rest * 0 + 1, torch.rand(rest.shape, generator=g) * 2 - 1, rest.roll(1, 3)]
    base = answer(pictures)
    return max((answer(torch.cat((pictures[:1], o))) - base).abs().max() for o in others)


# %% 07-2 as an average over nothing: a list of gaps
def company(network, pictures):
    look = copy.deepcopy(network)
    gaps = []
    with torch.no_grad():
        before = look(pictures)[0]
        for value in (-1.0, -0.3, 0.4, 1.0):
            batch = torch.full_like(pictures, value)
            batch[:1] = pictures[:1]
            gaps.append((look(batch)[0] - before).abs().max().item())
        noise = torch.rand_like(pictures) * 2 - 1
        noise[:1] = pictures[:1]
        gaps.append((look(noise)[0] - before).abs().max().item())
        negative = torch.cat([pictures[:1], -pictures[1:]])
        gaps.append((look(negative)[0] - before).abs().max().item())
    return sorted(gaps)[-1]


# %% 07-3 lists, the coarsest pair first on the way up
class MaskedUNet(nn.Module):
    def __init__(self, inputs, outputs, widths, masked):
        super().__init__()
        more = 1 if masked else 0
        pairs = list(zip(widths[:-1], widths[1:]))

        def same(before, after):
            return blind.stage(nn.Conv2d(before, after, (3, 3), padding="same"), after)

        self.stem = same(inputs + more, widths[0])
        self.downs = nn.ModuleList(
            [blind.stage(nn.Conv2d(a + more, b, 4, 2, 1), b) for a, b in pairs]
        )
        self.ups = nn.ModuleList([blind.stage(ResizeConv2d(b, a), a) for a, b in reversed(pairs)])
        self.joins = nn.ModuleList([same(a + a + more, a) for a, _ in reversed(pairs)])
        self.head = nn.Conv2d(widths[0], outputs, 3, 1, 1)

    def forward(self, image, mask=None):
        def joined(x):
            if mask is None:
                return x
            size = mask.shape[-1] // x.shape[-1]
            return torch.cat((x, F.avg_pool2d(mask, size) if size > 1 else mask), 1)

        x = self.stem(joined(image))
        kept = []
        for layer in self.downs:
            kept = [joined(x), *kept]
            x = layer(kept[0])
        for i, skip in enumerate(kept):
            x = self.joins[i](torch.cat((self.ups[i](x), skip), 1))
        return self.head(x)


# %% 07-3 one level calls the next
class MaskedUNet(nn.Module):
    def __init__(self, inputs, outputs, widths, masked):
        super().__init__()
        extra, levels = bool(masked), len(widths) - 1
        first = nn.Conv2d(inputs + extra, widths[0], 3, padding=1)
        self.stem = blind.stage(first, widths[0])
        self.downs = nn.ModuleList()
        self.ups = nn.ModuleList()
        self.joins = nn.ModuleList()
        for i in range(levels):
            halve = nn.Conv2d(widths[i] + extra, widths[i + 1], 4, stride=2, padding=1)
            self.downs.append(blind.stage(halve, widths[i + 1]))
        for i in range(levels - 1, -1, -1):
            fine = widths[i]
            self.ups.append(blind.stage(ResizeConv2d(widths[i + 1], fine), fine))
            join = nn.Conv2d(2 * fine + extra, fine, 3, padding=1)
            self.joins.append(blind.stage(join, fine))
        self.head = nn.Conv2d(widths[0], outputs, 3, padding=1)

    def level(self, x, mask, depth):
        if depth == len(self.downs):
            return x
        skip = torch.cat([x, mask], dim=1)
        smaller = F.avg_pool2d(mask, 2) if mask.shape[1] else mask[..., ::2, ::2]
        below = self.level(self.downs[depth](skip), smaller, depth + 1)
        up, join = self.ups[-1 - depth], self.joins[-1 - depth]
        return join(torch.cat([up(below), skip], dim=1))

    def forward(self, image, mask=None):
        mask = image[:, :0] if mask is None else mask
        return self.head(self.level(self.stem(torch.cat([image, mask], dim=1)), mask, 0))


# %% 07-3 masks of all sizes first
class MaskedUNet(nn.Module):
    def __init__(self, inputs, outputs, widths, masked):
        super().__init__()
        self.masked = masked
        self.stem = blind.stage(nn.Conv2d(inputs + masked, widths[0], 3, padding=1), widths[0])
        downs, ups, joins = [], [], []
        for a, b in pairwise(widths):
            downs += [blind.stage(nn.Conv2d(a + masked, b, 4, stride=2, padding=1), b)]
            ups += [blind.stage(ResizeConv2d(b, a), a)]
            joins += [blind.stage(nn.Conv2d(a + a + masked, a, 3, padding=1), a)]
        self.downs = nn.ModuleList(downs)
        self.ups, self.joins = nn.ModuleList(ups[::-1]), nn.ModuleList(joins[::-1])
        self.head = nn.Conv2d(widths[0], outputs, 3, padding=1)

    def forward(self, image, mask=None):
        masks = [mask]
        for _ in self.downs:
            masks.append(F.interpolate(masks[-1], scale_factor=0.5, mode="area") if self.masked else None)
        x = self.stem(torch.cat([image, mask], 1) if self.masked else image)
        stack = []
        for down, small in zip(self.downs, masks):
            if self.masked:
                x = torch.cat([x, small], 1)
            stack.append(x)
            x = down(x)
        for up, join in zip(self.ups, self.joins):
            x = join(torch.cat([up(x), stack.pop()], 1))
        return self.head(x)


# %% 07-4 with NumPy
import numpy as np


def score_mask(probability, mask, threshold=0.5):
    p, m = probability.numpy() > threshold, mask.numpy() == 1
    hit = np.logical_and(p, m).sum()

    def divide(n):
        return float(hit / n) if n else 1.0

    return divide(np.logical_or(p, m).sum()), divide(p.sum()), divide(m.sum())


# %% 07-4 counts as tensors
def score_mask(probability, mask, threshold=0.5):
    found = (probability > threshold).float()
    tp, fp, fn = (found * mask).sum(), (found * (1 - mask)).sum(), ((1 - found) * mask).sum()

    def ratio(a, b):
        return 1.0 if b == 0 else (a / b).item()

    return ratio(tp, tp + fp + fn), ratio(tp, tp + fp), ratio(tp, tp + fn)


# %% 07-4 sets of places
def score_mask(probability, mask, threshold=0.5):
    P = set(map(tuple, torch.nonzero(probability > threshold).tolist()))
    M = set(map(tuple, torch.nonzero(mask).tolist()))
    both = len(P & M)
    return tuple(both / len(s) if s else 1.0 for s in (P | M, P, M))


# %% 07-5 einsum
def dice_loss(logits, mask):
    p = torch.sigmoid(logits)
    both = torch.einsum("bchw,bchw->b", p, mask)
    return torch.mean(1 - (2 * both + 1) / (p.sum((1, 2, 3)) + mask.sum((1, 2, 3)) + 1))


# %% 07-5 sample by sample
def dice_loss(logits, mask):
    total = 0
    for l, m in zip(logits, mask):
        p = 1 / (1 + torch.exp(-l))
        total = total + 1 - (2 * (p * m).sum() + 1) / (p.sum() + m.sum() + 1)
    return total / len(logits)


# %% 07-5 a module in float64
class Dice(nn.Module):
    def __init__(self, smooth=1.0):
        super().__init__()
        self.smooth = smooth

    def forward(self, logits, mask):
        p, m = logits.double().sigmoid().flatten(1), mask.double().flatten(1)
        score = (2 * (p * m).sum(1) + self.smooth) / (p.sum(1) + m.sum(1) + self.smooth)
        return 1 - score.mean()


dice_loss = Dice()
