"""The twin of layer_left_out_of_forward.py without its fault: both blocks are used."""
# expects: nothing
# style: class, cnn
import os
import torch
from torch import nn, optim
from torch.nn import functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))


class TwoBlocks(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1 = nn.Conv1d(1, 8, 5, padding=2)
        self.block2 = nn.Conv1d(8, 8, 5, padding=2)
        self.norm = nn.BatchNorm1d(8)
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        x = F.relu(self.block1(x))
        x = F.relu(self.norm(self.block2(x)))
        return self.fc(x.amax(-1))


cls = torch.randint(0, 3, (600,))
time = torch.arange(40).float()
pulse = torch.stack([torch.exp(-((time - 20) ** 2) / w) for w in (2.0, 12.0, 60.0)])
x = pulse[cls].unsqueeze(1) * 2 + 0.2 * torch.randn(600, 1, 40)
net = TwoBlocks()
opt = optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(10):
    net.train()
    for i in torch.randperm(480).split(30):
        loss = F.cross_entropy(net(x[i]), cls[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(epoch, round(loss.item(), 3), (net(x[480:]).argmax(1) == cls[480:]).float().mean().item())
