"""Q-learning on a walk of seven states: replay buffer, target network, Huber loss, greedy actions under no_grad."""
# expects: nothing
# style: class, regression
import copy
import os
import random
from collections import deque

import torch
from torch import nn

seed = int(os.environ.get("SEED", 0))
random.seed(seed)
torch.manual_seed(seed)


class Walk:
    def reset(self):
        self.at = 3
        return self.at

    def step(self, action):
        self.at += 1 if action == 1 else -1
        return self.at, float(self.at == 6), self.at in (0, 6)


def encode(states):
    return nn.functional.one_hot(torch.tensor(states), 7).float()


q = nn.Sequential(nn.Linear(7, 32), nn.ReLU(), nn.Linear(32, 2))
target = copy.deepcopy(q).requires_grad_(False)
optimizer = torch.optim.Adam(q.parameters(), lr=3e-3)
memory, world, steps = deque(maxlen=500), Walk(), 0
for episode in range(80):
    state, done = world.reset(), False
    while not done:
        with torch.no_grad():
            greedy = int(q(encode([state])).argmax())
        action = random.randrange(2) if random.random() < max(0.1, 1 - episode / 40) else greedy
        following, reward, done = world.step(action)
        memory.append((state, action, reward, following, done))
        state, steps = following, steps + 1
        if len(memory) < 32:
            continue
        s, a, r, n, d = map(list, zip(*random.sample(list(memory), 32)))
        with torch.no_grad():
            wanted = torch.tensor(r) + 0.9 * target(encode(n)).max(1).values * (1 - torch.tensor(d).float())
        value = q(encode(s)).gather(1, torch.tensor(a)[:, None]).squeeze(1)
        loss = nn.functional.smooth_l1_loss(value, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if steps % 50 == 0:
            target.load_state_dict(q.state_dict())
print("loss", loss.item(), "values", q(encode(range(7))).max(1).values.tolist())
