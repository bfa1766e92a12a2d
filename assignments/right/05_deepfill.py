# %% 05-2 by hand
class GatedConv(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1, dilation=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, 2 * outputs, kernel)
        self.outputs, self.stride, self.dilation = outputs, stride, dilation
        seen = inputs * kernel * kernel
        self.conv.weight.data[:outputs] = torch.randn(outputs, inputs, kernel, kernel) * (2 / seen) ** 0.5
        self.conv.weight.data[outputs:] /= 2
        self.conv.bias.data = torch.tensor([0.0] * outputs + [1.5] * outputs)

    def forward(self, x):
        weight, d, s = self.conv.weight, self.dilation, self.stride
        k = weight.shape[-1]
        p = d * (k // 2)
        cols = F.unfold(x, k, dilation=d, padding=p, stride=s)
        y = weight.flatten(1) @ cols + self.conv.bias[:, None]
        h, w = ((n + 2 * p - d * (k - 1) - 1) // s + 1 for n in x.shape[2:])
        y = y.view(len(x), -1, h, w)
        feature, gate = y[:, : self.outputs], y[:, self.outputs :]
        feature = torch.where(feature > 0, feature, torch.expm1(feature.clamp(max=0)))
        return feature / (1 + torch.exp(-gate))


# %% 05-2 place by place
class GatedConv(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1, dilation=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs * 2, kernel, stride, dilation * (kernel - 1) // 2, dilation)
        own = self.conv.weight.detach().clone()
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        with torch.no_grad():
            self.conv.weight[outputs:] = own[outputs:] * 0.5
        nn.init.zeros_(self.conv.bias[:outputs])
        nn.init.constant_(self.conv.bias[outputs:], 1.5)
        self.act = nn.ELU()

    def forward(self, x):
        feature, gate = torch.tensor_split(self.conv(x), 2, dim=1)
        return self.act(feature).mul(gate.sigmoid())


# %% 05-2 piece by piece
class GatedConv(nn.Module):
    """The package's way, written with functions."""

    def __init__(self, inputs, outputs, kernel, stride=1, dilation=1):
        super().__init__()
        self.step, self.apart = stride, dilation
        self.conv = nn.Conv2d(inputs, 2 * outputs, kernel)
        features, gates = self.conv.weight.data.split(outputs)
        torch.nn.init.kaiming_normal_(features)
        gates.mul_(0.5)
        self.conv.bias.data[:] = 0
        self.conv.bias.data[outputs:] += 1.5

    def half(self, x, which):
        weight, bias = self.conv.weight.chunk(2)[which], self.conv.bias.chunk(2)[which]
        reach = self.apart * (weight.size(2) - 1) // 2
        return F.conv2d(F.pad(x, (reach,) * 4), weight, bias, self.step, 0, self.apart)

    def forward(self, x):
        return F.elu(self.half(x, 0)) * torch.sigmoid(self.half(x, 1))


# %% 05-2 a module, or in float64
class GatedConv(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1, dilation=1):
        super().__init__()
        where = dict(stride=stride, dilation=dilation, padding=(kernel // 2) * dilation)
        features, gates = (nn.Conv2d(inputs, outputs, kernel, **where) for _ in range(2))
        nn.init.normal_(features.weight, std=(2 / features.weight[0].numel()) ** 0.5)
        self.conv = nn.Conv2d(inputs, 2 * outputs, kernel, **where)
        self.conv.weight = nn.Parameter(torch.cat([features.weight.detach(), gates.weight.detach() / 2]))
        self.conv.bias = nn.Parameter(torch.cat([torch.zeros(outputs), torch.full((outputs,), 1.5)]))

    def forward(self, x):
        a, g = self.conv(x).double().chunk(2, 1)
        return (F.elu(a) * g.sigmoid()).to(x.dtype)


# %% 05-3 by hand
def self_attention(x, query, key, value, gamma):
    def tokens(t):
        return t.flatten(2).transpose(1, 2)  # B N C

    q, k, v = map(tokens, (query(x), key(x), value(x)))
    scores = torch.bmm(q, k.transpose(1, 2))
    scores = scores - scores.max(dim=-1, keepdim=True).values
    e = scores.exp()
    attended = torch.bmm(e / e.sum(-1, keepdim=True), v)
    return x + gamma * attended.transpose(1, 2).reshape(x.shape)


# %% 05-3 place by place
def self_attention(x, query, key, value, gamma):
    b, c, h, w = x.shape
    q, k, v = query(x), key(x), value(x)
    out = torch.zeros_like(x)
    for n in range(b):
        for i in range(h):
            for j in range(w):
                score = (q[n, :, i, j, None, None] * k[n]).sum(0)
                weight = torch.softmax(score.flatten(), 0).view(h, w)
                out[n, :, i, j] = (v[n] * weight).sum((1, 2))
    return x + gamma * out


# %% 05-3 piece by piece
def self_attention(x, query, key, value, gamma):
    B, C, H, W = x.shape
    Q = query(x).reshape(B, -1, H * W).permute(0, 2, 1)
    K = key(x).reshape(B, -1, H * W)
    V = value(x).reshape(B, -1, H * W).permute(0, 2, 1)
    rows = []
    for start in range(0, H * W, 4):  # a few queries at a time, for the memory
        A = torch.softmax(Q[:, start:start + 4] @ K, dim=-1)
        rows.append(A @ V)
    O = torch.cat(rows, 1).permute(0, 2, 1).contiguous().view(B, C, H, W)
    return torch.add(x, O, alpha=gamma) if not torch.is_tensor(gamma) else x + gamma * O


# %% 05-3 a module, or in float64
def self_attention(x, query, key, value, gamma):
    q = query(x).flatten(2).double()
    k = key(x).flatten(2).double()
    v = value(x).flatten(2).double()
    logits = q.mT @ k
    weights = torch.exp(logits - torch.logsumexp(logits, -1, keepdim=True))
    gathered = torch.matmul(weights, v.mT).mT
    return x + gamma * gathered.reshape_as(x).to(x.dtype)


# %% 05-4 by hand
def spectral_estimate(weight, u, steps):
    w = weight.reshape(weight.size(0), -1)
    with torch.no_grad():
        for _ in range(steps):
            v = torch.mv(w.t(), u)
            v = v / v.norm()
            u = torch.mv(w, v)
            u = u / u.norm()
    sigma = torch.dot(u, torch.mv(w, v))
    return sigma, u


# %% 05-4 place by place
def spectral_estimate(weight, u, steps):
    W = weight.flatten(1)

    def turn(u, left):
        v = F.normalize(W.t() @ u, dim=0)
        new = F.normalize(W @ v, dim=0)
        return (new @ (W @ v), new) if left == 1 else turn(new, left - 1)

    return turn(u, steps)


# %% 05-4 piece by piece
def spectral_estimate(weight, u, steps):
    # with the Gram matrix: u <- G u
    w = weight.flatten(1)
    gram = w @ w.T
    for _ in range(steps):
        new = gram @ u
        sigma = new.norm() / (u @ new).sqrt()
        u = new / new.norm()
    return sigma, u


# %% 05-4 a module, or in float64
def spectral_estimate(weight, u, steps):
    def unit(t):
        return t / torch.sqrt((t * t).sum())

    for _ in range(steps):
        v = unit(torch.einsum("oikl,o->ikl", weight, u))
        wv = torch.einsum("oikl,ikl->o", weight, v)
        u = unit(wv)
    return (u * wv).sum(), u


# %% 05-6 by hand
def hinge_losses(real_logits, fake_logits):
    zero = torch.zeros(())
    first = torch.maximum(1 - real_logits, zero).mean() + torch.maximum(fake_logits + 1, zero).mean()
    return first, fake_logits.neg().mean()


# %% 05-6 place by place
def hinge_losses(real_logits, fake_logits):
    short = (1 - real_logits).clamp_(min=0)
    over = (1 + fake_logits).clamp_(min=0)
    return short.sum() / short.numel() + over.sum() / over.numel(), -fake_logits.sum() / fake_logits.numel()


# %% 05-6 piece by piece
def hinge_losses(real_logits, fake_logits):
    def pay(t):
        return torch.where(t > 0, t, torch.zeros_like(t)).mean()

    return pay(1 - real_logits) + pay(1 + fake_logits), -torch.mean(fake_logits)


# %% 05-6 a module, or in float64
def hinge_losses(real_logits, fake_logits):
    r, f = real_logits.reshape(-1), fake_logits.reshape(-1)
    first = sum(max(1 - a, a * 0) for a in r) / len(r) + sum(max(1 + b, b * 0) for b in f) / len(f)
    return first, -sum(f) / len(f)
