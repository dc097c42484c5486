"""Batches of similar length from a sampler of its own, packed for the LSTM."""
# expects: nothing
# style: rnn, class
import os

import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader

torch.manual_seed(int(os.environ.get("SEED", 0)))
data = []
for _ in range(360):
    s = torch.randint(0, 8, (int(torch.randint(2, 12, ())),))
    data.append((s, int(s[-1] > 3)))
order = sorted(range(360), key=lambda i: len(data[i][0]))
batches = [order[i : i + 20] for i in range(0, 360, 20)]


def collate(rows):
    return pack_sequence([emb_in for emb_in, _ in rows], enforce_sorted=False), torch.tensor([k for _, k in rows])


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb, self.rnn, self.fc = nn.Embedding(8, 12), nn.LSTM(12, 24), nn.Linear(24, 2)

    def forward(self, p):
        p = p._replace(data=self.emb(p.data))
        return self.fc(self.rnn(p)[1][0][0])


net = Packed()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(8):
    for p, k in DataLoader(data, batch_sampler=batches, collate_fn=collate):
        loss = nn.functional.cross_entropy(net(p), k)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
