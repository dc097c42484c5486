"""Denoising diffusion in two dimensions: the network predicts the noise that was added, at random times."""
# expects: nothing
# style: class, regression
import math
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
angle = torch.rand(2000) * math.pi
data = torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(2000, 2)
T = 50
beta = torch.linspace(1e-3, 0.15, T)
alpha_bar = torch.cumprod(1 - beta, 0)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Embedding(T, 32)
        self.body = nn.Sequential(nn.Linear(34, 96), nn.SiLU(), nn.Linear(96, 96), nn.SiLU(), nn.Linear(96, 2))

    def forward(self, x, t):
        return self.body(torch.cat([x, self.time(t)], 1))


net = Denoiser()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(300):
    x = data[torch.randint(2000, (128,))]
    t = torch.randint(T, (128,))
    noise = torch.randn_like(x)
    noisy = alpha_bar[t, None].sqrt() * x + (1 - alpha_bar[t, None]).sqrt() * noise
    loss = (net(noisy, t) - noise).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("loss", loss.item())
with torch.no_grad():
    x = torch.randn(200, 2)
    for t in reversed(range(T)):
        e = net(x, torch.full((200,), t))
        x = (x - beta[t] / (1 - alpha_bar[t]).sqrt() * e) / (1 - beta[t]).sqrt()
        x = x + (beta[t].sqrt() * torch.randn_like(x) if t else 0)
print("radius", x.norm(dim=1).mean().item())
