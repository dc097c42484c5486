"""The negative log-likelihood of a normal with learned spread: the loss falls below zero, as densities may exceed 1."""
# expects: nothing
# style: regression, class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class MeanAndVariance(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(1, 48), nn.Tanh())
        self.mean, self.log_var = nn.Linear(48, 1), nn.Linear(48, 1)

    def forward(self, x):
        h = self.body(x)
        return self.mean(h), self.log_var(h).exp()


x = torch.rand(800, 1) * 2 - 1
y = 0.5 * torch.sin(3 * x) + (0.01 + 0.05 * (x + 1)) * torch.randn(800, 1)
net = MeanAndVariance()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
nll = nn.GaussianNLLLoss()
for epoch in range(25):
    for rows in torch.randperm(800).split(40):
        mean, var = net(x[rows])
        loss = nll(mean, y[rows], var)
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 5 == 4:
        print(epoch + 1, loss.item())
