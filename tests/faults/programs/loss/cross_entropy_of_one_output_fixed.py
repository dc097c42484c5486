"""The twin of cross_entropy_of_one_output.py without its fault: two outputs, the real targets."""
# expects: nothing
# style: class, scheduler
import os

import torch
from torch import nn, optim

torch.manual_seed(int(os.environ.get("SEED", 0)))

features = torch.randn(800, 12)
target = (features[:, :4].sum(1) + 0.3 * torch.randn(800) > 0).long()


class Screening(nn.Module):
    """Tells sick from healthy."""

    def __init__(self, width=24):
        super().__init__()
        self.hidden = nn.Linear(12, width)
        self.output = nn.Linear(width, 2)

    def forward(self, x):
        return self.output(torch.relu(self.hidden(x)))


net = Screening()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)
for epoch in range(12):
    running = 0.0
    for i in range(0, 600, 30):
        inputs, wanted = features[i : i + 30], target[i : i + 30]
        optimizer.zero_grad()
        loss = criterion(net(inputs), wanted)
        loss.backward()
        optimizer.step()
        running += loss.item()
    scheduler.step()
    print(f"epoch {epoch}: {running / 20:.4f}")
