"""Linear regression by SGD in the book's way: tiny, converges in the first epoch, then the loss is noise."""
# expects: nothing
# style: regression, sequential
import os
import torch
from torch import nn
from torch.utils import data

torch.manual_seed(int(os.environ.get("SEED", 0)))
true_w = torch.tensor([2, -3.4])
X = torch.normal(0, 1, (1000, 2))
y = (X @ true_w + 4.2 + torch.normal(0, 0.01, (1000,))).reshape(-1, 1)
data_iter = data.DataLoader(data.TensorDataset(X, y), 10, shuffle=True)
net = nn.Sequential(nn.Linear(2, 1))
net[0].weight.data.normal_(0, 0.01)
net[0].bias.data.fill_(0)
loss = nn.MSELoss()
trainer = torch.optim.SGD(net.parameters(), lr=0.03)
for epoch in range(3):
    for Xb, yb in data_iter:
        l = loss(net(Xb), yb)
        trainer.zero_grad()
        l.backward()
        trainer.step()
    print(f"epoch {epoch + 1}, loss {loss(net(X), y).item():f}")
