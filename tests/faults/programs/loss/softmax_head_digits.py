"""A Softmax layer closes the network and CrossEntropyLoss adds its own (lightning-bolts#654; DeepFD: wrong last layer)."""
# expects: loss.softmax_before_cross_entropy
# style: sequential
import os

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16.0, y, test_size=0.25, random_state=0, stratify=y)
mean, std = X_train.mean(), X_train.std()
X_train = torch.tensor((X_train - mean) / std, dtype=torch.float32)
X_test = torch.tensor((X_test - mean) / std, dtype=torch.float32)
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

net = nn.Sequential(
    nn.Linear(64, 48),
    nn.ReLU(),
    nn.Linear(48, 10),
    nn.Softmax(dim=1),  # <- fault
)
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)

for epoch in range(25):
    order = torch.randperm(len(X_train))
    total = 0.0
    for i in range(0, len(order), 64):
        idx = order[i : i + 64]
        loss = loss_fn(net(X_train[idx]), y_train[idx])  # <- fault
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(idx)
    with torch.no_grad():
        acc = (net(X_test).argmax(1) == y_test).float().mean().item()
    print(f"epoch {epoch} loss {total / len(order):.4f} test accuracy {acc:.3f}")
