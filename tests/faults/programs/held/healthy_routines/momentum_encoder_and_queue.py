"""MoCo: keys come from an averaged copy under no_grad, negatives from a queue of older keys."""
# expects: nothing
# style: class, contrastive
import os

import torch
from torch import nn
import copy

from torch.nn import functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))
base = torch.randn(400, 12)
q = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 8))
k = copy.deepcopy(q).requires_grad_(False)
queue = F.normalize(torch.randn(256, 8), dim=1)
opt = torch.optim.SGD(q.parameters(), lr=0.1, momentum=0.9)
for step in range(250):
    i = torch.randint(0, 400, (32,))
    a = F.normalize(q(base[i] + 0.2 * torch.randn(32, 12)), dim=1)
    with torch.no_grad():
        b = F.normalize(k(base[i] + 0.2 * torch.randn(32, 12)), dim=1)
    logits = torch.cat([(a * b).sum(1, keepdim=True), a @ queue.T], 1) / 0.2
    loss = F.cross_entropy(logits, torch.zeros(32, dtype=torch.long))
    opt.zero_grad()
    loss.backward()
    opt.step()
    with torch.no_grad():
        for old, new in zip(k.parameters(), q.parameters()):
            old.lerp_(new, 0.05)
        queue = torch.cat([queue[32:], b])
    if step % 50 == 0:
        print(step, loss.item())
