"""Batch normalisation on batches of two samples (catalogue: batch too small; pt#19916)."""
# expects: model.batch_norm_small_batch, loss.oscillates
# style: cnn, sequential
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
cls = torch.randint(0, 3, (300,))
img = torch.randn(300, 1, 12, 12)
img[cls == 1, :, ::2] += 1.0
img[cls == 2, :, :, ::2] += 1.0
loader = DataLoader(TensorDataset(img[:240], cls[:240]), batch_size=2, shuffle=True)  # <- fault
net = nn.Sequential(
    nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3)
)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(5):
    net.train()
    total = 0.0
    for x, y in loader:
        loss = nn.functional.cross_entropy(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    net.eval()
    with torch.no_grad():
        acc = (net(img[240:]).argmax(1) == cls[240:]).float().mean().item()
    print(f"epoch {epoch} loss {total / len(loader):.3f} val acc {acc:.3f}")
