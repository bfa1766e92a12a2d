# %% 09-1 the width is forgotten
class FourierUnit(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(2 * inputs, 2 * outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(2 * outputs)

    def forward(self, x):  # and the ReLU
        spectrum = torch.fft.rfft2(x, norm="ortho")
        parts = torch.view_as_real(spectrum).movedim(-1, 2).flatten(1, 2)
        parts = self.norm(self.conv(parts))
        parts = parts.unflatten(1, (-1, 2)).movedim(2, -1).contiguous()
        return torch.fft.irfft2(torch.view_as_complex(parts), norm="ortho")


# %% 09-1 all real parts first
class FourierUnit(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(2 * inputs, 2 * outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(2 * outputs)

    def forward(self, x):
        spectrum = torch.fft.rfft2(x, norm="ortho")
        parts = torch.cat([spectrum.real, spectrum.imag], dim=1)
        real, imaginary = F.relu(self.norm(self.conv(parts))).chunk(2, dim=1)
        return torch.fft.irfft2(torch.complex(real, imaginary), s=x.shape[-2:], norm="ortho")


# %% 09-2 no way from the global channels to the local ones, nor among the global ones
class FourierConv(nn.Module):
    def __init__(self, channels):
        super().__init__()
        near, wide = channels // 4, channels - channels // 4
        around = {"kernel_size": 3, "padding": 1, "padding_mode": "reflect", "bias": False}
        self.split = [near, wide]
        self.local_to_local = nn.Conv2d(near, near, **around)
        self.local_to_global = nn.Conv2d(near, wide, **around)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        near, _ = x.split(self.split, dim=1)
        both = torch.cat([self.local_to_local(near), self.local_to_global(near)], dim=1)
        return F.relu(self.norm(both))


# %% 09-2 zeros beyond the border
class FourierConv(nn.Module):
    def __init__(self, channels):
        super().__init__()
        near, wide = channels // 4, channels - channels // 4
        around = {"kernel_size": 3, "padding": 1, "bias": False}
        self.split = [near, wide]
        self.local_to_local = nn.Conv2d(near, near, **around)
        self.local_to_global = nn.Conv2d(near, wide, **around)
        self.global_to_local = nn.Conv2d(wide, near, **around)
        self.global_to_global = SpectralTransform(wide)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        near, wide = x.split(self.split, dim=1)
        new_near = self.local_to_local(near) + self.global_to_local(wide)
        new_wide = self.local_to_global(near) + self.global_to_global(wide)
        return F.relu(self.norm(torch.cat([new_near, new_wide], dim=1)))


# %% 09-3 the fill is seen without a gradient, too
def perceptual_loss(see, fill, truth):
    with torch.no_grad():
        found, goals = see(fill), see(truth)
    terms = [(a - b).square().mean() / b.square().mean() for a, b in zip(found, goals, strict=True)]
    return torch.stack(terms).mean()


# %% 09-3 large maps count more
def perceptual_loss(see, fill, truth):
    with torch.no_grad():
        goals = see(truth)
    pairs = zip(see(fill), goals, strict=True)
    return torch.stack([(found - goal).square().mean() for found, goal in pairs]).mean()
