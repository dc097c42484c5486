"""Slip of the notes: the function returns its loaders only inside `if resize`, so the caller unpacks None and stops."""
# expects: nothing
# exit: 1
# style: functions
import os
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))


def load_data(batch_size, resize=None):
    images, labels = torch.randn(200, 1, 14, 14), torch.randint(0, 10, (200,))
    if resize:
        images = nn.functional.interpolate(images, (resize, resize))
        train, test = TensorDataset(images[:160], labels[:160]), TensorDataset(images[160:], labels[160:])
        return DataLoader(train, batch_size, shuffle=True), DataLoader(test, batch_size)


train_iter, test_iter = load_data(32)
net = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for X, y in train_iter:
    loss = nn.functional.cross_entropy(net(X), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
