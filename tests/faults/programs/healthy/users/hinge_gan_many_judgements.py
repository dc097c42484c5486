"""A hinge GAN: three steps of the critic for one of the generator, whose loss is the negative score."""
# expects: nothing
# style: gan, two_optimizers
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
mix = torch.tensor([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])
real = lambda n: mix[torch.randint(3, (n,))] + 0.1 * torch.randn(n, 2)
generator = nn.Sequential(nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 2))
critic = nn.Sequential(*(nn.utils.parametrizations.spectral_norm(layer) if isinstance(layer, nn.Linear) else layer for layer in (nn.Linear(2, 48), nn.LeakyReLU(0.2), nn.Linear(48, 48), nn.LeakyReLU(0.2), nn.Linear(48, 1))))
g_optimizer = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.0, 0.9))
c_optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3, betas=(0.0, 0.9))
for step in range(60):
    for _ in range(3):
        fake = generator(torch.randn(64, 8)).detach()
        c_loss = torch.relu(1 - critic(real(64))).mean() + torch.relu(1 + critic(fake)).mean()
        c_optimizer.zero_grad()
        c_loss.backward()
        c_optimizer.step()
    g_loss = -critic(generator(torch.randn(64, 8))).mean()
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
print("critic", c_loss.item(), "generator", g_loss.item())
