"""An endless IterableDataset, cut off by a number of steps; no length, no epochs."""
# expects: nothing
# style: class, sequential
import itertools
import os
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset


class Stream(IterableDataset):
    def __init__(self, seed):
        self.seed = seed

    def __iter__(self):
        g = torch.Generator().manual_seed(self.seed)
        while True:
            x = torch.randn(6, generator=g)
            yield x, (x[0] * x[1] > 0).long()


seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
loader = DataLoader(Stream(seed), batch_size=64)
net = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 2))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for step, (x, y) in enumerate(itertools.islice(loader, 200)):
    loss = nn.functional.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 40 == 0:
        print(step, loss.item())
