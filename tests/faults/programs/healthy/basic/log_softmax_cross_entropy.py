"""log_softmax followed by cross_entropy: redundant, but the same number (log_softmax is idempotent)."""
# expects: nothing
# style: sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
y = torch.randint(0, 5, (1000,))
x = 1.4 * torch.randn(5, 10)[y] + torch.randn(1000, 10)
net = nn.Sequential(nn.Linear(10, 40), nn.ReLU(), nn.Linear(40, 5), nn.LogSoftmax(dim=1))
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(6):
    for rows in torch.randperm(800).split(40):
        loss = loss_fn(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(epoch, loss.item(), loss_fn(net(x[800:]), y[800:]).item())
