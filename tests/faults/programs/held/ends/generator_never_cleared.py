"""In this GAN the discriminator's gradients are cleared and the generator's are not."""
# expects: step.gradients_not_cleared
# style: gan, two_optimizers
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
real = lambda n: 0.3 * torch.randn(n, 2) + torch.tensor([2.0, -1.0])
G = nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 2))
D = nn.Sequential(nn.Linear(2, 24), nn.LeakyReLU(0.2), nn.Linear(24, 1))
g_opt = torch.optim.Adam(G.parameters(), lr=2e-3, betas=(0.5, 0.99))
d_opt = torch.optim.Adam(D.parameters(), lr=2e-3, betas=(0.5, 0.99))
bce = nn.BCEWithLogitsLoss()
one, zero = torch.ones(64, 1), torch.zeros(64, 1)
for step in range(300):
    fake = G(torch.randn(64, 4))
    d_opt.zero_grad()
    d_loss = bce(D(real(64)), one) + bce(D(fake.detach()), zero)
    d_loss.backward()
    d_opt.step()
    g_loss = bce(D(fake), one)
    g_loss.backward()  # <- fault
    g_opt.step()
    if step % 60 == 59:
        print(step, d_loss.item(), g_loss.item(), fake.mean(0).tolist())
