"""A task so easy that the loss is near zero after one epoch and then hardly changes."""
# expects: nothing
# style: class
import os
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
y = torch.arange(400) % 2
x = (2.0 * y.float() - 1).unsqueeze(1) + 0.1 * torch.randn(400, 4)
loader = DataLoader(TensorDataset(x, y), batch_size=20, shuffle=True)
net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
opt = torch.optim.Adam(net.parameters(), lr=2e-2)
for epoch in range(8):
    for xb, yb in loader:
        loss = nn.functional.cross_entropy(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
