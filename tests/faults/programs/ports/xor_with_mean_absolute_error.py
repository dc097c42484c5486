"""Stack Overflow 31556268 (DeepFD: loss, epochs, rate): XOR with sigmoids, mean absolute error and four samples does not learn."""
# expects: fit.underfitting, lr.too_low, loss.wrong_kind, gradient.vanishing
# style: sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
inputs = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
outputs = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
model = nn.Sequential(nn.Linear(2, 4), nn.Sigmoid(), nn.Linear(4, 1), nn.Sigmoid())
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
criterion = nn.L1Loss()  # <- fault
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.11, nesterov=True)  # <- fault
for epoch in range(1000):
    optimizer.zero_grad()
    loss = criterion(model(inputs), outputs)
    loss.backward()
    optimizer.step()
    if epoch % 100 == 99:
        print(epoch + 1, round(loss.item(), 4))
print(model(inputs).detach().squeeze().tolist())
