"""CTC: one class more than letters (the blank), which never is a target."""
# expects: nothing
# style: rnn, class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(6, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, 7)

    def forward(self, x):
        return self.out(self.rnn(x)[0]).log_softmax(-1)


shapes = torch.randn(6, 6)


def batch(n=24):
    words = torch.randint(1, 7, (n, 3))
    words[:, 1] = (words[:, 0] % 6) + 1
    words[:, 2] = (words[:, 1] % 6) + 1
    frames = shapes[words - 1].repeat_interleave(4, dim=1)
    return frames + 0.2 * torch.randn_like(frames), words


net, ctc = Reader(), nn.CTCLoss(blank=0)
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for step in range(120):
    x, words = batch()
    logp = net(x).transpose(0, 1)
    loss = ctc(logp, words, torch.full((24,), 12), torch.full((24,), 3))
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 24 == 0:
        print(step, loss.item())
