"""All parameters go to the optimiser, those of the embedding have requires_grad=False: common and harmless."""
# expects: nothing
# style: rnn, class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class WithVectors(nn.Module):
    def __init__(self, vectors):
        super().__init__()
        self.embed = nn.Embedding.from_pretrained(vectors, freeze=True)
        self.gru = nn.GRU(vectors.shape[1], 24, batch_first=True)
        self.out = nn.Linear(24, 3)

    def forward(self, t):
        return self.out(self.gru(self.embed(t))[1][-1])


vectors = torch.randn(50, 16)
tone = torch.randint(0, 3, (50,))
tokens = torch.randint(0, 50, (900, 8))
label = torch.stack([(tone[tokens] == c).sum(1) for c in range(3)], 1).argmax(1)
net = WithVectors(vectors)
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(8):
    for rows in torch.randperm(900).split(45):
        loss = nn.functional.cross_entropy(net(tokens[rows]), label[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(f"{epoch}: {loss.item():.4f}")
