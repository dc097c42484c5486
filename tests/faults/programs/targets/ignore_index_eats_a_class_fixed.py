"""The twin of ignore_index_eats_a_class.py without its fault: no class is ignored."""
# expects: nothing
# style: cnn, class
import os

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
raw = load_digits()
x = torch.tensor(raw.images, dtype=torch.float32)[:, None] / 8.0 - 1.0
y = torch.tensor(raw.target)
shuffled = torch.randperm(len(y), generator=torch.Generator().manual_seed(3))
x, y = x[shuffled], y[shuffled]


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 12, 3, padding=1)
        self.c2 = nn.Conv2d(12, 24, 3, padding=1)
        self.head = nn.Linear(24 * 2 * 2, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.head(x.flatten(1))


net = ConvNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(8):
    net.train()
    for rows in torch.randperm(1400).split(50):
        out = net(x[rows])
        loss = loss_fn(out, y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        guess = net(x[1400:]).argmax(1)
    print("epoch", epoch, "acc", f"{(guess == y[1400:]).float().mean():.3f}", "zeros found", int((guess == 0).sum()))
