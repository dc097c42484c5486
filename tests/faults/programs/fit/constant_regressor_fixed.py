"""The twin of constant_regressor.py without its fault: a linear output on standardised targets."""
# expects: nothing
# style: regression, sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(700, 9)
age = 55 + 12 * x[:, 0] - 6 * x[:, 4] + 3 * torch.randn(700)
age = age.clamp(20, 90).unsqueeze(1)
age = (age - age[:600].mean()) / age[:600].std()
net = nn.Sequential(nn.Linear(9, 30), nn.ReLU(), nn.Linear(30, 1))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
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
