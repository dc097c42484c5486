"""weight_norm by torch's parametrisations: the visible weight is computed, its two parts are the parameters."""
# expects: nothing
# style: sequential, cnn
import os
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

torch.manual_seed(int(os.environ.get("SEED", 0)))
net = nn.Sequential(
    weight_norm(nn.Conv1d(1, 12, 5, padding=2)), nn.ReLU(), weight_norm(nn.Conv1d(12, 12, 5, padding=2)), nn.ReLU(),
    nn.AdaptiveAvgPool1d(4), nn.Flatten(), nn.Linear(48, 3),
)
kind = torch.randint(0, 3, (600,))
t = torch.linspace(0, 1, 40)
shape = torch.stack([torch.sin(9 * t), torch.sin(9 * t) * t, torch.sin(9 * t) * (1 - t)])
x = (1.5 * shape[kind] + 0.3 * torch.randn(600, 40)).unsqueeze(1)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(8):
    for rows in torch.randperm(600).split(30):
        loss = nn.functional.cross_entropy(net(x[rows]), kind[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, round(loss.item(), 4))
