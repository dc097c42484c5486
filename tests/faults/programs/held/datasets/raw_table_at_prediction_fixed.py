"""The twin of raw_table_at_prediction.py without its fault: the scaler is applied there too."""
# expects: nothing
# style: regression, sklearn, sequential
import os

import torch
from torch import nn
from sklearn.datasets import make_regression
from sklearn.preprocessing import StandardScaler

seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
X, y = make_regression(600, 6, noise=3.0, random_state=seed)
X, y = X * [1, 5, 20, 1, 2, 1] + [0, 30, 100, 5, 0, 8], (y - y.mean()) / y.std()
scaler = StandardScaler().fit(X[:450])
as_tensor = lambda a: torch.tensor(a, dtype=torch.float32)
train_x, train_y = as_tensor(scaler.transform(X[:450])), as_tensor(y[:450])[:, None]
model = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 1))
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(25):
    model.train()
    for i in torch.randperm(450).split(45):
        loss = nn.functional.mse_loss(model(train_x[i]), train_y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
model.eval()
with torch.no_grad():
    new = as_tensor(scaler.transform(X[450:]))
    print("test error", nn.functional.mse_loss(model(new), as_tensor(y[450:])[:, None]).item())
