"""Weight decay 3 holds all weights at zero (regularised too much; an exponent was lost on the way from 3e-4)."""
# expects: fit.underfitting, model.collapse, optimizer.decay_on_norm_and_bias
# style: regression, class
import os
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stack = nn.Sequential(nn.Linear(5, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU())
        self.head = nn.Linear(40, 1)

    def forward(self, x):
        return self.head(self.stack(x))


x = torch.randn(800, 5)
y = (x[:, 0] * x[:, 1] + x[:, 2]).unsqueeze(1)
net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=3.0)  # <- fault
loader = DataLoader(TensorDataset(x[:600], y[:600]), 30, shuffle=True)
for epoch in range(12):
    net.train()
    for xb, yb in loader:
        loss = nn.functional.mse_loss(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(f"epoch {epoch}: val mse {nn.functional.mse_loss(net(x[600:]), y[600:]).item():.4f}")
