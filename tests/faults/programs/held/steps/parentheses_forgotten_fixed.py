"""The twin of parentheses_forgotten.py without its fault: it is called."""
# expects: nothing
# style: class, seq2seq, rnn
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Reverse(nn.Module):
    def __init__(self, k=8, d=48):
        super().__init__()
        self.emb = nn.Embedding(k + 1, d)
        self.enc, self.dec = nn.GRU(d, d, batch_first=True), nn.GRU(d, d, batch_first=True)
        self.out = nn.Linear(d, k)

    def forward(self, src, before):
        _, h = self.enc(self.emb(src))
        return self.out(self.dec(self.emb(before), h)[0])


net = Reverse()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(250):
    src = torch.randint(0, 8, (32, 4))
    goal = src.flip(1)
    before = torch.cat([torch.full((32, 1), 8), goal[:, :-1]], 1)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(src, before).flatten(0, 1), goal.flatten())
    loss.backward()
    optimizer.step()
    if step % 50 == 49:
        print(f"step {step}: {loss:.3f}")
