"""Skip-gram with negative samples: two tables, logsigmoid, the second starts at zero."""
# expects: nothing
# style: embedding
import os

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))
V = 40
centre, around = nn.Embedding(V, 12), nn.Embedding(V, 12)
nn.init.zeros_(around.weight)
word = torch.randint(0, V, (4000,))
near = (word // 8) * 8 + torch.randint(0, 8, (4000,))
opt = torch.optim.Adam([*centre.parameters(), *around.parameters()], lr=1e-2)
for epoch in range(5):
    for i in torch.randperm(4000).split(80):
        c = centre(word[i])
        good = F.logsigmoid((c * around(near[i])).sum(1))
        fake = around(torch.randint(0, V, (len(i), 4)))
        bad = F.logsigmoid(-(fake @ c[:, :, None]).squeeze(2)).sum(1)
        loss = -(good + bad).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
