"""Sentences of many lengths: each micro-batch's mean over tokens counts the same, however few tokens it has."""
# expects: step.uneven_accumulation
# style: accumulation, rnn
import os

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

torch.manual_seed(int(os.environ.get("SEED", 0)))
bag = [torch.randint(1, 9, (int(n),)) for n in torch.randint(2, 30, (400,))]
bag.sort(key=len)
emb, rnn, out = nn.Embedding(10, 16), nn.GRU(16, 32, batch_first=True), nn.Linear(32, 9)
params = [*emb.parameters(), *rnn.parameters(), *out.parameters()]
opt = torch.optim.Adam(params, lr=5e-3)
for epoch in range(3):
    for start in torch.randperm(100).tolist():
        opt.zero_grad()
        micro = [bag[start], bag[start + 100], bag[start + 200], bag[start + 299]]
        total = sum(len(s) - 1 for s in micro)
        for sentence in micro:
            s = pad_sequence([sentence], batch_first=True)
            logits = out(rnn(emb(s))[0][:, 1:])
            goal = (s[:, 1:] + s[:, :-1]) % 9
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), goal.flatten()) / len(micro)  # <- fault
            loss.backward()
        opt.step()
    print(epoch, loss.item())
