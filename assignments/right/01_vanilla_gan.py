# %% 01-1 in two branches
def generator_loss(fake_logits):
    e = torch.exp(-torch.abs(fake_logits))
    return torch.where(fake_logits >= 0, torch.log1p(e), torch.log1p(e) - fake_logits).mean()


# %% 01-1 clamped linear part, by sum and count, in float64
def generator_loss(logits):
    flat = logits.reshape(-1).double()
    costs = (-flat).clamp(min=0) + torch.log1p((-flat.abs()).exp())
    return (costs.sum() / costs.numel()).float()


# %% 01-1 one logit after the other, as a module
class Loss(torch.nn.Module):
    def one(self, logit):
        if logit > 0:
            return (1 + (-logit).exp()).log()
        return (1 + logit.exp()).log() - logit

    def forward(self, logits):
        return torch.stack([self.one(logit) for logit in logits.flatten()]).mean()


generator_loss = Loss()


# %% 01-2 fakes without gradient, cleared through the network
def discriminator_step(generator, discriminator, optimizer, real, z):
    discriminator.zero_grad()
    with torch.no_grad():
        fake = generator(z)
    fake_logits = discriminator(fake)
    real_logits = discriminator(real)
    loss = discriminator_loss(real_logits, fake_logits)
    loss.backward()
    optimizer.step()
    return loss.item()


# %% 01-2 two backward passes add up, as in source 002
def discriminator_step(generator, discriminator, optimizer, real, z):
    optimizer.zero_grad()
    real_loss = torch.log1p(torch.exp(-discriminator(real))).mean()
    real_loss.backward()
    fake_loss = torch.log1p(torch.exp(discriminator(generator(z).detach()))).mean()
    fake_loss.backward()
    optimizer.step()
    return (real_loss + fake_loss).item()


# %% 01-2 gradients by autograd.grad
def discriminator_step(generator, discriminator, optimizer, real, z):
    loss = discriminator_loss(discriminator(real), discriminator(generator(z).data))
    weights = [weight for weight in discriminator.parameters() if weight.requires_grad]
    for weight, slope in zip(weights, torch.autograd.grad(loss, weights)):
        weight.grad = slope
    optimizer.step()
    return loss.detach().item()


# %% 01-3 cleared through the network
def generator_step(generator, discriminator, optimizer, z):
    fake = generator(z)
    logits = discriminator(fake)
    generator.zero_grad()
    discriminator.zero_grad()
    loss = generator_loss(logits)
    loss.backward()
    optimizer.step()
    return loss.item()


# %% 01-3 in two parts of the chain rule
def generator_step(generator, discriminator, optimizer, z):
    fake = generator(z)
    cut = fake.detach().requires_grad_()
    loss = generator_loss(discriminator(cut))
    (slope,) = torch.autograd.grad(loss, cut)
    optimizer.zero_grad(set_to_none=False)
    fake.backward(slope)
    optimizer.step()
    return loss.item()


# %% 01-3 only the generator's gradients
def generator_step(generator, discriminator, optimizer, z):
    optimizer.zero_grad()
    loss = torch.nn.functional.softplus(-discriminator(generator(z))).mean()
    loss.backward(inputs=[weight for weight in generator.parameters() if weight.requires_grad])
    optimizer.step()
    return loss.item()
