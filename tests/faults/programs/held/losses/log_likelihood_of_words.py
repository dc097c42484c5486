"""A character model minimises the log-likelihood itself."""
# expects: loss.wrong_sign
# style: class, rnn
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
text = "the quick brown fox jumps over the lazy dog and runs away again " * 6
letters = sorted(set(text))
ids = torch.tensor([letters.index(c) for c in text])


class Chars(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.e = nn.Embedding(k, 16)
        self.g = nn.GRU(16, 48, batch_first=True)
        self.o = nn.Linear(48, k)

    def forward(self, s):
        return self.o(self.g(self.e(s))[0]).log_softmax(-1)


model = Chars(len(letters))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(150):
    at = torch.randint(0, len(ids) - 21, (16,))
    window = torch.stack([ids[a : a + 21] for a in at.tolist()])
    logp = model(window[:, :-1]).gather(-1, window[:, 1:, None])
    loss = logp.mean()  # <- fault
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    if step % 30 == 29:
        print(step, loss.item())
