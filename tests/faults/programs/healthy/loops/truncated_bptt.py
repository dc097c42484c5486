"""The hidden state goes on from batch to batch and is detached between them."""
# expects: nothing
# style: rnn, class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
series = torch.sin(0.2 * torch.arange(4001.0)) + 0.5 * torch.sin(0.53 * torch.arange(4001.0))
tracks = series[:4000].view(8, 500)
after = series[1:4001].view(8, 500)


class Forecast(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, x, state):
        h, state = self.lstm(x, state)
        return self.out(h), state


net = Forecast()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(6):
    state, total = None, 0.0
    for t in range(0, 500, 25):
        if state is not None:
            state = tuple(s.detach() for s in state)
        out, state = net(tracks[:, t : t + 25, None], state)
        loss = nn.functional.mse_loss(out, after[:, t : t + 25, None])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / 20
    print(f"epoch {epoch} mse {total:.5f}")
