"""A GAN: the losses swing round 2 ln 2 and ln 2, and neither falls to zero; the discriminator's gradients are spoilt by G's step and cleared."""
# expects: nothing
# style: gan, two_optimizers
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
G = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
D = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.999))
bce = nn.functional.binary_cross_entropy_with_logits
for step in range(250):
    phi = 6.2832 * torch.rand(64)
    real = torch.stack([phi.cos(), phi.sin()], 1) + 0.1 * torch.randn(64, 2)
    fake = G(torch.randn(64, 4))
    opt_d.zero_grad()
    d_loss = bce(D(real), torch.ones(64, 1)) + bce(D(fake.detach()), torch.zeros(64, 1))
    d_loss.backward()
    opt_d.step()
    opt_g.zero_grad()
    g_loss = bce(D(fake), torch.ones(64, 1))
    g_loss.backward()
    opt_g.step()
    if step % 50 == 0:
        print(f"{step}: D {d_loss.item():.3f} G {g_loss.item():.3f}")
