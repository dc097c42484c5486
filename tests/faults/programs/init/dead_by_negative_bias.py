"""Biases start at -20, so no ReLU ever fires (catalogue: dead ReLU)."""
# expects: model.dead_units, init.scale, gradient.vanishing, model.collapse
# style: cnn, sequential
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
net = nn.Sequential(
    nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(144, 3)
)
for layer in net:
    if isinstance(layer, nn.Conv2d):
        nn.init.constant_(layer.bias, -20.0)  # <- fault

side = torch.randint(0, 3, (700,))
img = 0.5 * torch.randn(700, 1, 12, 12)
for n in range(700):
    img[n, 0, :, 4 * side[n] : 4 * side[n] + 4] += 1
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(6):
    net.train()
    seen = correct = 0
    for rows in torch.randperm(600).split(30):
        out = net(img[rows])
        loss = nn.functional.cross_entropy(out, side[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        correct += (out.argmax(1) == side[rows]).sum().item()
        seen += len(rows)
    print(f"epoch {epoch} loss {loss.item():.3f} accuracy {correct / seen:.3f}")
