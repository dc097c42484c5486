"""The twin of cnn_at_a_millionth.py without its fault: 1e-2."""
# expects: nothing
# style: class, cnn
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
c = torch.randint(0, 4, (400,))
img = 0.4 * torch.randn(400, 1, 12, 12)
for i, k in enumerate(c.tolist()):
    img[i, 0, 3 * k : 3 * k + 3] += 1.0


class Stripes(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 8, 3, padding=1), nn.Linear(288, 4)

    def forward(self, x):
        h = nn.functional.max_pool2d(self.conv(x).relu(), 2)
        return self.fc(h.flatten(1))


net = Stripes()
opt = torch.optim.SGD(net.parameters(), lr=1e-2, momentum=0.9)
for epoch in range(10):
    for i in torch.randperm(400).split(25):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(img[i]), c[i])
        loss.backward()
        opt.step()
    print(epoch, loss.item())
