"""Five-fold cross-validation with scikit-learn's KFold: a fresh network and optimiser for each fold."""
# expects: nothing
# style: functions
import os

import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import KFold
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
x, y = load_wine(return_X_y=True)
x = torch.tensor(x, dtype=torch.float32)
data = TensorDataset((x - x.mean(0)) / x.std(0), torch.tensor(y))


def fit(train, val):
    model = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(8):
        model.train()
        for xb, yb in train:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(xb), yb)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            found = [(nn.functional.cross_entropy(model(xb), yb).item(), (model(xb).argmax(1) == yb).float().mean().item()) for xb, yb in val]
    return found[0]


results = []
for train, val in KFold(5, shuffle=True, random_state=seed).split(range(len(data))):
    results.append(fit(DataLoader(Subset(data, train.tolist()), 16, shuffle=True), DataLoader(Subset(data, val.tolist()), 64)))
print("loss", sum(r[0] for r in results) / 5, "acc", sum(r[1] for r in results) / 5)
