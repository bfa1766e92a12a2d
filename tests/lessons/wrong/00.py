# %% 00-7 1 outside the rectangle
def random_rectangle(batch, height, width, *, generator, low, high):
    mask = torch.ones(batch, 1, height, width)
    for sample in mask:
        rows, columns = torch.randint(low, high + 1, (2,), generator=generator).tolist()
        top = torch.randint(0, height - rows + 1, (), generator=generator)
        left = torch.randint(0, width - columns + 1, (), generator=generator)
        sample[:, top : top + rows, left : left + columns] = 0
    return mask


# %% 00-7 one place for the whole batch
def random_rectangle(batch, height, width, *, generator, low, high):
    rows, columns = torch.randint(low, high + 1, (2,), generator=generator).tolist()
    top = torch.randint(0, height - rows + 1, (), generator=generator)
    left = torch.randint(0, width - columns + 1, (), generator=generator)
    mask = torch.zeros(batch, 1, height, width)
    mask[:, :, top : top + rows, left : left + columns] = 1
    return mask


# %% 00-2 on the scale of [-1, 1]
def hole_psnr(prediction, image, mask):
    squares = (prediction - image) ** 2 * mask
    count = mask.sum(dim=(1, 2, 3)) * image.shape[1]
    return -10 * torch.log10(squares.sum(dim=(1, 2, 3)) / count)


# %% 00-2 the mean over the whole picture
def hole_psnr(prediction, image, mask):
    squares = ((prediction - image) / 2) ** 2 * mask
    return -10 * torch.log10(squares.mean(dim=(1, 2, 3)))


# %% 00-6 every round begins with what is observed
def diffuse(observed, mask, rounds):
    picture = observed
    for _ in range(rounds):
        p = torch.nn.functional.pad(observed, (1, 1, 1, 1), mode="replicate")
        mean = (p[..., 2:, 1:-1] + p[..., :-2, 1:-1] + p[..., 1:-1, 2:] + p[..., 1:-1, :-2]) / 4
        picture = torch.where(mask.bool(), mean, observed)
    return picture


# %% 00-6 pixel after pixel in the same picture
def diffuse(observed, mask, rounds):
    picture = observed.clone()
    for _ in range(rounds):
        for sample, _, y, x in mask.nonzero().tolist():
            up, down = max(y - 1, 0), min(y + 1, mask.shape[2] - 1)
            left, right = max(x - 1, 0), min(x + 1, mask.shape[3] - 1)
            around = picture[sample, :, [up, down, y, y], [x, x, left, right]]
            picture[sample, :, y, x] = around.mean(dim=1)
    return picture


# %% 00-8 windows in the hole, too
def best_match(picture, known, patch, patch_known):
    size = patch.shape[-1]
    windows = picture.unfold(1, size, 1).unfold(2, size, 1)
    error = ((windows - patch[:, None, None]) ** 2 * patch_known).sum(dim=(0, 3, 4))
    return divmod(error.argmin().item(), error.shape[1])


# %% 00-8 the patch's missing pixels count
def best_match(picture, known, patch, patch_known):
    size = patch.shape[-1]
    windows = picture.unfold(1, size, 1).unfold(2, size, 1)
    whole = known.unfold(0, size, 1).unfold(1, size, 1).flatten(2).all(dim=2)
    error = ((windows - patch[:, None, None]) ** 2).sum(dim=(0, 3, 4))
    return divmod(error.masked_fill(~whole, torch.inf).argmin().item(), error.shape[1])
