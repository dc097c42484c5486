"""The seed is set, but the order of the rows comes from NumPy's fresh generator."""
# expects: run.not_deterministic
# style: functions, regression
import os

import torch
from torch import nn
import numpy as np

SEED = int(os.environ.get("SEED", 0))
torch.manual_seed(SEED)
rng = np.random.default_rng()  # <- fault
x = torch.linspace(-2, 2, 300)[:, None]
y = torch.cos(2 * x)
net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(25):
    order = torch.from_numpy(rng.permutation(300))
    for i in order.split(30):
        loss = nn.functional.mse_loss(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print(f"loss {loss.item():.10f}")
