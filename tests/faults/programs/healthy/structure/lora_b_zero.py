"""LoRA: B starts at zero, A gets no gradient at the very first step, the base is frozen on purpose."""
# expects: nothing
# style: lora, class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class LoRA(nn.Module):
    def __init__(self, base, r=8):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Linear(base.in_features, r, bias=False)
        self.up = nn.Linear(r, base.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


def fit(net, params, x, y, epochs):
    opt = torch.optim.AdamW(params, lr=1e-2, weight_decay=0.0)
    for epoch in range(epochs):
        for rows in torch.randperm(len(x)).split(40):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(epoch, round(loss.item(), 4))


x = torch.randn(800, 12)
first = (x @ torch.randn(12, 4)).argmax(1)
net = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
fit(net, net.parameters(), x, first, 5)
second = (first + (x[:, 0] > 0).long()) % 4
for i in (0, 2):
    net[i] = LoRA(net[i])
fit(net, [p for p in net.parameters() if p.requires_grad], x, second, 20)
