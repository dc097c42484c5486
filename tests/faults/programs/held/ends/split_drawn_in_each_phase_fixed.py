"""The twin of split_drawn_in_each_phase.py without its fault: one generator with a seed of its own, made anew for each call."""
# expects: nothing
# style: class, sequential
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(int(os.environ.get("SEED", 0)))
X = torch.randn(300, 12)
y = (X[:, :2].sum(1) + 0.3 * torch.randn(300) > 0).long()
everything = TensorDataset(X, y)


def loaders():
    train, val = random_split(everything, [220, 80], generator=torch.Generator().manual_seed(7))
    return DataLoader(train, batch_size=20, shuffle=True), DataLoader(val, batch_size=80)


net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 2))
for phase, rate in (("pre", 5e-3), ("fine", 1e-3)):
    train, val = loaders()
    opt = torch.optim.Adam(net.parameters(), lr=rate)
    for epoch in range(10):
        net.train()
        for xb, yb in train:
            loss = nn.functional.cross_entropy(net(xb), yb)
            opt.zero_grad()
            loss.backward()
            opt.step()
        net.eval()
        with torch.no_grad():
            for xb, yb in val:
                print(phase, epoch, (net(xb).argmax(1) == yb).float().mean().item())
