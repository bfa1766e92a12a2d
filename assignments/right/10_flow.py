# %% 10-1 by hand
def flow_loss(network, clean, *, generator, weight=1.0):
    t = torch.rand(clean.shape[0], generator=generator)
    x0 = torch.randn(*clean.shape, generator=generator)
    total = []
    mixed = torch.stack([(1 - t[i]) * x0[i] + t[i] * clean[i] for i in range(len(clean))])
    v = network(mixed, t)
    w = torch.as_tensor(weight).expand(clean.shape) if torch.is_tensor(weight) else weight
    total = w * (v - clean + x0).pow(2)
    return total.sum() / clean.numel()


# %% 10-1 with lerp
def flow_loss(network, clean, *, generator, weight=1.0):
    noise = torch.empty_like(clean).normal_(generator=generator)
    time = torch.empty(len(clean)).uniform_(generator=generator)
    shape = (-1,) + (1,) * (clean.dim() - 1)
    x = torch.lerp(noise, clean, time.reshape(shape).expand_as(clean))
    return torch.mean(weight * F.mse_loss(network(x, time), clean - noise, reduction="none"))


# %% 10-1 in float64
def flow_loss(network, clean, *, generator, weight=1.0):
    clean = clean.double()
    noise = torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    time = torch.rand(len(clean), generator=generator, dtype=torch.float64)
    part = time
    while part.ndim < clean.ndim:
        part = part[..., None]
    state = noise + part * (clean - noise)
    error = network(state, time) - (clean - noise)
    return (error * error * weight).mean()


# %% 10-1 helper functions
def flow_loss(network, clean, *, generator, weight=1.0):
    def like(values):
        return values[(...,) + (None,) * (clean.ndim - 1)]

    times = torch.rand((clean.size(0),), generator=generator)
    start = torch.randn(clean.size(), generator=generator)
    aim = clean - start
    guess = network(start + like(times) * aim, times)
    return (weight * torch.square(aim - guess)).mean()


# %% 10-2 by hand
def sample(network, noise, steps):
    states, dt = [noise], 1.0 / steps
    with torch.no_grad():
        for k in range(steps):
            x = states[-1]
            states.append(x + dt * network(x, torch.ones(x.shape[0]) * (k * dt)))
    return states


# %% 10-2 with linspace
def sample(network, noise, steps):
    times = torch.linspace(0, 1, steps + 1)
    x, out = noise.clone(), [noise.clone()]
    for begin, end in zip(times[:-1], times[1:]):
        v = network(x, begin.repeat(len(x))).detach()
        x = x + (end - begin) * v
        out.append(x)
    return out


# %% 10-2 recursive
@torch.no_grad()
def sample(network, noise, steps):
    def go(states):
        done = len(states) - 1
        if done == steps:
            return states
        here = states[-1]
        time = here.new_full((here.size(0),), done / steps)
        return go([*states, here + network(here, time) / steps])

    return go([noise])


# %% 10-2 accumulate
def sample(network, noise, steps):
    from itertools import accumulate

    def step(x, k):
        with torch.inference_mode(False), torch.no_grad():
            return torch.add(x, network(x, torch.tensor([k / steps] * len(x))), alpha=1 / steps)

    return tuple(accumulate(range(steps), step, initial=noise))


# %% 10-3 other order
class Residual(nn.Module):
    def __init__(self, inputs, outputs, time_width):
        super().__init__()
        self.norm1 = nn.GroupNorm(num_groups=8, num_channels=inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, padding="same")
        self.time = nn.Linear(time_width, outputs * 2)
        self.norm2 = nn.GroupNorm(8, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding="same")
        self.conv2.weight.data.zero_()
        if inputs == outputs:
            self.skip = nn.Identity()
        else:
            self.skip = nn.Conv2d(inputs, outputs, kernel_size=1)

    def forward(self, x, time):
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = torch.chunk(self.time(time), 2, dim=-1)
        h = self.norm2(h) * (scale[..., None, None] + 1) + shift[..., None, None]
        return self.conv2(F.silu(h)) + self.skip(x)


