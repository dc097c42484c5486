"""The chapter on recurrent networks and the gated ones of the next, a program a section."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fathom.d2l import torch as d2l

ALPHABET = "the quick brown fox jumps over the lazy dog and then it has a nap, 42 times. "


@pytest.fixture
def novel(monkeypatch):
    """Put a text that repeats itself in the place of the novel."""
    monkeypatch.setattr(d2l.TimeMachine, "_download", lambda self: ALPHABET * 30)


def perplexities(model, part="val"):
    return [point.y for point in model.board.data[f"{part}_ppl"]]


def test_a_series_is_predicted_step_by_step():
    """Working with Sequences: a data module that makes its features late; one step and many ahead."""

    class Data(d2l.DataModule):
        def __init__(self, batch_size=16, T=1000, num_train=600, tau=4):
            self.save_hyperparameters()
            self.time = d2l.arange(1, T + 1, dtype=d2l.float32)
            self.x = d2l.sin(0.01 * self.time) + d2l.randn(T) * 0.2

    @d2l.add_to_class(Data)
    def get_dataloader(self, train):
        self.features = d2l.stack([self.x[i : self.T - self.tau + i] for i in range(self.tau)], 1)
        self.labels = d2l.reshape(self.x[self.tau :], (-1, 1))
        rows = slice(0, self.num_train) if train else slice(self.num_train, None)
        return self.get_tensorloader([self.features, self.labels], train, rows)

    data = Data()
    d2l.plot(data.time, data.x, "time", "x", xlim=[1, 1000], figsize=(6, 3))
    model = d2l.LinearRegression(lr=0.01)
    d2l.Trainer(max_epochs=5).fit(model, data)
    one_step = d2l.numpy(model(data.features))
    assert float(((model(data.features) - data.labels) ** 2).mean().detach()) < 0.12

    multistep = d2l.zeros(data.T)
    multistep[:] = data.x
    for i in range(data.num_train + data.tau, data.T):
        multistep[i] = model(d2l.reshape(multistep[i - data.tau : i], (1, -1)))
    multistep = d2l.numpy(multistep)
    assert abs(multistep[-1]) < abs(multistep[data.num_train])  # it decays to a constant
    start = data.num_train + data.tau
    d2l.plot(
        [data.time[data.tau :], data.time[start:]],
        [one_step, multistep[start:]],
        "time",
        "x",
        legend=["1-step", "multistep"],
        figsize=(6, 3),
    )
    assert [len(line.get_xdata()) for line in d2l.plt.gca().lines] == [996, 396]


def test_text_becomes_numbers(novel, monkeypatch):
    """Converting Raw Text into Sequence Data."""

    class Text(d2l.DataModule):
        pass

    data = Text()
    raw = d2l.TimeMachine._download(None)
    text = d2l.TimeMachine._preprocess(data, raw)
    assert text[:20] == ALPHABET[:20]
    assert not set(text) - set("abcdefghijklmnopqrstuvwxyz ")
    vocab = d2l.Vocab(list(text))
    indices = vocab[list(text[:10])]
    assert vocab.to_tokens(indices) == list(text[:10])
    assert vocab["€"] == vocab.unk == vocab.token_to_idx["<unk>"]
    assert vocab.idx_to_token == sorted(vocab.idx_to_token)

    words = text.split()
    vocab = d2l.Vocab(words)
    assert vocab.token_freqs[0] == ("the", 60)
    bigrams = d2l.Vocab(["--".join(pair) for pair in itertools.pairwise(words)])
    freqs = [[freq for _, freq in v.token_freqs] for v in (vocab, bigrams)]
    d2l.plot(freqs, xlabel="token: x", ylabel="frequency: n(x)", xscale="log", yscale="log", legend=["uni", "bi"])
    assert d2l.plt.gca().get_xscale() == "log"


def test_vocabularies():
    vocab = d2l.Vocab([["b", "a", "b"], ["c", "b", "a"]], min_freq=2, reserved_tokens=["<pad>"])
    assert vocab.idx_to_token == ["<pad>", "<unk>", "a", "b"]
    assert vocab.token_freqs == [("b", 3), ("a", 2), ("c", 1)]
    assert vocab[["a", ["b", "c"]]] == [2, [3, 1]]
    assert len(vocab) == 4
    assert vocab.to_tokens(2) == vocab.to_tokens(torch.tensor(2)) == "a"
    assert vocab.to_tokens(torch.tensor([2, 3])) == ["a", "b"]
    assert vocab.to_tokens([2]) == ["a"]
    assert len(d2l.Vocab()) == 1


def test_tuples_are_tokens_and_come_after_strings():
    pairs = [("b", "a"), ("a", "b"), ("b", "a")]
    vocab = d2l.Vocab(pairs, reserved_tokens=["<pad>"])
    assert vocab.token_freqs == [(("b", "a"), 2), (("a", "b"), 1)]
    assert vocab.idx_to_token == ["<pad>", "<unk>", ("a", "b"), ("b", "a")]
    assert d2l.Vocab([pairs, pairs]).token_freqs == [(("b", "a"), 4), (("a", "b"), 2)]
    assert vocab["a", "<pad>"] == [1, 0]  # an index of several tokens, as in the book


def test_pieces_of_text_and_what_follows_them(novel):
    """Language Models: the book's way to the arrays against the package's."""
    data = d2l.TimeMachine(batch_size=2, num_steps=10)
    corpus, vocab = data.build(ALPHABET * 30)
    assert vocab.idx_to_token == data.vocab.idx_to_token
    array = torch.tensor([corpus[i : i + 11] for i in range(len(corpus) - 10)])
    assert torch.equal(data.X, array[:, :-1])
    assert torch.equal(data.Y, array[:, 1:])
    for X, Y in data.train_dataloader():
        assert X.shape == Y.shape == (2, 10)
        assert torch.equal(X[:, 1:], Y[:, :-1])
        break


def test_the_real_novel(shared_data):
    data = d2l.TimeMachine(batch_size=1024, num_steps=32)
    assert len(data.vocab) == 28
    assert data.vocab.token_freqs[1:3] == [("e", 17838), ("t", 13515)]
    assert len(data.train_dataloader()) == 10  # of 10,000 pieces
    assert len(data.val_dataloader()) == 5
    text = d2l.TimeMachine._preprocess(data, data._download())
    assert len(text) == 173_428
    assert d2l.Vocab(text.split()).token_freqs[0] == ("the", 2261)  # the counts that the book prints


def test_a_recurrent_step_is_one_product_or_two():
    """Recurrent Neural Networks."""
    X, W_xh, H, W_hh = d2l.randn(3, 1), d2l.randn(1, 4), d2l.randn(3, 4), d2l.randn(4, 4)
    both = d2l.matmul(X, W_xh) + d2l.matmul(H, W_hh)
    assert torch.allclose(both, d2l.matmul(d2l.concat((X, H), 1), d2l.concat((W_xh, W_hh), 0)), atol=1e-5)


def test_recurrent_layer_from_scratch(novel):
    """Recurrent Neural Network Implementation from Scratch."""
    batch_size, num_inputs, num_hiddens, num_steps = 2, 16, 32, 20
    rnn = d2l.RNNScratch(num_inputs, num_hiddens)
    X = d2l.rand((num_steps, batch_size, num_inputs))
    outputs, state = rnn(X)
    d2l.check_len(outputs, num_steps)
    d2l.check_shape(outputs[0], (batch_size, num_hiddens))
    d2l.check_shape(state, (batch_size, num_hiddens))
    with pytest.raises(AssertionError, match=r"shape \(2, 32\), expected \(3, 32\)"):
        d2l.check_shape(state, (3, 32))
    with pytest.raises(AssertionError, match="length 20, expected 1"):
        d2l.check_len(outputs, 1)

    twin = nn.RNN(num_inputs, num_hiddens)
    with torch.no_grad():
        twin.weight_ih_l0.copy_(rnn.W_xh.T)
        twin.weight_hh_l0.copy_(rnn.W_hh.T)
        twin.bias_ih_l0.copy_(rnn.b_h)
        twin.bias_hh_l0.zero_()
    expected, expected_state = twin(X)
    assert torch.allclose(d2l.stack(outputs, 0), expected, atol=1e-6)
    assert torch.allclose(state, expected_state[0], atol=1e-6)
    halves = [rnn(X[:10, :1]), None]
    halves[1] = rnn(X[10:, :1], halves[0][1])  # a state is taken up again
    assert torch.allclose(halves[1][1], state[:1], atol=1e-6)

    model = d2l.RNNLMScratch(rnn, num_inputs)
    d2l.check_shape(model(d2l.ones((batch_size, num_steps), dtype=d2l.int64)), (batch_size, num_steps, num_inputs))
    tokens = torch.tensor([[0, 2], [1, 3], [5, 15]])
    assert torch.equal(model.one_hot(tokens), F.one_hot(tokens.T, num_inputs).float())

    data = d2l.TimeMachine(batch_size=100, num_steps=8, num_train=1000, num_val=200)
    rnn = d2l.RNNScratch(num_inputs=len(data.vocab), num_hiddens=32, sigma=0.1)
    model = d2l.RNNLMScratch(rnn, vocab_size=len(data.vocab), lr=1)
    trainer = d2l.Trainer(max_epochs=15, gradient_clip_val=1, num_gpus=1)
    trainer.fit(model, data)
    assert perplexities(model)[-1] < 0.5 * perplexities(model)[0] < len(data.vocab)
    assert perplexities(model) == sorted(perplexities(model), reverse=True)
    text = model.predict("it has", 20, data.vocab, d2l.try_gpu())
    assert text.startswith("it has")
    assert len(text) == 26
    again = model.predict("it has", 20, data.vocab)
    assert again == text


@pytest.mark.parametrize("size", [0.5, 50.0])
def test_clipping(size):
    """The reader's formula against the package's method; a parameter without a gradient is left alone."""
    model = d2l.LinearRegression(lr=0.1)
    model.unused = nn.Parameter(torch.ones(2))
    (model(torch.randn(8, 3)) * size).pow(2).mean().backward()
    norm = torch.sqrt(sum(p.grad.pow(2).sum() for p in model.net.parameters()))
    expected = [p.grad * min(1, 1 / float(norm)) for p in model.net.parameters()]
    d2l.Trainer(max_epochs=1).clip_gradients(1, model)
    for p, gradient in zip(model.net.parameters(), expected, strict=True):
        assert torch.allclose(p.grad, gradient, rtol=1e-4)
    assert model.unused.grad is None


class LSTM(d2l.RNN):
    def __init__(self, num_inputs, num_hiddens):
        d2l.Module.__init__(self)
        self.save_hyperparameters()
        self.rnn = nn.LSTM(num_inputs, num_hiddens)

    def forward(self, inputs, H_C=None):
        return self.rnn(inputs, H_C)


class BiGRU(d2l.RNN):
    def __init__(self, num_inputs, num_hiddens):
        d2l.Module.__init__(self)
        self.save_hyperparameters()
        self.rnn = nn.GRU(num_inputs, num_hiddens, bidirectional=True)
        self.num_hiddens *= 2


@pytest.mark.parametrize("layer", [d2l.RNN, lambda n, h: d2l.GRU(n, h, num_layers=2), LSTM, BiGRU])
def test_recurrent_layers_of_torch(novel, layer):
    """Concise RNN, GRU, deep GRU, LSTM; a layer in both directions."""
    data = d2l.TimeMachine(batch_size=100, num_steps=8, num_train=1000, num_val=200)
    model = d2l.RNNLM(layer(len(data.vocab), 24), vocab_size=len(data.vocab), lr=2)
    assert len(model.predict("it has", 5, data.vocab)) == 11  # before training, with lazy layers
    assert model.linear.in_features == model.rnn.num_hiddens
    d2l.Trainer(max_epochs=8, gradient_clip_val=1, num_gpus=1).fit(model, data)
    assert perplexities(model)[-1] < 0.8 * perplexities(model)[0]


def test_gates_from_scratch(novel):
    """LSTM and GRU from scratch, on the package's ``RNNLMScratch``; the state may be a pair."""

    class LSTMScratch(d2l.Module):
        def __init__(self, num_inputs, num_hiddens, sigma=0.1):
            super().__init__()
            self.save_hyperparameters()
            self.W_x = nn.Parameter(d2l.randn(4, num_inputs, num_hiddens) * sigma)
            self.W_h = nn.Parameter(d2l.randn(4, num_hiddens, num_hiddens) * sigma)
            self.b = nn.Parameter(d2l.zeros(4, 1, num_hiddens))

    @d2l.add_to_class(LSTMScratch)
    def forward(self, inputs, H_C=None):
        H, C = [d2l.zeros((inputs.shape[1], self.num_hiddens), device=inputs.device)] * 2 if H_C is None else H_C
        outputs = []
        for X in inputs:
            I, F, O, G = d2l.matmul(X, self.W_x) + d2l.matmul(H, self.W_h) + self.b
            C = d2l.sigmoid(F) * C + d2l.sigmoid(I) * d2l.tanh(G)
            H = d2l.sigmoid(O) * d2l.tanh(C)
            outputs.append(H)
        return outputs, (H, C)

    data = d2l.TimeMachine(batch_size=100, num_steps=8, num_train=1000, num_val=200)
    lstm = LSTMScratch(num_inputs=len(data.vocab), num_hiddens=24)
    model = d2l.RNNLMScratch(lstm, vocab_size=len(data.vocab), lr=4)
    d2l.Trainer(max_epochs=8, gradient_clip_val=1, num_gpus=1).fit(model, data)
    assert perplexities(model)[-1] < perplexities(model)[0]
    assert len(model.predict("it has", 5, data.vocab)) == 11


