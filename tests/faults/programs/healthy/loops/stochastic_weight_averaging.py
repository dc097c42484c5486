"""torch's SWA: AveragedModel, SWALR, and statistics of batch normalisation renewed at the end."""
# expects: nothing
# style: scheduler, sequential
import os
import torch
from torch import nn
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(800, 10)
y = (x @ torch.randn(10, 3) + 0.3 * torch.randn(800, 3)).argmax(1)
loader = DataLoader(TensorDataset(x, y), batch_size=40, shuffle=True)
net = nn.Sequential(nn.Linear(10, 40), nn.BatchNorm1d(40), nn.ReLU(), nn.Linear(40, 3))
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
swa, swa_lr = AveragedModel(net), SWALR(opt, swa_lr=0.02)
for epoch in range(10):
    net.train()
    for xb, yb in loader:
        loss = nn.functional.cross_entropy(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch >= 6:
        swa.update_parameters(net)
        swa_lr.step()
    print(epoch, loss.item())
update_bn(loader, swa)
swa.eval()
with torch.no_grad():
    print("average", nn.functional.cross_entropy(swa(x), y).item())
