"""Two losses of one step are sent back one after the other, so gradients are added on purpose."""
# expects: nothing
# style: class, multilabel
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 48), nn.ReLU())
        self.kind, self.size = nn.Linear(48, 3), nn.Linear(48, 1)

    def forward(self, x):
        h = self.body(x)
        return self.kind(h), self.size(h).squeeze(1)


x = torch.randn(900, 8)
kind = (x[:, :3] + 0.2 * torch.randn(900, 3)).argmax(1)
size = x[:, 3] - x[:, 4] * 0.5
net = TwoHeads()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(8):
    for rows in torch.randperm(900).split(45):
        opt.zero_grad()
        scores, guess = net(x[rows])
        first = nn.functional.cross_entropy(scores, kind[rows])
        first.backward(retain_graph=True)
        second = 0.5 * nn.functional.mse_loss(guess, size[rows])
        second.backward()
        opt.step()
    print(f"epoch {epoch}: {first.item():.4f} {second.item():.4f}")
