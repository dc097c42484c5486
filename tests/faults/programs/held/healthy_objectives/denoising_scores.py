"""Score matching with noise: the target is the noise over its deviation, and the loss stays high by nature."""
# expects: nothing
# style: functions, density
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
net = nn.Sequential(nn.Linear(2, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 2))
opt = torch.optim.AdamW(net.parameters(), lr=3e-3)
sigma = 0.6
for step in range(300):
    angle = 6.2832 * torch.rand(128)
    x = 2 * torch.stack([angle.cos(), angle.sin()], 1)
    noise = torch.randn_like(x)
    loss = (net(x + sigma * noise) + noise).square().sum(1).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 60 == 0:
        print(step, loss.item())
