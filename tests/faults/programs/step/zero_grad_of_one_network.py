"""A GAN clears the gradients of the generator only; the discriminator adds up both passes (two optimisers)."""
# expects: step.gradients_not_cleared
# style: gan, two_optimizers
import os

import torch
from torch import nn, optim

torch.manual_seed(int(os.environ.get("SEED", 0)))
latent = 4
gen = nn.Sequential(nn.Linear(latent, 24), nn.ReLU(), nn.Linear(24, 1))
disc = nn.Sequential(nn.Linear(1, 24), nn.LeakyReLU(0.1), nn.Linear(24, 1))
g_opt = optim.Adam(gen.parameters(), lr=1e-3)
d_opt = optim.Adam(disc.parameters(), lr=1e-3)
bce = nn.BCEWithLogitsLoss()


def sample_real(n):
    return 0.5 * torch.randn(n, 1) + torch.where(torch.rand(n, 1) < 0.5, -1.0, 1.0)


for step in range(250):
    real, noise = sample_real(48), torch.randn(48, latent)
    fake = gen(noise)
    loss_d = bce(disc(real), torch.ones(48, 1)) + bce(disc(fake.detach()), torch.zeros(48, 1))
    loss_d.backward()  # <- fault
    d_opt.step()  # <- fault

    g_opt.zero_grad()
    loss_g = bce(disc(fake), torch.ones(48, 1))
    loss_g.backward()
    g_opt.step()
    if step % 50 == 0:
        print(f"step {step} loss_D {loss_d.item():.3f} loss_G {loss_g.item():.3f}")
