"""REINFORCE on a contextual bandit: the surrogate is descended, so reward falls."""
# expects: loss.wrong_sign
# style: functions, reinforcement
import os

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(int(os.environ.get("SEED", 0)))
policy = nn.Linear(4, 4)
opt = torch.optim.Adam(policy.parameters(), lr=0.02)
smooth = 0.25
for step in range(300):
    context = torch.eye(4)[torch.randint(0, 4, (64,))]
    dist = Categorical(logits=policy(context))
    arm = dist.sample()
    reward = (arm == context.argmax(1)).float()
    smooth = 0.95 * smooth + 0.05 * reward.mean().item()
    loss = (dist.log_prob(arm) * (reward - smooth)).mean()  # <- fault
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 60 == 59:
        print("reward", round(smooth, 3))
