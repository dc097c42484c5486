"""The twin of fresh_noise_in_forward.py without its fault: torch's generator, and in training alone."""
# expects: nothing
# style: class
import os

import numpy as np
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class NoisyLayer(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x):
        if self.training:
            x = x + 0.1 * torch.randn_like(x)
        return self.linear(x)


net = nn.Sequential(NoisyLayer(8, 32), nn.ReLU(), nn.Linear(32, 3))
data = torch.randn(600, 8)
label = (data @ torch.randn(8, 3)).argmax(1)
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(8):
    net.train()
    for rows in torch.randperm(500).split(25):
        loss = nn.functional.cross_entropy(net(data[rows]), label[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(f"epoch {epoch} loss {loss.item():.4f} val {nn.functional.cross_entropy(net(data[500:]), label[500:]).item():.6f}")
