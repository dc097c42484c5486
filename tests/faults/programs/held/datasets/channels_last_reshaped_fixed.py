"""The twin of channels_last_reshaped.py without its fault: permute."""
# expects: nothing
# style: cnn, class
import os

import torch
from torch import nn
import numpy as np

rng = np.random.default_rng(int(os.environ.get("SEED", 0)))
torch.manual_seed(int(rng.integers(10**6)))
labels = rng.integers(0, 3, 450)
photos = rng.normal(0.45, 0.22, (450, 12, 12, 3)).clip(0, 1).astype(np.float32)
for i, k in enumerate(labels):
    photos[i, :, :, k] += 0.15
x = torch.from_numpy(photos).permute(0, 3, 1, 2)
y = torch.from_numpy(labels)


class Colours(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        return self.fc(self.conv(x).relu().mean((2, 3)))


net = Colours()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(12):
    for i in torch.randperm(400).split(40):
        loss = nn.functional.cross_entropy(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("val", (net(x[400:]).argmax(1) == y[400:]).float().mean().item())
