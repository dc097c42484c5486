"""Forty noisy rows, a network of 100,000 weights and 300 epochs."""
# expects: fit.overfitting
# style: class, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
N, WIDTH, DECAY = 40, 300, 0.0  # <- fault
X = torch.randn(N + 200, 15)
y = X[:, :1] - X[:, 1:2] + 1.0 * torch.randn(N + 200, 1)


class Fit(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(15, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1))

    def forward(self, x):
        return self.f(x)


net = Fit()
opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=DECAY)
for epoch in range(15 if N > 100 else 100):
    net.train()
    for i in torch.randperm(N).split(20):
        loss = nn.functional.mse_loss(net(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(epoch, loss.item(), nn.functional.mse_loss(net(X[N:]), y[N:]).item())
