# %% 09-1 stack and reshape
class FourierUnit(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.outputs = outputs
        self.conv = nn.Conv2d(inputs * 2, outputs * 2, kernel_size=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs * 2)

    def forward(self, x):
        B, C, H, W = x.shape
        f = torch.fft.rfftn(x, dim=(-2, -1), norm="ortho")
        f = torch.stack((f.real, f.imag), dim=2).reshape(B, 2 * C, H, W // 2 + 1)
        f = torch.relu(self.norm(self.conv(f)))
        f = f.reshape(B, self.outputs, 2, H, W // 2 + 1)
        return torch.fft.irfftn(torch.complex(f[:, :, 0], f[:, :, 1]), s=(H, W), dim=(-2, -1), norm="ortho")


# %% 09-1 a list of channels
class FourierUnit(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(2 * inputs, 2 * outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(2 * outputs)
        self.relu = nn.ReLU()

    def forward(self, x):
        spectrum = torch.fft.rfft2(x, norm="ortho")
        maps = []
        for channel in range(x.shape[1]):
            maps += [spectrum[:, channel].real, spectrum[:, channel].imag]
        maps = self.relu(self.norm(self.conv(torch.stack(maps, 1))))
        done = [
            torch.fft.irfft2(maps[:, c] + 1j * maps[:, c + 1], s=(x.size(2), x.size(3)), norm="ortho")
            for c in range(0, maps.shape[1], 2)
        ]
        return torch.stack(done, dim=1)


# %% 09-1 scaled by hand
class FourierUnit(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(2 * inputs, 2 * outputs, (1, 1), bias=False)
        self.norm = nn.BatchNorm2d(2 * outputs)

    def forward(self, x):
        h, w = x.shape[2:]
        root = (h * w) ** 0.5
        parts = torch.view_as_real(torch.fft.rfft2(x) / root).permute(0, 1, 4, 2, 3)
        parts = self.norm(self.conv(parts.flatten(1, 2))).clamp_min(0)
        real, imaginary = parts[:, 0::2], parts[:, 1::2]
        return torch.fft.irfft2(torch.complex(real, imaginary) * root, s=[h, w])


# %% 09-2 slices
class FourierConv(nn.Module):
    def __init__(self, channels):
        super().__init__()
        l = self.l = channels // 4
        g = channels - l
        conv = lambda i, o: nn.Conv2d(i, o, 3, 1, 1, bias=False, padding_mode="reflect")
        self.local_to_local, self.local_to_global = conv(l, l), conv(l, g)
        self.global_to_local, self.global_to_global = conv(g, l), layers.SpectralTransform(g)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        a, b = x[:, : self.l], x[:, self.l :]
        y = [self.local_to_local(a) + self.global_to_local(b), self.local_to_global(a) + self.global_to_global(b)]
        return torch.relu(self.norm(torch.cat(y, 1)))


# %% 09-2 writes into one tensor
class FourierConv(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.near = channels // 4
        settings = dict(kernel_size=3, padding=1, padding_mode="reflect", bias=False)
        self.local_to_local = nn.Conv2d(self.near, self.near, **settings)
        self.local_to_global = nn.Conv2d(self.near, 3 * self.near, **settings)
        self.global_to_local = nn.Conv2d(3 * self.near, self.near, **settings)
        self.global_to_global = layers.SpectralTransform(3 * self.near)
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def forward(self, x):
        local, distant = torch.split(x, [self.near, x.shape[1] - self.near], dim=1)
        out = torch.cat([self.local_to_local(local), self.local_to_global(local)], dim=1)
        out = out + torch.cat([self.global_to_local(distant), self.global_to_global(distant)], dim=1)
        return self.relu(self.norm(out))


# %% 09-2 padded by hand, joined by padding with zeros
class FourierConv(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.n, self.w = channels // 4, channels // 4 * 3
        self.local_to_local = nn.Conv2d(self.n, self.n, 3, bias=False)
        self.local_to_global = nn.Conv2d(self.n, self.w, 3, bias=False)
        self.global_to_local = nn.Conv2d(self.w, self.n, 3, bias=False)
        self.global_to_global = layers.SpectralTransform(self.w)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        near, wide = x.narrow(1, 0, self.n), x.narrow(1, self.n, self.w)
        pad = nn.ReflectionPad2d(1)
        first = self.local_to_local(pad(near)) + self.global_to_local(pad(wide))
        second = self.local_to_global(pad(near)) + self.global_to_global(wide)
        return F.relu(self.norm(torch.hstack((first, second))))


# %% 09-3 running sum
def perceptual_loss(see, fill, truth):
    total = 0
    with torch.no_grad():
        real = see(truth)
    fake = see(fill)
    for a, b in zip(fake, real):
        total = total + F.mse_loss(a, b) / b.pow(2).mean()
    return total / len(real)


# %% 09-3 detached
def perceptual_loss(see, fill, truth):
    pairs = list(zip(see(fill), [m.detach() for m in see(truth.detach())]))
    return torch.stack([((f - t) ** 2).mean() / (t * t).mean() for f, t in pairs]).mean()


# %% 09-3 norms
def perceptual_loss(see, fill, truth):
    with torch.no_grad():
        goals = list(see(truth))
    ratios = []
    for found, goal in zip(see(fill), goals):
        ratios.append(((found - goal).pow(2).sum() / goal.pow(2).sum()).reshape(1))
    return torch.cat(ratios).mean()
