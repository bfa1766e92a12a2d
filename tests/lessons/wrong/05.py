# %% 05-1 every pixel counts as a draw
def tilt(drawn):
    half = drawn.shape[2] // 2
    left, right = drawn[:, :, :half], drawn[:, :, half:]
    error = (left.var() / left.size + right.var() / right.size) ** 0.5
    return (right.mean() - left.mean()) / error


# %% 05-1 left minus right
def tilt(drawn):
    half = drawn.shape[2] // 2
    difference = drawn[:, :, :half].mean(axis=(1, 2)) - drawn[:, :, half:].mean(axis=(1, 2))
    return difference.mean() / (difference.std(ddof=1) / len(difference) ** 0.5)


# %% 05-1 in standard deviations
def tilt(drawn):
    half = drawn.shape[2] // 2
    difference = drawn[:, :, half:].mean(axis=(1, 2)) - drawn[:, :, :half].mean(axis=(1, 2))
    return difference.mean() / difference.std(ddof=1)


# %% 05-2 the gates first
class GatedConv(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1, dilation=1):
        super().__init__()
        where = {"stride": stride, "dilation": dilation, "padding": dilation * (kernel - 1) // 2}
        self.conv = nn.Conv2d(inputs, 2 * outputs, kernel, **where)
        with torch.no_grad():
            nn.init.kaiming_normal_(self.conv.weight[:outputs], nonlinearity="relu")
            self.conv.weight[outputs:] *= 0.5
            self.conv.bias[:outputs] = 0
            self.conv.bias[outputs:] = 1.5

    def forward(self, x):
        gate, feature = self.conv(x).chunk(2, dim=1)
        return F.elu(feature) * torch.sigmoid(gate)


# %% 05-2 the dilation is not in the padding
class GatedConv(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1, dilation=1):
        super().__init__()
        where = {"stride": stride, "dilation": dilation, "padding": kernel // 2}
        self.conv = nn.Conv2d(inputs, 2 * outputs, kernel, **where)
        with torch.no_grad():
            nn.init.kaiming_normal_(self.conv.weight[:outputs], nonlinearity="relu")
            self.conv.weight[outputs:] *= 0.5
            self.conv.bias[:outputs] = 0
            self.conv.bias[outputs:] = 1.5

    def forward(self, x):
        feature, gate = self.conv(x).chunk(2, dim=1)
        return F.elu(feature) * torch.sigmoid(gate)


# %% 05-2 ELU over the product
class GatedConv(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1, dilation=1):
        super().__init__()
        where = {"stride": stride, "dilation": dilation, "padding": dilation * (kernel - 1) // 2}
        self.conv = nn.Conv2d(inputs, 2 * outputs, kernel, **where)
        with torch.no_grad():
            nn.init.kaiming_normal_(self.conv.weight[:outputs], nonlinearity="relu")
            self.conv.weight[outputs:] *= 0.5
            self.conv.bias[:outputs] = 0
            self.conv.bias[outputs:] = 1.5

    def forward(self, x):
        feature, gate = self.conv(x).chunk(2, dim=1)
        return F.elu(feature * torch.sigmoid(gate))


# %% 05-2 gates that start half open
class GatedConv(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1, dilation=1):
        super().__init__()
        where = {"stride": stride, "dilation": dilation, "padding": dilation * (kernel - 1) // 2}
        self.conv = nn.Conv2d(inputs, 2 * outputs, kernel, **where)
        with torch.no_grad():
            nn.init.kaiming_normal_(self.conv.weight[:outputs], nonlinearity="relu")
            self.conv.weight[outputs:] *= 0.5
            self.conv.bias[:] = 0

    def forward(self, x):
        feature, gate = self.conv(x).chunk(2, dim=1)
        return F.elu(feature) * torch.sigmoid(gate)


# %% 05-3 softmax over the places that ask
def self_attention(x, query, key, value, gamma):
    q, k, v = (layer(x).flatten(2) for layer in (query, key, value))
    weights = (q.transpose(1, 2) @ k).softmax(dim=1)
    return x + gamma * (v @ weights.transpose(1, 2)).view_as(x)


# %% 05-3 divided by a square root
def self_attention(x, query, key, value, gamma):
    q, k, v = (layer(x).flatten(2) for layer in (query, key, value))
    weights = (q.transpose(1, 2) @ k / q.shape[1] ** 0.5).softmax(dim=2)
    return x + gamma * (v @ weights.transpose(1, 2)).view_as(x)


# %% 05-3 x is not added
def self_attention(x, query, key, value, gamma):
    q, k, v = (layer(x).flatten(2) for layer in (query, key, value))
    weights = (q.transpose(1, 2) @ k).softmax(dim=2)
    return gamma * (v @ weights.transpose(1, 2)).view_as(x)


# %% 05-4 u is not scaled
def spectral_estimate(weight, u, steps):
    matrix = weight.flatten(1)
    for _ in range(steps):
        v = F.normalize(matrix.T @ u, dim=0)
        u = matrix @ v
    return u @ matrix @ v, u


# %% 05-4 the length of all weights
def spectral_estimate(weight, u, steps):
    matrix = weight.flatten(1)
    for _ in range(steps):
        v = F.normalize(matrix.T @ u, dim=0)
        u = F.normalize(matrix @ v, dim=0)
    return matrix.norm(), u


# %% 05-4 the old u is returned
def spectral_estimate(weight, u, steps):
    matrix, new = weight.flatten(1), u
    for _ in range(steps):
        v = F.normalize(matrix.T @ new, dim=0)
        new = F.normalize(matrix @ v, dim=0)
    return new @ matrix @ v, u
