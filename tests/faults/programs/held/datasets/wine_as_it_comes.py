"""Wine straight from the table: proline is a thousand times flavanoids."""
# expects: data.not_scaled, loss.oscillates, lr.too_high
# style: class, sklearn
import os

import torch
from torch import nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
X, y = load_wine(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, random_state=seed, stratify=y)
scaler = StandardScaler().fit(X)
X, X_test = torch.tensor(X).float(), torch.tensor(X_test).float()  # <- fault
y, y_test = torch.tensor(y), torch.tensor(y_test)


class Wine(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))

    def forward(self, x):
        return self.layers(x)


net = Wine()
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
for epoch in range(30):
    for i in torch.randperm(len(X)).split(19):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(X[i]), y[i])
        loss.backward()
        opt.step()
print("test accuracy", (net(X_test).argmax(1) == y_test).float().mean().item())
