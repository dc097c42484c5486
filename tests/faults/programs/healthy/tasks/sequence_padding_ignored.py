"""Translation-like targets with padding -100; most positions of short rows teach nothing, on purpose."""
# expects: nothing
# style: rnn, class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Reverser(nn.Module):
    def __init__(self, vocab=10, d=32):
        super().__init__()
        self.embed = nn.Embedding(vocab + 1, d, padding_idx=vocab)
        self.lstm = nn.LSTM(d, d, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * d, vocab)

    def forward(self, x):
        return self.out(self.lstm(self.embed(x))[0])


def batch(n=32, longest=6):
    length = torch.randint(3, longest + 1, (n,))
    x = torch.full((n, longest), 10)
    y = torch.full((n, longest), -100)
    for i, l in enumerate(length.tolist()):
        seq = torch.randint(0, 10, (l,))
        x[i, :l], y[i, :l] = seq, (seq + 3 * torch.arange(l)) % 10
    return x, y


net = Reverser()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for step in range(150):
    x, y = batch()
    loss = nn.functional.cross_entropy(net(x).transpose(1, 2), y)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    if step % 30 == 0:
        print(step, loss.item())
