"""log_softmax in forward() with NLLLoss: the right pair, though the output is no logit."""
# expects: nothing
# style: class
import os

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        return F.log_softmax(self.fc2(F.relu(self.fc1(x))), dim=1)


d = load_digits()
x, y = torch.tensor(d.data, dtype=torch.float32) / 8 - 1, torch.tensor(d.target)
order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
train, test = order[:1400], order[1400:]
model = Net()
optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
for epoch in range(6):
    model.train()
    for rows in train[torch.randperm(1400)].split(64):
        optimizer.zero_grad()
        loss = F.nll_loss(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        out = model(x[test])
        print(f"Epoch {epoch}: test loss {F.nll_loss(out, y[test]):.4f}, accuracy {(out.argmax(1) == y[test]).float().mean():.3f}")
