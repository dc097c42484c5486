"""The mean log-likelihood is minimised: the minus is missing (catalogue: loss of wrong sign)."""
# expects: loss.wrong_sign, loss.wrong_kind
# style: class, functions
import os
import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(int(os.environ.get("SEED", 0)))


def moons(n):
    t = torch.rand(n) * torch.pi
    label = torch.randint(0, 2, (n,))
    sign = 1.0 - 2.0 * label
    x = torch.stack([t.cos() + label, sign * t.sin() + 0.4 * label], dim=1)
    return x + 0.15 * torch.randn(n, 2), label


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(2, 32)
        self.l2 = nn.Linear(32, 2)

    def forward(self, x):
        return Categorical(logits=self.l2(torch.relu(self.l1(x))))


x, y = moons(1000)
x_test, y_test = moons(400)
net = Policy()
opt = torch.optim.SGD(net.parameters(), lr=0.05)
for epoch in range(10):
    for part in torch.randperm(1000).split(50):
        loss = net(x[part]).log_prob(y[part]).mean()  # <- fault
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        accuracy = (net(x_test).probs.argmax(1) == y_test).float().mean().item()
    print(f"epoch {epoch}: loss {loss.item():9.3f}  accuracy {accuracy:.3f}")
