"""The twin of nll_of_probabilities.py without its fault: LogSoftmax."""
# expects: nothing
# style: sequential, sklearn
import os

import torch
from torch import nn
from sklearn.datasets import load_iris

torch.manual_seed(int(os.environ.get("SEED", 0)))
data = load_iris()
X = torch.from_numpy((data.data - data.data.mean(0)) / data.data.std(0)).float()
y = torch.from_numpy(data.target)
model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3), nn.LogSoftmax(dim=1))
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.5)
for epoch in range(40):
    for rows in torch.randperm(150).split(30):
        optimizer.zero_grad()
        loss = criterion(model(X[rows]), y[rows])
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        print(epoch + 1, f"{loss.item():+.4f}")
