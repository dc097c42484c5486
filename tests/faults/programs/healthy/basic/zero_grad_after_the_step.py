"""zero_grad at the end of the loop instead of before backward: the same thing."""
# expects: nothing
# style: cnn, functions
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
k = torch.randint(0, 3, (600,))
img = 0.6 * torch.randn(600, 1, 9, 9)
for i in range(600):
    img[i, 0, 3 * k[i] : 3 * k[i] + 3] += 1.0
net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(392, 3))
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
for epoch in range(5):
    for rows in torch.randperm(600).split(30):
        loss = nn.functional.cross_entropy(net(img[rows]), k[rows])
        loss.backward()
        opt.step()
        opt.zero_grad(set_to_none=False)
    print(epoch, round(loss.item(), 4))
