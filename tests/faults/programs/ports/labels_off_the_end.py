"""Labels 1..5 with five outputs: the loss raises 'Target 5 is out of bounds' (off by one that shows itself)."""
# expects: data.labels_out_of_range
# exit: 1
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
        loss = nn.functional.cross_entropy(net(review[i]), stars[i])  # <- fault
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
