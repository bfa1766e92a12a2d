# %% 10-1 one time for the whole batch
def flow_loss(network, clean, *, generator, weight=1.0):
    noise = torch.randn(clean.shape, generator=generator)
    time = torch.rand(1, generator=generator).expand(len(clean)) * 0 + 0.5
    part = time.view(-1, *[1] * (clean.ndim - 1))
    wrong = (network((1 - part) * noise + part * clean, time) - (clean - noise)) ** 2
    return (weight * wrong).mean()


# %% 10-1 the velocity points to the noise
def flow_loss(network, clean, *, generator, weight=1.0):
    noise = torch.randn(clean.shape, generator=generator)
    time = torch.rand(len(clean), generator=generator)
    part = time.view(-1, *[1] * (clean.ndim - 1))
    wrong = (network((1 - part) * noise + part * clean, time) - (noise - clean)) ** 2
    return (weight * wrong).mean()


# %% 10-2 the time stands still
def sample(network, noise, steps):
    states = [noise]
    with torch.no_grad():
        for _ in range(steps):
            states.append(states[-1] + network(states[-1], torch.zeros(len(noise))) / steps)
    return states


# %% 10-2 every step is a whole one
def sample(network, noise, steps):
    states = [noise]
    with torch.no_grad():
        for step in range(steps):
            time = torch.full((len(noise),), step / steps)
            states.append(states[-1] + network(states[-1], time))
    return states


# %% 10-3 the time is left out
class Residual(nn.Module):
    def __init__(self, inputs, outputs, time_width):
        super().__init__()
        self.norm1 = nn.GroupNorm(8, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(time_width, 2 * outputs)
        self.norm2 = nn.GroupNorm(8, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x, time):
        inner = self.norm2(self.conv1(F.silu(self.norm1(x))))
        return self.skip(x) + self.conv2(F.silu(inner))


# %% 10-4 the known pixels one step late
def repaint(network, observed, mask, noise, steps, *, generator):
    state = noise
    for step in range(steps):
        time = torch.full((len(state),), step / steps)
        state = state + network(state, time) / steps
        fresh = torch.randn(observed.shape, generator=generator)
        known = (1 - step / steps) * fresh + step / steps * observed
        state = composite(state, known, mask)
    return state


# %% 10-4 the noise is kept
def repaint(network, observed, mask, noise, steps, *, generator):
    state = noise
    for step in range(steps):
        time = torch.full((len(state),), step / steps)
        state = state + network(state, time) / steps
        reached = (step + 1) / steps
        known = (1 - reached) * noise + reached * observed
        state = composite(state, known, mask)
    return state
