"""The twin of dropout_ninety_percent.py without its fault: 0.1."""
# expects: nothing
# style: sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
p = 0.1
y = torch.randint(0, 5, (900,))
x = 1.2 * torch.randn(5, 14)[y] + torch.randn(900, 14)
net = nn.Sequential(
    nn.Linear(14, 24), nn.ReLU(), nn.Dropout(p), nn.Linear(24, 24), nn.ReLU(), nn.Dropout(p), nn.Linear(24, 24), nn.ReLU(), nn.Dropout(p), nn.Linear(24, 5)
)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(12):
    net.train()
    total = 0.0
    for i in torch.randperm(700).split(35):
        loss = nn.functional.cross_entropy(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / 20
    net.eval()
    with torch.no_grad():
        print(f"epoch {epoch}: train {total:.3f} val {nn.functional.cross_entropy(net(x[700:]), y[700:]).item():.3f}")
