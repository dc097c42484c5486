"""The twin of labels_off_the_end.py without its fault: less one."""
# expects: nothing
# style: sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
stars = torch.randint(1, 6, (500,))
review = torch.randn(500, 8) + 0.8 * (stars.unsqueeze(1) - 3)
net = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 5))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(10):
    for i in torch.randperm(500).split(25):
        loss = nn.functional.cross_entropy(net(review[i]), stars[i] - 1)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
