"""Notes N2: the ReLU that closes every block closes the regression as well, though targets are negative for half the rows."""
# expects: model.relu_on_logits, model.dead_units
# style: regression, class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Block(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.linear = nn.Linear(a, b)
        self.relu = nn.ReLU()

    def forward(self, X):
        return self.relu(self.linear(X))


net = nn.Sequential(Block(4, 32), Block(32, 32), Block(32, 1))  # <- fault
X = torch.randn(900, 4)
y = X[:, :1] + 0.5 * X[:, 1:2].abs() - 0.4 + 0.05 * torch.randn(900, 1)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(15):
    losses = []
    for rows in torch.randperm(700).split(35):
        loss = nn.functional.mse_loss(net(X[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    with torch.no_grad():
        val = nn.functional.mse_loss(net(X[700:]), y[700:]).item()
    print(f"epoch {epoch + 1} train {sum(losses) / 20:.4f} val {val:.4f}")