def test_layers_above_one_another_and_in_both_directions(novel):
    """Deep and bidirectional networks made of ``RNNScratch``."""

    class Stacked(d2l.Module):
        def __init__(self, num_inputs, num_hiddens, num_layers, sigma=0.1):
            super().__init__()
            self.save_hyperparameters()
            sizes = [num_inputs, *[num_hiddens] * (num_layers - 1)]
            self.rnns = nn.Sequential(*(d2l.RNNScratch(size, num_hiddens, sigma) for size in sizes))

        def forward(self, inputs, Hs=None):
            outputs = inputs
            Hs = [None] * self.num_layers if Hs is None else Hs
            for i in range(self.num_layers):
                outputs, Hs[i] = self.rnns[i](outputs, Hs[i])
                outputs = d2l.stack(outputs, 0)
            return outputs, Hs

    class Bidirectional(d2l.Module):
        def __init__(self, num_inputs, num_hiddens, sigma=0.1):
            super().__init__()
            self.save_hyperparameters()
            self.f_rnn = d2l.RNNScratch(num_inputs, num_hiddens, sigma)
            self.b_rnn = d2l.RNNScratch(num_inputs, num_hiddens, sigma)
            self.num_hiddens *= 2

        def forward(self, inputs, Hs=None):
            f_H, b_H = Hs if Hs is not None else (None, None)
            f_outputs, f_H = self.f_rnn(inputs, f_H)
            b_outputs, b_H = self.b_rnn(reversed(inputs), b_H)
            outputs = [d2l.concat((f, b), -1) for f, b in zip(f_outputs, reversed(b_outputs), strict=True)]
            return outputs, (f_H, b_H)

    X = d2l.randn(5, 2, 6)
    both, _ = Bidirectional(6, 4)(X)
    d2l.check_len(both, 5)
    d2l.check_shape(both[0], (2, 8))
    data = d2l.TimeMachine(batch_size=100, num_steps=8, num_train=1000, num_val=200)
    model = d2l.RNNLMScratch(Stacked(len(data.vocab), 24, 2), vocab_size=len(data.vocab), lr=2)
    d2l.Trainer(max_epochs=8, gradient_clip_val=1, num_gpus=1).fit(model, data)
    assert perplexities(model)[-1] < perplexities(model)[0]
    assert len(model.predict("it has", 5, data.vocab)) == 11
    loss = math.log(perplexities(model, "train")[-1])
    assert 0 < loss < math.log(len(data.vocab))
