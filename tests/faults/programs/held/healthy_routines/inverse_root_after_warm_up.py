"""The schedule of 'Attention is all you need': up for 40 steps, then 1 / sqrt(step)."""
# expects: nothing
# style: scheduler, transformer
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randint(0, 10, (500, 7))
y = (x[:, 0] + x[:, -1] > 9).long()
emb, pos = nn.Embedding(10, 24), nn.Parameter(0.1 * torch.randn(7, 24))
layer, head = nn.TransformerEncoderLayer(24, 3, 48, 0.0, batch_first=True), nn.Linear(24, 2)
params = [*emb.parameters(), pos, *layer.parameters(), *head.parameters()]
opt = torch.optim.Adam(params, lr=5e-3, betas=(0.9, 0.98))
shape = lambda s: min((s + 1) / 40, (40 / (s + 1)) ** 0.5)
plan = torch.optim.lr_scheduler.LambdaLR(opt, shape)
for step in range(250):
    i = torch.randint(0, 500, (40,))
    loss = nn.functional.cross_entropy(head(layer(emb(x[i]) + pos)[:, 0]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
    plan.step()
    if step % 50 == 0:
        print(step, plan.get_last_lr()[0], loss.item())
