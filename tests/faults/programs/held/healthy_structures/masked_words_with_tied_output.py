"""Masked words: only the masked places count (-100 elsewhere), the output shares the table of embeddings."""
# expects: nothing
# style: class, transformer
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
V = 15


class Masked(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.table = nn.Embedding(V + 1, d)
        self.place = nn.Embedding(8, d)
        self.layer = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.bias = nn.Parameter(torch.zeros(V))
        nn.init.normal_(self.table.weight, std=0.1)
        nn.init.normal_(self.place.weight, std=0.1)

    def forward(self, ids):
        h = self.layer(self.table(ids) + self.place.weight)
        return h @ self.table.weight[:V].T + self.bias


net = Masked()
opt = torch.optim.AdamW(net.parameters(), lr=3e-3)
for step in range(200):
    start = torch.randint(0, V, (32, 1))
    text = (start + torch.arange(8)) % V
    hidden = torch.rand(32, 8) < 0.25
    hidden[:, 0] |= ~hidden.any(1)
    goal = text.masked_fill(~hidden, -100)
    loss = nn.functional.cross_entropy(net(text.masked_fill(hidden, V)).transpose(1, 2), goal)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 40 == 0:
        print(step, loss.item())
