"""Large images leave room for two in a batch; batch normalisation is left as it was."""
# expects: model.batch_norm_small_batch
# style: cnn, sequential
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
y = torch.randint(0, 3, (240,))
x = 0.7 * torch.randn(240, 1, 10, 10)
for i, k in enumerate(y.tolist()):
    x[i] += 0.5 * k
norm = nn.BatchNorm2d(8)  # <- fault
net = nn.Sequential(nn.Conv2d(1, 8, 3), norm, nn.ReLU(), nn.Flatten(), nn.Linear(512, 3))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(3):
    net.train()
    for xb, yb in DataLoader(TensorDataset(x[:200], y[:200]), batch_size=2, shuffle=True):  # <- fault
        loss = nn.functional.cross_entropy(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(epoch, nn.functional.cross_entropy(net(x[200:]), y[200:]).item())
