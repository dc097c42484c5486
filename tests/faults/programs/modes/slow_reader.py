"""__getitem__ parses text and sleeps as a slow disk would: the network waits nearly all the time (catalogue: loader share)."""
# expects: speed.waiting_for_data
# style: class
import os
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Slow(Dataset):
    def __init__(self, n):
        X = torch.randn(n, 5)
        self.lines = [",".join(f"{v:.4f}" for v in row) for row in X.tolist()]
        self.y = (X.sum(1) > 0).long()

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        time.sleep(0.002)  # <- fault
        return torch.tensor([float(v) for v in self.lines[i].split(",")]), self.y[i]


loader = DataLoader(Slow(400), batch_size=20, shuffle=True)
net = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 2))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(3):
    for x, y in loader:
        loss = nn.functional.cross_entropy(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print("epoch", epoch, loss.item())
