"""The twin of attention_over_nothing.py without its fault: an empty note attends to its first place."""
# expects: nothing
# style: class, transformer
import os

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))
notes = torch.randn(400, 7, 12)
length = torch.randint(1, 8, (400,))
length[180] = 1
mask = torch.arange(7)[None] < length[:, None]
label = ((notes[:, :, 0] * mask).sum(1) > 0).long()


class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.value, self.key, self.out = nn.Linear(12, 24), nn.Linear(12, 1), nn.Linear(24, 2)

    def forward(self, x, mask):
        weight = self.key(x).squeeze(-1).masked_fill(~mask, float("-inf")).softmax(1)
        return self.out((weight[..., None] * self.value(x).tanh()).sum(1))


pool = Pool()
opt = torch.optim.Adam(pool.parameters(), lr=5e-3)
for epoch in range(12):
    for i in range(0, 400, 40):
        loss = F.cross_entropy(pool(notes[i : i + 40], mask[i : i + 40]), label[i : i + 40])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
