"""Three quantiles at once by the pinball loss; (N, 1) against (N, 3) broadcasts on purpose."""
# expects: nothing
# style: regression, class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
q = torch.tensor([0.1, 0.5, 0.9])


def pinball(prediction, target):
    error = target.unsqueeze(1) - prediction  # (N, 1) - (N, 3), by design
    return torch.maximum(q * error, (q - 1) * error).mean()


x = torch.rand(900, 1) * 2 - 1
y = (x.squeeze(1) ** 2) + 0.3 * (1 + x.squeeze(1)) * torch.randn(900)
net = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 3))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(12):
    for rows in torch.randperm(700).split(35):
        loss = pinball(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(epoch, loss.item(), (y[700:, None] < net(x[700:])).float().mean(0).tolist())
