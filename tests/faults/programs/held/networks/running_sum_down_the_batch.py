"""Prefix sums of a series are features, summed along the batch by mistake."""
# expects: model.samples_mixed
# style: functions, regression
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
series = torch.randn(600, 9)
peak = series.cumsum(1).amax(1, keepdim=True)
net = nn.Sequential(nn.Linear(9, 64), nn.ReLU(), nn.Linear(64, 1))


def predict(x):
    return net(x.cumsum(0))  # <- fault


opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(15):
    for x, y in DataLoader(TensorDataset(series, peak), batch_size=50, shuffle=True):
        opt.zero_grad()
        loss = nn.functional.mse_loss(predict(x), y)
        loss.backward()
        opt.step()
    print(epoch, loss.item())
