# %% 02-1 value by value
def stamp(x, kernel, stride, padding):
    y = [0.0] * ((len(x) - 1) * stride + len(kernel))
    for i in range(len(x)):
        for j in range(len(kernel)):
            y[i * stride + j] += float(x[i]) * float(kernel[j])
    return torch.tensor(y[padding : len(y) - padding])


# %% 02-1 zeros between the values
def stamp(x, kernel, stride, padding):
    spread = torch.zeros((len(x) - 1) * stride + 1)
    spread[::stride] = x
    total = torch.zeros(len(spread) + len(kernel) - 1)
    for j, weight in enumerate(kernel):
        total[j : j + len(spread)] = total[j : j + len(spread)] + weight * spread
    end = len(total) - padding
    return total[padding:end]


# %% 02-1 a matrix of stamps
def stamp(x, kernel, stride, padding):
    length = (len(x) - 1) * stride + len(kernel)
    matrix = torch.zeros(len(x), length, dtype=x.dtype)
    for i in range(len(x)):
        matrix[i, i * stride : i * stride + len(kernel)] = kernel
    return (x @ matrix).narrow(0, padding, length - 2 * padding)


# %% 02-2 recursive
def repair(network):
    count = 0
    if isinstance(network, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)) and network.eps > 0.01:
        network.eps, network.momentum = 1e-5, 1.0 - network.eps
        count += 1
    for child in network.children():
        count += repair(child)
    return count


# %% 02-2 a list first
def repair(network):
    wrong = [m for _, m in network.named_modules() if "BatchNorm" in type(m).__name__ and m.eps > 1e-2]
    for m in wrong:
        setattr(m, "momentum", 1 - m.eps)
        setattr(m, "eps", 0.00001)
    return len(wrong)


# %% 02-2 with apply
def repair(network):
    found = []

    def visit(layer):
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.eps > 0.01:
            found.append(layer)
            meant = 1 - layer.eps
            layer.eps = 1e-5
            layer.momentum = meant

    network.apply(visit)
    return len(found)


# %% 02-3 a deep copy to compare with
import copy


def leaks(turn, generator, discriminator, real, z):
    for parameter in generator.parameters():
        parameter.grad = None
    twin = copy.deepcopy(generator)
    turn(generator, discriminator, real, z)
    for before, after in zip(twin.parameters(), generator.parameters()):
        if (before != after).any():
            return True
        if after.grad is not None and after.grad.abs().sum() > 0:
            return True
    return False


# %% 02-3 one long vector
def leaks(turn, generator, discriminator, real, z):
    def weights():
        return torch.cat([p.detach().reshape(-1) for p in generator.parameters()]).clone()

    generator.zero_grad(set_to_none=False)
    old = weights()
    turn(generator, discriminator, real, z)
    slopes = [p.grad.reshape(-1) for p in generator.parameters() if p.grad is not None]
    noticed = bool(torch.cat(slopes).ne(0).any()) if slopes else False
    return noticed or not bool((old == weights()).all())


# %% 02-3 state_dict
def leaks(turn, generator, discriminator, real, z):
    generator.zero_grad()
    before = {k: v.clone() for k, v in generator.state_dict().items()}
    turn(generator, discriminator, real, z)
    changed = [k for k, v in generator.state_dict().items() if not torch.equal(v, before[k])]
    left = [n for n, p in generator.named_parameters() if p.grad is not None and p.grad.count_nonzero() > 0]
    return len(changed) + len(left) > 0
