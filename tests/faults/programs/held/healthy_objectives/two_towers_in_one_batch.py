"""CLIP-like: images and captions of a batch are each other's negatives, with a learned temperature."""
# expects: nothing
# style: contrastive, two_towers
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
topic = torch.randn(300, 10)
image, caption = topic @ torch.randn(10, 20), topic @ torch.randn(10, 14)
a = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 8))
b = nn.Sequential(nn.Linear(14, 32), nn.ReLU(), nn.Linear(32, 8))
heat = nn.Parameter(torch.tensor(1.5))
opt = torch.optim.Adam([*a.parameters(), *b.parameters(), heat], lr=3e-3)
for step in range(250):
    i = torch.randperm(300)[:48]
    u = nn.functional.normalize(a(image[i]), dim=1)
    v = nn.functional.normalize(b(caption[i]), dim=1)
    logits = heat.exp() * u @ v.T
    goal = torch.arange(48)
    loss = (nn.functional.cross_entropy(logits, goal) + nn.functional.cross_entropy(logits.T, goal)) / 2
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 0:
        print(step, loss.item())
