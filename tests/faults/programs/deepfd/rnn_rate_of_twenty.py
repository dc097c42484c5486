"""A vanilla RNN with SGD at 20 (0.02 was meant): the loss stays above that of guessing (DeepFD: rate)."""
# expects: lr.too_high, gradient.exploding, loss.oscillates, model.saturated_units, loss.not_finite
# style: rnn, class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Parity(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(8, 32, batch_first=True)
        self.head = nn.Linear(32, 5)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.head(states.mean(1))


topic = torch.randint(0, 5, (500,))
x = 0.8 * torch.randn(5, 8)[topic].unsqueeze(1) + torch.randn(500, 9, 8)
net = Parity()
optimizer = torch.optim.SGD(net.parameters(), lr=20.0, momentum=0.9)  # <- fault
for epoch in range(10):
    mean = 0.0
    for rows in torch.randperm(500).split(25):
        loss = nn.functional.cross_entropy(net(x[rows]), topic[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mean += loss.item() / 20
    print(f"epoch {epoch}: {mean:.4f}")
