"""The distance of a point to itself: sqrt has an infinite slope at 0, and one such pair makes all weights NaN."""
# expects: loss.not_finite
# style: class
import os
import torch
import torch.nn as nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Embed(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 4))

    def forward(self, x):
        return self.f(x)


def distance(a, b):
    return ((a - b) ** 2).sum(1).sqrt()  # <- fault


group = torch.randint(0, 5, (500,))
points = torch.randn(5, 8)[group] + 0.4 * torch.randn(500, 8)
net = Embed()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for step in range(200):
    i, j = torch.randint(0, 500, (2, 48))
    same = (group[i] == group[j]).float()
    d = distance(net(points[i]), net(points[j]))
    loss = (same * d**2 + (1 - same) * (1.5 - d).clamp(min=0) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 25 == 0:
        print(step, loss.item())
