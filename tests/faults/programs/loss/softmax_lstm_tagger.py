"""An LSTM classifier whose last line is softmax, followed by F.cross_entropy (a common port from Keras)."""
# expects: loss.softmax_before_cross_entropy
# style: rnn, functions
import os
import torch
from torch import nn
from torch.nn import functional as F

gen = torch.Generator().manual_seed(100 + int(os.environ.get("SEED", 0)))
torch.manual_seed(int(os.environ.get("SEED", 0)))

VOCAB, LENGTH, CLASSES = 20, 15, 5


def make_sentences(n):
    labels = torch.randint(0, CLASSES, (n,), generator=gen)
    tokens = torch.randint(0, VOCAB, (n, LENGTH), generator=gen)
    # a sentence of class c has the word c in three places
    for row, label in enumerate(labels.tolist()):
        where = torch.randperm(LENGTH, generator=gen)[:3]
        tokens[row, where] = label
        others = (tokens[row] < CLASSES) & (tokens[row] != label)
        tokens[row, others] += CLASSES
    return tokens, labels


emb, lstm, out = nn.Embedding(VOCAB, 16), nn.LSTM(16, 32, batch_first=True), nn.Linear(32, CLASSES)
params = [*emb.parameters(), *lstm.parameters(), *out.parameters()]
opt = torch.optim.Adam(params, lr=5e-3)


def predict(tokens):
    states, _ = lstm(emb(tokens))
    scores = out(states.mean(1))
    return scores.softmax(-1)  # <- fault


tokens, labels = make_sentences(800)
for epoch in range(8):
    losses = []
    for chunk in torch.randperm(800).split(40):
        loss = F.cross_entropy(predict(tokens[chunk]), labels[chunk])  # <- fault
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    print(f"[{epoch}] {sum(losses) / len(losses):.4f}")
