"""The twin of stopped_after_two_epochs.py without its fault: twelve epochs at a higher rate."""
# expects: nothing
# style: rnn, class
import os

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

torch.manual_seed(int(os.environ.get("SEED", 0)))
EPOCHS = 8


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.out(h[-1]).squeeze(1)


sequences, labels = [], []
for _ in range(400):
    length = int(torch.randint(6, 20, ()))
    label = float(torch.rand(()) < 0.5)
    s = torch.randn(length, 5)
    s[:, :2] += 0.9 if label else -0.9
    sequences.append(s)
    labels.append(label)
labels = torch.tensor(labels)
net = Tagger()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
loss_fn = nn.BCEWithLogitsLoss()
for epoch in range(EPOCHS):
    order = torch.randperm(400).tolist()
    for i in range(0, 400, 40):
        rows = order[i : i + 40]
        x = pad_sequence([sequences[r] for r in rows], batch_first=True)
        loss = loss_fn(net(x, torch.tensor([len(sequences[r]) for r in rows])), labels[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")
