"""Scheduled sampling: the decoder is fed its own argmax now and then, without gradient through it."""
# expects: nothing
# style: seq2seq, rnn
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
emb, enc, dec, out = nn.Embedding(7, 24), nn.GRU(24, 32, batch_first=True), nn.GRUCell(24, 32), nn.Linear(32, 6)
every = nn.ModuleList([emb, enc, dec, out])
opt = torch.optim.Adam(every.parameters(), lr=5e-3)
for step in range(250):
    src = torch.randint(0, 6, (40, 3))
    h = enc(emb(src))[1][0]
    token, loss = torch.full((40,), 6), 0.0
    for t in range(3):
        h = dec(emb(token), h)
        scores = out(h)
        loss = loss + nn.functional.cross_entropy(scores, src[:, t]) / 3
        token = scores.argmax(1) if torch.rand(()) < step / 500 else src[:, t]
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 0:
        print(step, loss.item())
