"""A normalising flow; the log-likelihood of a narrow density makes the loss negative, rightly."""
# expects: nothing
# style: class, density
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
data = torch.randn(800, 2)
data = torch.stack([0.1 * data[:, 0], 0.05 * data[:, 1] + 3 * (0.1 * data[:, 0]) ** 2], 1)


class Coupling(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(2))
        self.shift = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))

    def log_prob(self, x):
        a, b = x.split(1, 1)
        z = torch.cat([a, b - self.shift(a)], 1) * self.scale.exp()
        return (-0.5 * z.square() - 0.919).sum(1) + self.scale.sum()


flow = Coupling()
opt = torch.optim.Adam(flow.parameters(), lr=2e-2)
for epoch in range(15):
    for x in data[torch.randperm(800)].split(50):
        loss = -flow.log_prob(x).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
