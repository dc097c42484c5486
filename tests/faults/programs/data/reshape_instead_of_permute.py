"""(N, H, W, 3) bytes become (N, 3, H, W) by reshape, which scrambles the pixels (catalogue: layout)."""
# expects: data.layout, model.samples_mixed
# style: cnn, sequential
import os

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

seed = int(os.environ.get("SEED", 0))
rng = np.random.default_rng(seed)
torch.manual_seed(seed)
N, H, W = 700, 14, 14
label = rng.integers(0, 4, N)
photo = rng.normal(110, 30, (N, H, W, 3))
for k, c in enumerate(label):
    row = rng.integers(0, 10)
    photo[k, row : row + 4, :, c % 3] += 70 if c < 3 else -70
photo = photo.clip(0, 255).astype(np.uint8)

x = torch.from_numpy(photo).float().div(127.5).sub(1)
x = x.reshape(N, 3, H, W)  # <- fault
y = torch.from_numpy(label)
loader = DataLoader(TensorDataset(x[:560], y[:560]), batch_size=28, shuffle=True)
net = nn.Sequential(
    nn.Conv2d(3, 12, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 12, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 4)
)
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(8):
    for xb, yb in loader:
        loss = nn.functional.cross_entropy(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(f"epoch {epoch} loss {loss:.3f} acc {(net(x[560:]).argmax(1) == y[560:]).float().mean():.3f}")
