"""Stack Overflow 60335387 (in TrainCheck's set): zero_grad is never called and gradients pile up."""
# expects: step.gradients_not_cleared
# style: functions
import os
import torch
import torch.nn as nn

torch.manual_seed(int(os.environ.get("SEED", 0)))

x = torch.linspace(-2, 2, 400).unsqueeze(1)
y = x**3 - 2 * x + 0.2 * torch.randn_like(x)
x, y = x / x.std(), (y - y.mean()) / y.std()

model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)


def train(epoch):
    loss_sum = 0
    for batch in torch.randperm(400).split(40):
        output = model(x[batch])
        loss = criterion(output, y[batch])
        loss.backward()  # <- fault
        optimizer.step()  # <- fault
        loss_sum += loss.item()
    return loss_sum / 10


for epoch in range(60):
    mean_loss = train(epoch)
    if epoch % 10 == 0:
        print(f"Epoch {epoch}: {mean_loss:.4f}")