# %% 10-3 sigmoid by hand
class Residual(nn.Module):
    def __init__(self, inputs, outputs, time_width):
        super().__init__()
        self.outputs = outputs
        self.norm1, self.conv1 = nn.GroupNorm(8, inputs), nn.Conv2d(inputs, outputs, 3, 1, 1)
        self.time = nn.Linear(time_width, 2 * outputs)
        self.norm2, self.conv2 = nn.GroupNorm(8, outputs), nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        with torch.no_grad():
            self.conv2.weight.fill_(0)

    def forward(self, x, time):
        def silu(y):
            return y * torch.sigmoid(y)

        mod = self.time(time).view(len(x), 2, self.outputs, 1, 1)
        h = self.norm2(self.conv1(silu(self.norm1(x))))
        return self.skip(x) + self.conv2(silu(torch.addcmul(mod[:, 1], h, 1 + mod[:, 0])))


# %% 10-3 a method for each half
class Residual(nn.Module):
    def __init__(self, i, o, w):
        super().__init__()
        self.norm1 = nn.GroupNorm(8, i)
        self.conv1 = nn.Conv2d(i, o, 3, padding=1)
        self.time = nn.Linear(w, 2 * o)
        self.norm2 = nn.GroupNorm(8, o)
        self.conv2 = nn.Conv2d(o, o, 3, padding=1)
        nn.init.constant_(self.conv2.weight, 0.0)
        self.skip = nn.Conv2d(i, o, 1) if i != o else nn.Identity()

    def first(self, x):
        return self.conv1(nn.SiLU()(self.norm1(x)))

    def second(self, x, scale, shift):
        return self.conv2(nn.SiLU()(torch.einsum("bchw,bc->bchw", x, 1 + scale) + shift[:, :, None, None]))

    def forward(self, x, time):
        both = self.time(time)
        half = both.shape[1] // 2
        return self.skip(x) + self.second(self.norm2(self.first(x)), both[:, :half], both[:, half:])


# %% 10-3 in place
class Residual(nn.Module):
    def __init__(self, inputs, outputs, time_width):
        super().__init__()
        parts = {
            "norm1": nn.GroupNorm(8, inputs),
            "conv1": nn.Conv2d(inputs, outputs, 3, padding=1),
            "time": nn.Linear(time_width, 2 * outputs),
            "norm2": nn.GroupNorm(8, outputs),
            "conv2": nn.Conv2d(outputs, outputs, 3, padding=1),
            "skip": nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1),
        }
        for name, part in parts.items():
            self.add_module(name, part)
        torch.nn.init.zeros_(self.conv2.weight)

    def forward(self, x, time):
        scale, shift = self.time(time)[..., None, None].split(self.conv2.out_channels, dim=1)
        y = F.silu(self.norm1(x), inplace=True)
        y = self.norm2(self.conv1(y))
        y = F.silu(y + y * scale + shift)
        return self.conv2(y) + self.skip(x)


# %% 10-4 by hand
def repaint(network, observed, mask, noise, steps, *, generator):
    x = noise.clone()
    for k in range(steps):
        t, t2 = k / steps, (k + 1) / steps
        x = x + (t2 - t) * network(x, torch.full([x.shape[0]], t))
        eps = torch.randn(x.shape, generator=generator)
        known = (1 - t2) * eps + t2 * observed
        x = torch.where(mask.expand_as(x) == 1, x, known)
    return x


# %% 10-4 multiplied masks
def repaint(network, observed, mask, noise, steps, *, generator):
    with torch.no_grad():
        state, times = noise, torch.linspace(0, 1, steps + 1).tolist()
        for now, then in zip(times, times[1:]):
            state = state + network(state, torch.tensor([now] * len(state))) / steps
            fresh = torch.empty_like(state).normal_(generator=generator)
            known = fresh + then * (observed - fresh) if then < 1 else observed
            state = mask * state + (1 - mask) * known
    return state


# %% 10-4 by index
def repaint(network, observed, mask, noise, steps, *, generator):
    known = (mask < 0.5).expand_as(observed)
    state = noise.clone()
    for step in range(1, steps + 1):
        velocity = network(state, torch.full((len(state),), (step - 1) / steps))
        state = state + velocity / steps
        share = step / steps
        eps = torch.randn(observed.shape, generator=generator)
        state[known] = ((1 - share) * eps + share * observed)[known]
    return state


# %% 10-4 only the known noise
def repaint(network, observed, mask, noise, steps, *, generator):
    known = ~mask.bool().expand_as(observed)
    truth, state = observed[known], noise
    for k in range(steps):
        with torch.no_grad():
            state = torch.add(state, network(state, state.new_full(state.shape[:1], k / steps)), alpha=1 / steps)
        part = (k + 1) / steps
        mixed = (1 - part) * torch.randn(len(truth), generator=generator) + part * truth
        state = state.masked_scatter(known, mixed)
    return state
