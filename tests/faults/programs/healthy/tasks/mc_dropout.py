"""Monte Carlo dropout: at the end dropout stays on while predicting, to measure how unsure the network is."""
# expects: nothing
# style: regression, class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class BayesianNet(nn.Module):
    """Dropout is applied in evaluation too (Gal and Ghahramani 2016)."""

    def __init__(self, p=0.1):
        super().__init__()
        self.p = p
        self.l1, self.l2, self.l3 = nn.Linear(1, 64), nn.Linear(64, 64), nn.Linear(64, 1)

    def forward(self, x):
        x = nn.functional.dropout(torch.relu(self.l1(x)), self.p, training=True)
        x = nn.functional.dropout(torch.relu(self.l2(x)), self.p, training=True)
        return self.l3(x)


x = torch.rand(400, 1) * 4 - 2
y = torch.sin(2 * x) + 0.1 * torch.randn_like(x)
net = BayesianNet()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(30):
    for rows in torch.randperm(400).split(40):
        loss = nn.functional.mse_loss(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 6 == 5:
        print(epoch + 1, loss.item())
net.eval()
with torch.no_grad():
    samples = torch.stack([net(torch.tensor([[0.0], [4.0]])) for _ in range(50)])
print("spread inside and outside the data:", samples.std(0).squeeze().tolist())
