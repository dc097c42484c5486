"""PPO on a bandit with contexts: old log-probabilities without gradient, several epochs on one rollout, an entropy bonus."""
# expects: nothing
# style: class, reinforcement
import os

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(int(os.environ.get("SEED", 0)))
actor, critic = nn.Linear(5, 5), nn.Linear(5, 1)
opt = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=2e-2)
for rollout in range(30):
    state = torch.eye(5)[torch.randint(0, 5, (100,))]
    with torch.no_grad():
        old = Categorical(logits=actor(state))
        action = old.sample()
        reward = (action == (state.argmax(1) + 2) % 5).float()
        advantage = reward - critic(state).squeeze(1)
        before = old.log_prob(action)
    for _ in range(4):
        now = Categorical(logits=actor(state))
        ratio = (now.log_prob(action) - before).exp()
        gain = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()
        value = nn.functional.mse_loss(critic(state).squeeze(1), reward)
        loss = -gain + 0.5 * value - 0.01 * now.entropy().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    if rollout % 6 == 5:
        print(rollout, reward.mean().item())
