"""A linear warm-up whose first rate is zero, then the inverse square root (transformer style)."""
# expects: nothing
# style: scheduler, class
import os
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(30, 24)
        self.lstm = nn.LSTM(24, 24, batch_first=True)
        self.out = nn.Linear(24, 2)

    def forward(self, t):
        return self.out(self.lstm(self.embed(t))[0].amax(1))


tokens = torch.randint(0, 30, (800, 12))
label = (tokens == 7).any(1).long()
tokens[:400, 5], label[:400] = 7, 1
mix = torch.randperm(800)
tokens, label = tokens[mix], label[mix]
net = Net()
opt = torch.optim.Adam(net.parameters(), lr=2e-2)
warm = 20
sched = LambdaLR(opt, lambda s: min(s / warm, (warm / max(s, 1)) ** 0.5))
for epoch in range(6):
    for rows in torch.randperm(800).split(40):
        loss = nn.functional.cross_entropy(net(tokens[rows]), label[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
    print(f"epoch {epoch} loss {loss.item():.4f} lr {sched.get_last_lr()[0]:.4f}")
