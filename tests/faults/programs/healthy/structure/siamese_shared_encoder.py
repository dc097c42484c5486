"""One encoder sees both images of a pair: its hook fires twice per step by design."""
# expects: nothing
# style: class, cnn
import os
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 16))
        self.compare = nn.Linear(16, 1)

    def forward(self, a, b):
        return self.compare((self.encoder(a) - self.encoder(b)).abs()).squeeze(1)


group = torch.randint(0, 6, (600,))
data = 1.5 * torch.randn(6, 12)[group] + 0.6 * torch.randn(600, 12)
net = Siamese()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(200):
    i = torch.randint(0, 600, (48,))
    j = torch.randint(0, 600, (48,))
    for n in range(24):  # half of the pairs are of one group
        same = (group == group[i[n]]).nonzero().squeeze(1)
        j[n] = same[torch.randint(0, len(same), ())]
    loss = F.binary_cross_entropy_with_logits(net(data[i], data[j]), (group[i] == group[j]).float())
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 40 == 0:
        print(f"step {step} loss {loss.item():.4f}")
