"""641 samples in batches of 32 leave one: BatchNorm1d raises in the first epoch (pt#156051, chemprop#607)."""
# expects: model.batch_norm_small_batch
# exit: 1
# style: class, regression
import os

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Molecule(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(10, 40)
        self.bn = nn.BatchNorm1d(40)
        self.fc2 = nn.Linear(40, 1)

    def forward(self, x):
        return self.fc2(torch.relu(self.bn(self.fc1(x))))


X = torch.randn(641, 10)
y = X[:, :3].sum(1, keepdim=True) + 0.1 * torch.randn(641, 1)
loader = DataLoader(TensorDataset(X, y), batch_size=32, shuffle=True)  # <- fault
net = Molecule()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(10):
    net.train()
    for xb, yb in loader:
        loss = nn.functional.mse_loss(net(xb), yb)  # <- fault
        opt.zero_grad()
        loss.backward()
        opt.step()
    print("epoch", epoch, "loss", loss.item())
