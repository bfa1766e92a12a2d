# %% 01-1 the saturating loss
def generator_loss(fake_logits):
    return -F.softplus(fake_logits).mean()


# %% 01-1 overflows
def generator_loss(fake_logits):
    return torch.log1p(torch.exp(-fake_logits)).mean()


# %% 01-2 old gradients not cleared
def discriminator_step(generator, discriminator, optimizer, real, z):
    loss = discriminator_loss(discriminator(real), discriminator(generator(z).detach()))
    loss.backward()
    optimizer.step()
    return loss.item()


# %% 01-2 the fakes are not cut off
def discriminator_step(generator, discriminator, optimizer, real, z):
    loss = discriminator_loss(discriminator(real), discriminator(generator(z)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% 01-2 real and fake swapped
def discriminator_step(generator, discriminator, optimizer, real, z):
    loss = discriminator_loss(discriminator(generator(z).detach()), discriminator(real))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% 01-3 the fakes are cut off
def generator_step(generator, discriminator, optimizer, z):
    loss = generator_loss(discriminator(generator(z).detach()))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% 01-3 the discriminator's score is made smaller
def generator_step(generator, discriminator, optimizer, z):
    loss = generator_loss(-discriminator(generator(z)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
