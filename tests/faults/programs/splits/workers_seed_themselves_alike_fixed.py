"""The twin of workers_seed_themselves_alike.py without its fault: torch.initial_seed differs in each worker and epoch."""
# expects: nothing
# style: cnn, functions
import os
import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", 0))


def seed_worker(worker_id):
    own = torch.initial_seed() % 2**32
    random.seed(own)
    np.random.seed(own)


class Flips(Dataset):
    def __init__(self, n):
        g = torch.Generator().manual_seed(SEED)
        self.y = torch.randint(0, 2, (n,), generator=g)
        self.x = 0.4 * torch.randn(n, 1, 10, 10, generator=g)
        self.x[:, :, :4] += torch.where(self.y == 1, 1.0, -1.0).view(-1, 1, 1, 1)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        if random.random() < 0.5:
            x = x.flip(-1)
        x = x + 0.3 * torch.from_numpy(np.random.standard_normal(x.shape)).float()
        return x, self.y[i]


if __name__ == "__main__":
    torch.manual_seed(SEED)
    loader = DataLoader(Flips(360), batch_size=24, shuffle=True, num_workers=2, worker_init_fn=seed_worker)
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(384, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    for epoch in range(4):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch} loss {total / len(loader):.4f}")
