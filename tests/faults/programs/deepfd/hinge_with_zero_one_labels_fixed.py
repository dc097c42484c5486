"""The twin of hinge_with_zero_one_labels.py without its fault: labels -1 and 1."""
# expects: nothing
# style: functions
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(700, 6)
label = 2 * (x[:, 0] - x[:, 1] + 0.2 * torch.randn(700) > 0).float() - 1
net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 1))
loss_fn = nn.SoftMarginLoss()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)


def accuracy(rows):
    with torch.no_grad():
        return ((net(x[rows]).squeeze(1) > 0) == (label[rows] > 0)).float().mean().item()


test_rows = torch.arange(500, 700)
for epoch in range(12):
    for rows in torch.randperm(500).split(25):
        loss = loss_fn(net(x[rows]).squeeze(1), label[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(f"epoch {epoch}: loss {loss.item():.4f} accuracy {accuracy(test_rows):.3f}")
