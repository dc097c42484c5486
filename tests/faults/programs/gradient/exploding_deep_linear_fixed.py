"""The twin of exploding_deep_linear.py without its fault: He's scale."""
# expects: nothing
# style: regression, functions
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


def build(depth=10, width=64):
    modules = [nn.Linear(6, width), nn.ReLU()]
    for _ in range(depth):
        layer = nn.Linear(width, width)
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        modules += [layer, nn.ReLU()]
    return nn.Sequential(*modules, nn.Linear(width, 1))


inputs = torch.randn(500, 6)
outputs = inputs.sin().sum(1, keepdim=True)
net = build()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(12):
    acc = 0.0
    for rows in torch.randperm(500).split(25):
        error = (net(inputs[rows]) - outputs[rows]).pow(2).mean()
        opt.zero_grad()
        error.backward()
        opt.step()
        acc += error.item() / 20
    print(f"epoch {epoch} mse {acc:.4g}")
