"""A closing Sigmoid can only say 0..1 while targets lie between 20 and 90: every prediction is 1 (DeepFD: wrong activation)."""
# expects: model.collapse, model.saturated_units, gradient.vanishing, data.not_scaled
# style: regression, sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(700, 9)
age = 55 + 12 * x[:, 0] - 6 * x[:, 4] + 3 * torch.randn(700)
age = age.clamp(20, 90).unsqueeze(1)
net = nn.Sequential(nn.Linear(9, 30), nn.ReLU(), nn.Linear(30, 1), nn.Sigmoid())  # <- fault
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
mse = nn.MSELoss()
for epoch in range(15):
    for i in torch.randperm(600).split(30):
        loss = mse(net(x[i]), age[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        p = net(x[600:])
        print(f"{epoch}: mse {mse(p, age[600:]).item():.2f}, predictions {p.min().item():.3f} to {p.max().item():.3f}")
