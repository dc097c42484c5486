"""The twin of links_scored_twice.py without its fault: the dot product itself."""
# expects: nothing
# style: functions, embedding
import os

import torch
from torch import nn
gen = torch.manual_seed(int(os.environ.get("SEED", 0)))
team = torch.randint(0, 6, (120,))
left, right = torch.randint(0, 120, (2, 3000))
linked = (team[left] == team[right]).float()
z = nn.Embedding(120, 8)
opt = torch.optim.Adam(z.parameters(), lr=0.03)


def score(i, j):
    s = (z(i) * z(j)).sum(-1)
    return s


for epoch in range(8):
    for k in range(0, 3000, 100):
        s = score(left[k : k + 100], right[k : k + 100])
        loss = nn.functional.binary_cross_entropy_with_logits(s, linked[k : k + 100])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
