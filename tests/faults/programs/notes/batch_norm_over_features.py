"""Slip of the notes: batch norm from scratch takes mean and variance over dim 1 of the whole batch and never uses running values."""
# expects: model.samples_mixed, model.wrong_mode
# style: class, cnn
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class BatchNorm(nn.Module):
    def __init__(self, num_features):
        super().__init__()
        shape = (1, num_features, 1, 1)
        self.gamma = nn.Parameter(torch.ones(shape))
        self.beta = nn.Parameter(torch.zeros(shape))
        self.register_buffer("moving_mean", torch.zeros(shape))
        self.register_buffer("moving_var", torch.ones(shape))

    def forward(self, X):
        if self.training or True:  # <- fault
            mean = X.mean(dim=(0, 2, 3), keepdim=True)
            var = ((X - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
            self.moving_mean = 0.9 * self.moving_mean + 0.1 * mean.detach()
            self.moving_var = 0.9 * self.moving_var + 0.1 * var.detach()
        else:
            mean, var = self.moving_mean, self.moving_var
        return self.gamma * (X - mean) / torch.sqrt(var + 1e-5) + self.beta  # <- fault


net = nn.Sequential(
    nn.Conv2d(1, 6, 3), BatchNorm(6), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(6, 12, 3), BatchNorm(12), nn.ReLU(), nn.Flatten(), nn.Linear(108, 4)
)
where = torch.randint(0, 4, (700,))
X = 0.5 * torch.randn(700, 1, 12, 12)
for i, w in enumerate(where.tolist()):
    X[i, 0, 3 * w : 3 * w + 3] += 1.0
trainer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(5):
    net.train()
    for part in torch.randperm(560).split(40):
        l = nn.functional.cross_entropy(net(X[part]), where[part])
        trainer.zero_grad()
        l.backward()
        trainer.step()
    net.eval()
    with torch.no_grad():
        test = nn.functional.cross_entropy(net(X[560:]), where[560:])
    print(f"epoch {epoch + 1}, loss {l.item():.3f}, test {test.item():.3f}")
