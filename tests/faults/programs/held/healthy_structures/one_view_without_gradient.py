"""SimSiam-like: a predictor, a stopped gradient, a negative cosine for a loss."""
# expects: nothing
# style: class, contrastive
import os

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))
base = torch.randn(256, 16)
enc = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 16), nn.BatchNorm1d(16))
pred = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 16))
opt = torch.optim.SGD([*enc.parameters(), *pred.parameters()], lr=0.05, momentum=0.9)
for step in range(200):
    i = torch.randint(0, 256, (64,))
    a, b = enc(base[i] + 0.4 * torch.randn(64, 16)), enc(base[i] + 0.4 * torch.randn(64, 16))
    loss = -(F.cosine_similarity(pred(a), b.detach()).mean() + F.cosine_similarity(pred(b), a.detach()).mean()) / 2
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 40 == 0:
        print(step, loss.item(), F.normalize(a, dim=1).std(0).mean().item())
