# %% 03-1 sample by sample
def network_input(image, mask, fill):
    out = torch.empty(image.shape[0], image.shape[1] + 1, *image.shape[2:])
    for b in range(len(image)):
        for c in range(image.shape[1]):
            out[b, c] = image[b, c]
            out[b, c][mask[b, 0] == 1] = fill[c]
        out[b, -1] = mask[b, 0]
    return out


# %% 03-1 masked_fill
def network_input(image, mask, fill):
    hole = mask.bool()
    known = image.masked_fill(hole, 0.0)
    paint = fill[None, :, None, None].expand_as(image).masked_fill(~hole, 0.0)
    return torch.cat((torch.where(hole, paint, known), mask), 1)


# %% 03-1 NumPy
import numpy as np


def network_input(image, mask, fill):
    x, m = image.numpy().copy(), mask.numpy().astype(bool)
    colours = np.broadcast_to(fill.numpy().reshape(1, -1, 1, 1), x.shape)
    x = np.where(m, colours, x)
    return torch.from_numpy(np.concatenate([x, mask.numpy()], axis=1).astype(np.float32))


# %% 03-2 with mse_loss
def game(discriminator, prediction, image, mask):
    done = torch.where(mask.bool(), prediction, image)
    real, fake = discriminator(image), discriminator(done.detach())
    mse = torch.nn.functional.mse_loss
    judge = (mse(real, torch.ones_like(real)) + mse(fake, torch.zeros_like(fake))) / 2
    again = discriminator(done)
    return judge, mse(again, torch.ones_like(again)) / 2


# %% 03-2 without composite, detached prediction
def game(discriminator, prediction, image, mask):
    def paste(p):
        return p * mask + image * (1 - mask)

    def half_square(logits, goal):
        return ((logits - goal) ** 2).mean() * 0.5

    judge = half_square(discriminator(image), 1.0)
    judge = judge + half_square(discriminator(paste(prediction.detach())), 0.0)
    return judge, half_square(discriminator(paste(prediction)), 1.0)


# %% 03-2 fake without gradients
def game(discriminator, prediction, image, mask):
    with torch.no_grad():
        frozen = composite(prediction, image, mask)
    fake, real = discriminator(frozen), discriminator(image)
    d = 0.5 * torch.mean((real - 1) * (real - 1)) + 0.5 * torch.mean(fake * fake)
    g = 0.5 * torch.mean(torch.pow(discriminator(composite(prediction, image, mask)) - 1, 2))
    return d, g


# %% 03-3 against an own formula, several trials
def completes_correctly(complete):
    for seed in range(5):
        torch.manual_seed(seed)
        image, prediction = torch.randn(3, 3, 6, 10).clamp(-1, 1), torch.rand(3, 3, 6, 10) * 2 - 1
        mask = (torch.rand(3, 1, 6, 10) > 0.5).float()
        if not torch.equal(complete(prediction, image, mask), torch.where(mask > 0, prediction, image)):
            return False
    return True


# %% 03-3 a tolerance that is small enough
def completes_correctly(complete):
    g = torch.Generator().manual_seed(5)
    p, x = (torch.rand(4, 3, 7, 11, generator=g) * 2 - 1 for _ in range(2))
    m = torch.randint(0, 2, (4, 1, 7, 11), generator=g).float()
    got = complete(p, x, m)
    if got.shape != x.shape:
        return False
    return bool(torch.allclose(got, p * m + x * (1 - m), atol=1e-6))


# %% 03-3 pixel by pixel
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
