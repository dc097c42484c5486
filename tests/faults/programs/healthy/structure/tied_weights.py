"""A language model whose output layer shares its matrix with the embedding."""
# expects: nothing
# style: rnn, class
import os
import torch
import torch.nn as nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
text = "the cat sat on the mat and the dog sat on the log while the cat saw the dog " * 20
chars = sorted(set(text))
ids = torch.tensor([chars.index(c) for c in text])


class TiedLM(nn.Module):
    def __init__(self, vocab, width=32):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        nn.init.normal_(self.embed.weight, std=0.1)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.Linear(width, vocab)
        self.decoder.weight = self.embed.weight

    def forward(self, x):
        return self.decoder(self.rnn(self.embed(x))[0])


net = TiedLM(len(chars))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
length = 24
for step in range(150):
    starts = torch.randint(0, len(ids) - length - 1, (20,))
    x = torch.stack([ids[s : s + length] for s in starts])
    y = torch.stack([ids[s + 1 : s + length + 1] for s in starts])
    loss = nn.functional.cross_entropy(net(x).flatten(0, 1), y.flatten())
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    if step % 25 == 0:
        print(step, loss.item())
