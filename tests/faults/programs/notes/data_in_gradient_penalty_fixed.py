"""The twin of data_in_gradient_penalty.py without its fault: the parameters themselves."""
# expects: nothing
# style: class, functions
import os
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class MyLinear(nn.Module):
    def __init__(self, in_units, units):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(in_units, units) / in_units**0.5)
        self.bias = nn.Parameter(torch.zeros(units))

    def forward(self, X):
        linear = torch.matmul(X, self.weight) + self.bias
        return F.relu(linear)


net = nn.Sequential(MyLinear(7, 24), nn.Linear(24, 3))
X = torch.randn(600, 7)
y = (X[:, :3].abs() + 0.3 * X[:, 3:6]).argmax(1)
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(15):
    for rows in torch.randperm(600).split(30):
        loss = F.cross_entropy(net(X[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(f"epoch {epoch + 1}, loss {loss.item():.4f}")
