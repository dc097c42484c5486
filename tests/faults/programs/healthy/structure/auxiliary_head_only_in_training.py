"""An auxiliary classifier is used while training and left out in evaluation (as in Inception)."""
# expects: nothing
# style: class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class WithAux(nn.Module):
    def __init__(self):
        super().__init__()
        self.low = nn.Sequential(nn.Linear(10, 40), nn.ReLU())
        self.high = nn.Sequential(nn.Linear(40, 40), nn.ReLU())
        self.aux, self.main = nn.Linear(40, 4), nn.Linear(40, 4)

    def forward(self, x):
        low = self.low(x)
        out = self.main(self.high(low))
        return (out, self.aux(low)) if self.training else out


y = torch.randint(0, 4, (800,))
x = torch.randn(4, 10)[y] * 1.3 + torch.randn(800, 10)
net, ce = WithAux(), nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for epoch in range(8):
    net.train()
    for rows in torch.randperm(600).split(30):
        out, aux = net(x[rows])
        loss = ce(out, y[rows]) + 0.3 * ce(aux, y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(epoch, loss.item(), (net(x[600:]).argmax(1) == y[600:]).float().mean().item())
