"""The twin of folds_shuffled_per_member.py without its fault: the same permutation for all."""
# expects: nothing
# style: regression, class
import os

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, Subset

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Waves(Dataset):
    def __init__(self, n):
        self.x = torch.rand(n, 2) * 4 - 2
        self.y = torch.sin(2 * self.x[:, :1]) * self.x[:, 1:] + 0.05 * torch.randn(n, 1)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class Member(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(2, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1))

    def forward(self, x):
        return self.f(x)


def train_member(member, dataset, epochs=12):
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(9)).tolist()
    train, val = Subset(dataset, order[:480]), Subset(dataset, order[480:])
    opt = torch.optim.Adam(member.parameters(), lr=5e-3)
    for _ in range(epochs):
        for x, y in DataLoader(train, batch_size=40, shuffle=True):
            opt.zero_grad()
            loss = nn.functional.mse_loss(member(x), y)
            loss.backward()
            opt.step()
    with torch.no_grad():
        x, y = next(iter(DataLoader(val, batch_size=200)))
        return nn.functional.mse_loss(member(x), y).item(), val


dataset = Waves(600)
members = [Member() for _ in range(3)]
for k, member in enumerate(members):
    error, val = train_member(member, dataset)
    print(f"member {k}: validation mse {error:.4f}")
x, y = next(iter(DataLoader(val, batch_size=200)))
with torch.no_grad():
    print("ensemble:", nn.functional.mse_loss(sum(m(x) for m in members) / 3, y).item())
