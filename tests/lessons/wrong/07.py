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


# %% 07-3 precision and recall swapped
def score_mask(probability, mask, threshold=0.5):
    found, true = probability > threshold, mask > 0.5
    both = (found & true).sum().item()

    def share(whole):
        return both / whole.sum().item() if whole.any() else 1.0

    return share(found | true), share(true), share(found)


# %% 07-3 pixels that agree
def score_mask(probability, mask, threshold=0.5):
    found, true = probability > threshold, mask > 0.5
    both = (found == true).sum().item()

    def share(whole):
        return min(1.0, both / whole.sum().item()) if whole.any() else 1.0

    return share(found | true), share(found), share(true)


# %% 07-3 nothing found counts as 0
def score_mask(probability, mask, threshold=0.5):
    found, true = probability > threshold, mask > 0.5
    both = (found & true).sum().item()
    return tuple(both / max(1, whole.sum().item()) for whole in (found | true, found, true))


# %% 07-4 logits taken for probabilities
def dice_loss(logits, mask):
    overlap = (logits * mask).sum(dim=(1, 2, 3))
    either = logits.sum(dim=(1, 2, 3)) + mask.sum(dim=(1, 2, 3))
    return (1 - (2 * overlap + 1) / (either + 1)).mean()


# %% 07-4 one overlap for the whole batch
def dice_loss(logits, mask):
    probability = logits.sigmoid()
    overlap = (probability * mask).sum()
    return 1 - (2 * overlap + 1) / (probability.sum() + mask.sum() + 1)


# %% 07-4 decided before it is counted
def dice_loss(logits, mask):
    found = (logits > 0).float()
    overlap = (found * mask).sum(dim=(1, 2, 3))
    either = found.sum(dim=(1, 2, 3)) + mask.sum(dim=(1, 2, 3))
    return (1 - (2 * overlap + 1) / (either + 1)).mean()
