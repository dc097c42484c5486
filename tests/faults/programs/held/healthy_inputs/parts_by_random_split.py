"""random_split with a generator of its own, drop_last for batch normalisation, eval() and train() in turns."""
# expects: nothing
# style: class, sklearn
import os

import torch
from torch import nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
X, y = load_digits(return_X_y=True)
rows = TensorDataset(torch.tensor(X / 16).float(), torch.tensor(y))
train, val = random_split(rows, [1401, 396], torch.Generator().manual_seed(3))
net = nn.Sequential(nn.Linear(64, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Dropout(0.2), nn.Linear(48, 10))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(5):
    net.train()
    for x, k in DataLoader(train, 50, shuffle=True, drop_last=True):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(x), k)
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        right = sum((net(x).argmax(1) == k).sum().item() for x, k in DataLoader(val, 99))
    print(epoch, loss.item(), right / 396)
