"""Policy gradient with a baseline: the surrogate loss has no meaning of its own and may rise."""
# expects: nothing
# style: class
import os
import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 3))

    def forward(self, s):
        return Categorical(logits=self.net(s))


policy, baseline = Policy(), 0.0
opt = torch.optim.Adam(policy.parameters(), lr=1e-2)
for episode in range(200):
    state = torch.randn(32, 4)
    best = state[:, :3].argmax(1)
    dist = policy(state)
    action = dist.sample()
    reward = (action == best).float() + 0.1 * torch.randn(32)
    loss = -(dist.log_prob(action) * (reward - baseline)).mean() - 0.01 * dist.entropy().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    baseline = 0.9 * baseline + 0.1 * reward.mean().item()
    if episode % 40 == 0:
        print(f"episode {episode} reward {reward.mean().item():.3f} loss {loss.item():.3f}")
