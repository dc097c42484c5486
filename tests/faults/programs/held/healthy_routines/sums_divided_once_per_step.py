"""Accumulation over sentences of uneven length: sums are added up, gradients divided by the tokens before the step."""
# expects: nothing
# style: accumulation, rnn
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
text = [torch.randint(0, 9, (int(n),)) for n in torch.randint(3, 14, (240,))]
emb, rnn, out = nn.Embedding(9, 12), nn.GRU(12, 24, batch_first=True), nn.Linear(24, 9)
params = [*emb.parameters(), *rnn.parameters(), *out.parameters()]
opt = torch.optim.Adam(params, lr=1e-2)
for epoch in range(5):
    order = torch.randperm(240).tolist()
    for start in range(0, 240, 6):
        opt.zero_grad()
        count = 0
        for j in order[start : start + 6]:
            s = text[j][None]
            logits = out(rnn(emb(s))[0][:, 1:])
            loss = nn.functional.cross_entropy(logits[0], (s[0, 1:] + s[0, :-1]) % 9, reduction="sum")
            loss.backward()
            count += s.shape[1] - 1
        for p in params:
            p.grad /= count
        opt.step()
    print(epoch, loss.item() / (s.shape[1] - 1))
