"""Label smoothing 0.2 over five classes: the loss cannot fall below about 0.7 and is right so."""
# expects: nothing
# style: sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
y = torch.randint(0, 5, (1000,))
x = 1.5 * torch.randn(5, 10)[y] + torch.randn(1000, 10)
net = nn.Sequential(nn.Linear(10, 48), nn.ReLU(), nn.Linear(48, 5))
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.2)
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(10):
    for rows in torch.randperm(800).split(40):
        loss = loss_fn(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(epoch, f"{loss.item():.3f}", (net(x[800:]).argmax(1) == y[800:]).float().mean().item())
