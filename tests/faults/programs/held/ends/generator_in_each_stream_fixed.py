"""The twin of generator_in_each_stream.py without its fault: the worker's number is part of the seed."""
# expects: nothing
# style: iterable, regression
import os

import torch
from torch import nn
import numpy as np
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

SEED = int(os.environ.get("SEED", 0))
torch.manual_seed(SEED)


class Stream(IterableDataset):
    def __iter__(self):
        worker = get_worker_info()
        rng = np.random.default_rng([SEED, worker.id if worker else 0])
        for _ in range(300):
            x = rng.normal(size=4).astype("float32")
            noisy = x + rng.normal(0, 0.2, 4).astype("float32")
            yield noisy, np.float32([x[0] * x[1]])


if __name__ == "__main__":
    net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
    opt = torch.optim.Adam(net.parameters(), lr=1e-2)
    for epoch in range(6):
        for x, y in DataLoader(Stream(), batch_size=20, num_workers=2):
            loss = nn.functional.mse_loss(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(epoch, loss.item())
