"""A WeightedRandomSampler draws the rare class more often; rows repeat within an epoch by design."""
# expects: nothing
# style: sequential
import os
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(1200, 6)
y = (x[:, 0] + x[:, 1] > 2.0).long()
train = TensorDataset(x[:900], y[:900])
weights = torch.where(y[:900] == 1, 1.0 / y[:900].sum(), 1.0 / (900 - y[:900].sum()))
loader = DataLoader(train, batch_size=45, sampler=WeightedRandomSampler(weights.tolist(), 900))
net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 2))
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for epoch in range(8):
    for xb, yb in loader:
        loss = nn.functional.cross_entropy(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(epoch, loss.item(), (net(x[900:]).argmax(1) == y[900:]).float().mean().item())
