"""Pixels marked 255 are ignored by the loss (ignore_index outside of the classes), a class for each other pixel."""
# expects: nothing
# style: cnn, class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
n, s = 160, 14
mask = torch.zeros(n, s, s, dtype=torch.long)
for i in range(n):
    r, c = torch.randint(1, 8, (2,)).tolist()
    mask[i, r : r + 5, c : c + 5] = 1 + int(torch.rand(()) < 0.5)
image = torch.stack([(mask == 1).float(), (mask == 2).float()], 1) + 0.5 * torch.randn(n, 2, s, s)
mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1] = 255, 255, 255, 255
net = nn.Sequential(nn.Conv2d(2, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 3, 1))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
loss_fn = nn.CrossEntropyLoss(ignore_index=255)
for epoch in range(14):
    for rows in torch.randperm(n).split(16):
        loss = loss_fn(net(image[rows]), mask[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
