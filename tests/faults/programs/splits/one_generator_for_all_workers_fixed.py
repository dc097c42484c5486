"""The twin of one_generator_for_all_workers.py without its fault: torch's generator, which the loader seeds for each worker."""
# expects: nothing
# style: class, sequential
import os

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", 0))


class Noisy(Dataset):
    def __init__(self, n, seed):
        base = np.random.default_rng(seed)
        self.y = base.integers(0, 3, n)
        self.x = np.eye(3, 12)[self.y] * 2 + base.normal(size=(n, 12)) * 0.3

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = torch.tensor(self.x[i], dtype=torch.float32) + 0.5 * torch.randn(12)
        return x, int(self.y[i])


def main():
    torch.manual_seed(SEED)
    loader = DataLoader(Noisy(400, SEED), batch_size=20, shuffle=True, num_workers=2)
    net = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 3))
    opt = torch.optim.Adam(net.parameters(), lr=5e-3)
    for epoch in range(4):
        for x, y in loader:
            loss = nn.functional.cross_entropy(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        print("epoch", epoch, "loss", loss.item())


if __name__ == "__main__":
    main()
