"""The whole training set is one batch; two hundred steps of gradient descent with momentum."""
# expects: nothing
# style: sequential
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
t = torch.rand(300) * 3.1416
c = torch.randint(0, 2, (300,))
x = torch.stack([t.cos() + c, t.sin() * (1 - 2 * c) + 0.3 * c], 1) + 0.12 * torch.randn(300, 2)
net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2))
opt = torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9)
for step in range(250):
    opt.zero_grad()
    loss = nn.functional.cross_entropy(net(x[:200]), c[:200])
    loss.backward()
    opt.step()
    if step % 25 == 24:
        with torch.no_grad():
            print(step + 1, f"train {loss.item():.4f} test {nn.functional.cross_entropy(net(x[200:]), c[200:]).item():.4f}")
