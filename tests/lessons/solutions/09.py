# %% 09-2 slices, and the lesson's own spectral transform
class FourierConv(nn.Module):
    def __init__(self, channels):
        super().__init__()
        quarter = self.quarter = channels // 4
        rest = channels - quarter

        def around(inputs, outputs):
            return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False, padding_mode="reflect")

        self.local_to_local, self.local_to_global = around(quarter, quarter), around(quarter, rest)
        self.global_to_local, self.global_to_global = around(rest, quarter), SpectralTransform(rest)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        local, distant = x[:, : self.quarter], x[:, self.quarter :]
        out = torch.cat([self.local_to_local(local), self.local_to_global(local)], dim=1)
        far = torch.cat([self.global_to_local(distant), self.global_to_global(distant)], dim=1)
        return torch.relu(self.norm(out + far))
