"""The twin of returns_minus_values.py without its fault: values lose their last axis."""
# expects: nothing
# style: functions, reinforcement
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
critic = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.Adam(critic.parameters(), lr=1e-2)
for it in range(250):
    state = torch.rand(64, 1) * 2 - 1
    returns = torch.sin(3 * state).squeeze(1) + 0.1 * torch.randn(64)
    values = critic(state).squeeze(-1)
    advantage = returns - values
    loss = advantage.pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 50 == 49:
        print(it, f"critic loss {loss.item():.4f}")
