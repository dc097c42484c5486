"""The twin of too_low_adam_gru.py without its fault: lr 1e-2."""
# expects: nothing
# style: rnn, class
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class SignCounter(nn.Module):
    """Which sign is more frequent in the sequence?"""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 16, batch_first=True)
        self.out = nn.Linear(16, 2)

    def forward(self, x):
        _, h = self.gru(x)
        return self.out(h[-1])


seqs = torch.randn(700, 11, 1)
answer = (seqs.squeeze(-1) > 0).sum(1).gt(5).long()
net = SignCounter()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(12):
    order = torch.randperm(600)
    for i in range(0, 600, 30):
        sel = order[i : i + 30]
        loss = nn.functional.cross_entropy(net(seqs[sel]), answer[sel])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        test = nn.functional.cross_entropy(net(seqs[600:]), answer[600:])
    print(f"{epoch}: test loss {test:.4f}")
