"""The twin of grades_counted_from_one.py without its fault: grades from 0 and five outputs."""
# expects: nothing
# style: class, embedding
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
essay = torch.randint(0, 40, (700, 10))
good = (essay < 20).sum(1)
grade = (good // 2).clamp(1, 5) - 1


class Grader(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(40, 16)
        self.out = nn.Linear(16, 5)

    def forward(self, ids):
        return self.out(self.bag(ids))


net = Grader()
opt = torch.optim.Adam(net.parameters(), lr=2e-2)
for epoch in range(10):
    for ids, g in DataLoader(TensorDataset(essay, grade), batch_size=35, shuffle=True):
        loss = nn.functional.cross_entropy(net(ids), g)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
