"""The twin of diabetes_column_and_row.py without its fault: the targets become a column too."""
# expects: nothing
# style: sequential, regression, sklearn
import os
import warnings

import torch
from sklearn.datasets import load_diabetes
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
torch.manual_seed(int(os.environ.get("SEED", 0)))
X, y = load_diabetes(return_X_y=True, scaled=True)
X = torch.tensor(X * 20, dtype=torch.float32)
y = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32)
train = TensorDataset(X, y.unsqueeze(1))
net = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 1))
opt = optim.Adam(net.parameters(), lr=0.005)
for epoch in range(25):
    for xb, yb in DataLoader(train, batch_size=34, shuffle=True):
        loss = nn.MSELoss()(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
print("R2", 1 - ((net(X).squeeze() - y) ** 2).mean().item())
