"""Each image is fetched from slow storage as it is asked for, and the network waits."""
# expects: speed.waiting_for_data
# style: class, cnn
import os

import torch
from torch import nn
import time

from torch.utils.data import DataLoader, Dataset

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Remote(Dataset):
    def __init__(self, n):
        self.y = torch.randint(0, 2, (n,))
        self.x = torch.randn(n, 1, 6, 6) + self.y[:, None, None, None]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        time.sleep(0.004)  # a request  # <- fault
        return self.x[i], self.y[i]


net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
opt = torch.optim.SGD(net.parameters(), lr=0.05)
store = Remote(160)
for epoch in range(4):
    for x, y in DataLoader(store, batch_size=8, shuffle=True):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        opt.step()
    print(epoch, loss.item())
