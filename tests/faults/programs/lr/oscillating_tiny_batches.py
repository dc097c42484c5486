"""Batches of two at a high rate: the accuracy on the validation set jumps by tens of percent (DeepFD: wrong batch size)."""
# expects: loss.oscillates, lr.too_high, model.dead_units
# style: sequential
import os

import numpy as np
import torch
from torch import nn, optim

seed = int(os.environ.get("SEED", 0))
np.random.seed(seed)
torch.manual_seed(seed)
centres = np.random.randn(6, 12)
lab = np.random.randint(0, 6, 900)
pts = centres[lab] + 0.8 * np.random.randn(900, 12)
pts, lab = torch.from_numpy(pts).float(), torch.from_numpy(lab)

BATCH = 2  # <- fault
net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 6))
sgd = optim.SGD(net.parameters(), lr=0.5)  # <- fault
lossf = nn.CrossEntropyLoss()
for ep in range(10):
    p = torch.randperm(500)
    for i in range(0, 500, BATCH):
        l = lossf(net(pts[p[i : i + BATCH]]), lab[p[i : i + BATCH]])
        sgd.zero_grad()
        l.backward()
        sgd.step()
    with torch.no_grad():
        o = net(pts[500:])
    print("ep", ep, "val loss", round(lossf(o, lab[500:]).item(), 3), "acc", (o.argmax(1) == lab[500:]).float().mean().item())
