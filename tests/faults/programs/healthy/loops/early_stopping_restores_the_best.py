"""Training stops when validation no longer gains, and the best weights are loaded again."""
# expects: nothing
# style: class, functions
import copy
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(900, 10)
y = (x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + 0.3 * torch.randn(900) > 0).long()
net = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 2))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)


def validate():
    net.eval()
    with torch.no_grad():
        return nn.functional.cross_entropy(net(x[600:]), y[600:]).item()


best, kept, waited = float("inf"), None, 0
for epoch in range(40):
    net.train()
    for rows in torch.randperm(600).split(30):
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    val = validate()
    print(epoch, round(loss.item(), 3), round(val, 3))
    if val < best - 1e-3:
        best, kept, waited = val, copy.deepcopy(net.state_dict()), 0
    else:
        waited += 1
    if waited == 3:
        break
net.load_state_dict(kept)
print("best", best, "again", validate())
