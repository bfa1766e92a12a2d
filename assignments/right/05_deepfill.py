# %% 05-2 by hand
def gated_convolution(x, weight, bias, stride=1, dilation=1):
    o2, i, k, _ = weight.shape
    p = dilation * (k // 2)
    cols = F.unfold(x, k, dilation=dilation, padding=p, stride=stride)
    y = weight.reshape(o2, -1) @ cols + bias[:, None]
    h = (x.shape[2] + 2 * p - dilation * (k - 1) - 1) // stride + 1
    w = (x.shape[3] + 2 * p - dilation * (k - 1) - 1) // stride + 1
    y = y.view(x.shape[0], o2, h, w)
    feature, gate = y[:, : o2 // 2], y[:, o2 // 2 :]
    feature = torch.where(feature > 0, feature, torch.expm1(feature))
    return feature / (1 + torch.exp(-gate))


# %% 05-2 place by place
def gated_convolution(x, weight, bias, stride=1, dilation=1):
    outs = weight.size(0) // 2
    reach = dilation * (weight.size(2) - 1) // 2
    padded = F.pad(x, (reach,) * 4)
    feat = F.conv2d(padded, weight[:outs], bias[:outs], stride, 0, dilation)
    gate = F.conv2d(padded, weight[outs:], bias[outs:], stride, 0, dilation)
    return torch.nn.ELU()(feat).mul(gate.sigmoid())


# %% 05-2 piece by piece
def gated_convolution(x, weight, bias, stride=1, dilation=1):
    """Sum of shifted pictures, one for each tap."""
    b, _, h, w = x.shape
    k = weight.shape[-1]
    r = dilation * (k // 2)
    big = F.pad(x, (r, r, r, r))
    y = 0
    for dy in range(k):
        for dx in range(k):
            piece = big[:, :, dy * dilation: dy * dilation + h, dx * dilation: dx * dilation + w]
            y = y + torch.einsum("oi,bihw->bohw", weight[:, :, dy, dx], piece)
    y = (y + bias.view(1, -1, 1, 1))[:, :, ::stride, ::stride]
    half = y.shape[1] // 2
    return F.elu(y[:, :half]) * torch.sigmoid(y[:, half:])


# %% 05-2 a module, or in float64
class Gated(torch.nn.Module):
    def __init__(self, weight, bias, stride, dilation):
        super().__init__()
        self.args = dict(stride=stride, dilation=dilation, padding=(weight.shape[2] // 2) * dilation)
        self.w, self.b = weight, bias

    def forward(self, x):
        y = F.conv2d(x, self.w, self.b, **self.args)
        a, g = torch.tensor_split(y, 2, dim=1)
        return F.elu_(a.clone()) * g.sigmoid()


def gated_convolution(x, weight, bias, stride=1, dilation=1):
    return Gated(weight, bias, stride, dilation)(x)


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
