"""The twin of vanishing_sigmoid_tower.py without its fault: three layers of ReLU."""
# expects: nothing
# style: sequential
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
layers = [nn.Linear(12, 32), nn.ReLU()]
for _ in range(2):
    layers += [nn.Linear(32, 32), nn.ReLU()]
net = nn.Sequential(*layers, nn.Linear(32, 4))

kind = torch.randint(0, 4, (1000,))
X = 1.5 * torch.randn(4, 12)[kind] + torch.randn(1000, 12)
loader = DataLoader(TensorDataset(X, kind), batch_size=50, shuffle=True)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(10):
    for x, y in loader:
        loss = nn.functional.cross_entropy(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    first = net[0].weight.grad.norm().item()
    print(f"epoch {epoch} loss {loss.item():.4f} |g of the first layer| {first:.2e}")
