# %% 04-1 autograd.grad
def influence(network, size, row, column):
    x = torch.ones(1, 3, size, size).requires_grad_(True)
    y = network(x, torch.zeros(1, 1, size, size))
    (g,) = torch.autograd.grad(y[:, :, row, column].sum(), x)
    return g.squeeze(0).ne(0).any(0)


# %% 04-1 channel by channel
def influence(network, size, row, column):
    field = torch.zeros(size, size, dtype=torch.bool)
    picture = torch.ones(1, 3, size, size, requires_grad=True)
    output = network(picture, torch.zeros(1, 1, size, size))
    for channel in range(output.shape[1]):
        picture.grad = None
        output[0, channel, row, column].backward(retain_graph=True)
        field |= (picture.grad[0] != 0).any(dim=0)
    return field


# %% 04-1 a mask of ones as outer gradient
def influence(network, size, row, column):
    observed = torch.ones((1, 3, size, size), requires_grad=True)
    out = network(observed, torch.zeros((1, 1, size, size)))
    outer = torch.zeros_like(out)
    outer[0, :, row, column] = 1
    out.backward(outer)
    return observed.grad.abs().sum(dim=(0, 1)) > 0


# %% 04-2 first and last by argmax
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


# %% 04-2 gather of indices
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


# %% 04-2 NumPy for the places, narrow for the crop
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


# %% 04-3 many others
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


# %% 04-3 pairs of extremes
def leak(postprocess, prediction, image, mask):
    def run(hidden):
        return postprocess(prediction, image * (1 - mask) + hidden * mask, mask)

    generator = torch.Generator().manual_seed(3)
    noise = torch.rand(image.shape, generator=generator) * 2 - 1
    answers = torch.stack([run(h) for h in (image, -torch.ones_like(image), torch.ones_like(image), noise)])
    return (answers.amax(0) - answers.amin(0)).max()


# %% 04-3 NumPy noise, a list of differences
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


# %% 04-5 pixel by pixel
def dilated_convolution(x, kernel, dilation):
    H, W, K = *x.shape, len(kernel)
    y = torch.zeros(H, W)
    for i in range(H):
        for j in range(W):
            for a in range(K):
                for b in range(K):
                    p, q = i + (a - K // 2) * dilation, j + (b - K // 2) * dilation
                    if 0 <= p < H and 0 <= q < W:
                        y[i, j] += kernel[a, b] * x[p, q]
    return y


# %% 04-5 strided windows
def dilated_convolution(x, kernel, dilation):
    k = kernel.shape[0]
    r = dilation * (k // 2)
    big = F.pad(x, (r, r, r, r))
    windows = big.unfold(0, 2 * r + 1, 1).unfold(1, 2 * r + 1, 1)[..., ::dilation, ::dilation]
    return torch.einsum("hwab,ab->hw", windows, kernel)


# %% 04-5 rolled copies with zeros
def dilated_convolution(x, kernel, dilation):
    H, W = x.shape
    half = kernel.size(0) // 2
    reach = half * dilation
    canvas = x.new_zeros(H + 2 * reach, W + 2 * reach)
    canvas[reach : reach + H, reach : reach + W] = x
    total = torch.zeros_like(canvas)
    for a in range(-half, half + 1):
        for b in range(-half, half + 1):
            total += kernel[a + half, b + half] * torch.roll(canvas, (-a * dilation, -b * dilation), (0, 1))
    return total[reach : reach + H, reach : reach + W]
