"""Counts cannot be negative, so the regression ends in a softplus and a ReLU is used nowhere else than inside."""
# expects: nothing
# style: regression, class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Rate(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(6, 32)
        self.log_rate = nn.Linear(32, 1)

    def forward(self, x):
        return nn.functional.softplus(self.log_rate(torch.relu(self.hidden(x)))).squeeze(1)


x = torch.randn(1000, 6)
counts = torch.poisson(torch.exp(0.4 * x[:, 0] - 0.3 * x[:, 1] + 0.5))
net = Rate()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
loss_fn = nn.PoissonNLLLoss(log_input=False)
for epoch in range(10):
    for rows in torch.randperm(800).split(40):
        loss = loss_fn(net(x[rows]), counts[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(f"epoch {epoch}: {loss.item():.4f} / {loss_fn(net(x[800:]), counts[800:]).item():.4f}")
