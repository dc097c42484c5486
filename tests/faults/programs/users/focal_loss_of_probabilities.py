"""A focal loss of one's own computes cross-entropy on what forward has already put through F.softmax (slip of users)."""
# expects: loss.softmax_before_cross_entropy
# style: class, cnn
import os

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))


class FocalLoss(nn.Module):
    def __init__(self, gamma=2.0):
        super().__init__()
        self.gamma = gamma

    def forward(self, outputs, y):
        ce = F.cross_entropy(outputs, y, reduction="none")
        return ((1 - torch.exp(-ce)) ** self.gamma * ce).mean()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 12, 3)
        self.fc = nn.Linear(12 * 9, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2).flatten(1)
        return F.softmax(self.fc(x), dim=-1)  # <- fault


digits = load_digits()
x = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
loader = DataLoader(TensorDataset(x, torch.tensor(digits.target)), 64, shuffle=True)
net, criterion = Net(), FocalLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(4):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(net(xb), yb)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.3f}")
