"""The earlier editions' chapters on recurrent networks, a program a section."""

import itertools
import math
import random

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fathom.d2l.v0 import torch as d2l
from fathom.errors import UsageError


def test_sequence_models():
    """A sine with noise, predicted from its last four values."""
    time = d2l.arange(1, 301, dtype=d2l.float32)
    x = d2l.sin(0.05 * time) + d2l.normal(0, 0.1, (300,))
    d2l.plot(time, [x], "time", "x", xlim=[1, 300], figsize=(6, 3))
    features = d2l.zeros((296, 4))
    for i in range(4):
        features[:, i] = x[i : 296 + i]
    labels = d2l.reshape(x[4:], (-1, 1))
    train_iter = d2l.load_array((features[:200], labels[:200]), 16, is_train=True)
    net, loss = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 1)), nn.MSELoss(reduction="none")
    before = d2l.evaluate_loss(net, train_iter, loss)
    trainer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(10):
        for X, y in train_iter:
            trainer.zero_grad()
            loss(net(X), y).sum().backward()
            trainer.step()
    assert d2l.evaluate_loss(net, train_iter, loss) < 0.1 * before
    predictions = net(features)
    d2l.plot([time, time[4:]], [d2l.numpy(x), d2l.numpy(predictions)], "time", "x", legend=["data", "1-step"])
    assert [len(line.get_xdata()) for line in d2l.plt.gca().lines] == [300, 296]


def test_text_preprocessing(shared_data):
    """Counts of the book's text against those that the book prints."""
    lines = d2l.read_time_machine()
    assert len(lines) == 3221
    assert lines[0] == "the time machine by h g wells"
    tokens = d2l.tokenize(lines)
    assert tokens[0] == ["the", "time", "machine", "by", "h", "g", "wells"]
    vocab = d2l.Vocab(tokens)
    assert list(vocab.token_to_idx.items())[:5] == [("<unk>", 0), ("the", 1), ("i", 2), ("and", 3), ("of", 4)]
    assert vocab.token_freqs[:3] == [("the", 2261), ("i", 1267), ("and", 1245)]
    assert vocab[tokens[0]] == [1, 19, 50, 40, 2183, 2184, 400]
    assert vocab.to_tokens(vocab[tokens[0]]) == tokens[0]
    assert vocab["no such word"] == vocab.unk == 0
    corpus, letters = d2l.load_corpus_time_machine()
    assert (len(corpus), len(letters)) == (170580, 28)
    assert len(d2l.load_corpus_time_machine(100)[0]) == 100
    with pytest.raises(UsageError, match="did you mean 'char'"):
        d2l.tokenize(lines, "chars")


def test_vocabulary():
    vocab = d2l.Vocab([["b", "a"], ["b", "c", "b", "c"]], min_freq=2, reserved_tokens=["<pad>"])
    assert vocab.idx_to_token == ["<unk>", "<pad>", "b", "c"]
    assert vocab[["c", "a", "b"]] == [3, 0, 2]
    assert vocab.to_tokens(torch.tensor([2, 3])) == ["b", "c"]
    assert vocab.to_tokens(torch.tensor(2)) == "b"
    assert d2l.Vocab([("a", "b"), ("b", "c"), ("a", "b")]).token_freqs[0] == (("a", "b"), 2)  # pairs are tokens
    assert len(d2l.Vocab()) == 1
    assert d2l.count_corpus(["a", "b", "a"])["a"] == 2


def test_language_models_and_data(shared_data):
    """Frequencies of words, and both ways of cutting a sequence."""
    corpus = [token for line in d2l.tokenize(d2l.read_time_machine()) for token in line]
    freqs = [freq for _, freq in d2l.Vocab(corpus).token_freqs]
    bigrams = d2l.Vocab(list(itertools.pairwise(corpus)))
    assert bigrams.token_freqs[0] == (("of", "the"), 309)
    d2l.plot([freqs, [f for _, f in bigrams.token_freqs]], xlabel="x", ylabel="n(x)", xscale="log", yscale="log")
    assert d2l.plt.gca().get_xscale() == "log"

    sequence = list(range(35))
    for cut in (d2l.seq_data_iter_random, d2l.seq_data_iter_sequential):
        batches = list(cut(sequence, batch_size=2, num_steps=5))
        assert len(batches) in (2, 3)
        for X, Y in batches:
            assert X.shape == Y.shape == (2, 5)
            assert torch.equal(X + 1, Y)
            assert torch.equal(X, X[:, :1] + torch.arange(5))
    X, Y = zip(*d2l.seq_data_iter_sequential(sequence, 2, 5), strict=True)
    assert all(torch.equal(a[:, -1] + 1, b[:, 0]) for a, b in itertools.pairwise(X))  # row goes on with row
    random.seed(0)
    starts = {int(X[0, 0]) for X, _ in d2l.seq_data_iter_random(sequence, 1, 5)}
    assert all(start % 5 == min(starts) for start in starts)

    train_iter, vocab = d2l.load_data_time_machine(4, 10, use_random_iter=True, max_tokens=500)
    assert len(vocab) == 28
    assert isinstance(train_iter, d2l.SeqDataLoader)
    assert train_iter.data_iter_fn is d2l.seq_data_iter_random
    assert next(iter(train_iter))[0].shape == (4, 10)
    assert len(train_iter.corpus) == 500


def letters():
    """Batches of a text that repeats itself, and its vocabulary."""
    text = "time traveller " * 40
    vocab = d2l.Vocab(list(text))
    corpus = vocab[list(text)]

    class Batches:
        def __iter__(self):
            return d2l.seq_data_iter_sequential(corpus, 4, 10)

    return Batches(), vocab


def rnn_parts(num_hiddens):
    def get_params(vocab_size, num_hiddens, device):
        shapes = ((vocab_size, num_hiddens), (num_hiddens, num_hiddens), (num_hiddens,), (num_hiddens, vocab_size))
        params = [torch.randn(shape, device=device) * 0.1 for shape in (*shapes, (vocab_size,))]
        return [param.requires_grad_() for param in params]

    def init_state(batch_size, num_hiddens, device):
        return (d2l.zeros((batch_size, num_hiddens), device=device),)

    def forward(inputs, state, params):
        W_xh, W_hh, b_h, W_hq, b_q = params
        (H,), outputs = state, []
        for X in inputs:
            H = d2l.tanh(d2l.matmul(X, W_xh) + d2l.matmul(H, W_hh) + b_h)
            outputs.append(d2l.matmul(H, W_hq) + b_q)
        return d2l.concat(outputs, 0), (H,)

    return get_params, init_state, forward


@pytest.mark.parametrize("use_random_iter", [False, True])
def test_recurrent_network_from_scratch(capsys, use_random_iter):
    train_iter, vocab = letters()
    device = d2l.try_gpu()
    net = d2l.RNNModelScratch(len(vocab), 32, device, *rnn_parts(32))
    state = net.begin_state(2, device)
    Y, new_state = net(d2l.reshape(d2l.arange(10), (2, 5)).to(device), state)
    assert Y.shape == (10, len(vocab))
    assert new_state[0].shape == (2, 32)
    untrained = d2l.predict_ch8("time ", 10, net, vocab, device)
    assert len(untrained) == 15
    assert untrained.startswith("time ")
    d2l.train_ch8(net, train_iter, vocab, 1, 20, device, use_random_iter=use_random_iter)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 5  # every ten epochs, perplexity, two samples
    perplexity = float(printed[2].split()[1].rstrip(","))
    assert 1 <= perplexity < 6
    assert f"tokens/sec on {device}" in printed[2]
    assert printed[3].startswith("time traveller")
    assert printed[4].startswith("traveller")


@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_recurrent_layers(layer, bidirectional):
    """Concise recurrent networks: plain, gated, long short-term, in both directions, several layers."""
    _, vocab = letters()
    model = d2l.RNNModel(layer(len(vocab), 16, 2, bidirectional=bidirectional), len(vocab)).to(d2l.try_gpu())
    assert model.num_directions == 1 + bidirectional
    X = torch.tensor([vocab[list("time")]] * 3)
    state = model.begin_state(d2l.try_gpu(), batch_size=3)
    Y, new_state = model(X, state)
    assert Y.shape == (12, len(vocab))
    expected, _ = model.rnn(F.one_hot(X.T, len(vocab)).float(), state)
    assert torch.allclose(Y, model.linear(expected.flatten(0, 1)))
    assert isinstance(new_state, tuple) == (layer is nn.LSTM)


def test_concise_network_learns(capsys):
    train_iter, vocab = letters()
    model = d2l.RNNModel(nn.GRU(len(vocab), 32), len(vocab))
    d2l.train_ch8(model, train_iter, vocab, 2, 20, d2l.try_gpu())
    assert d2l.predict_ch8("time traveller", 15, model, vocab, d2l.try_gpu()) == "time traveller time traveller"
    assert float(capsys.readouterr().out.splitlines()[2].split()[1].rstrip(",")) < 2


def test_perplexity_is_the_exponential_of_the_mean_loss():
    train_iter, vocab = letters()
    model = d2l.RNNModel(nn.RNN(len(vocab), 4), len(vocab))
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    stand_still = torch.optim.SGD(model.parameters(), lr=0.0)
    perplexity, speed = d2l.train_epoch_ch8(
        model, train_iter, nn.CrossEntropyLoss(), stand_still, torch.device("cpu"), use_random_iter=False
    )
    assert perplexity == pytest.approx(len(vocab), rel=1e-5)  # knowing nothing is a choice among all
    assert speed > 0


def test_gradient_clipping():
    net = nn.Linear(3, 2)
    for theta in (1e-3, 1e3):
        net.zero_grad()
        net(torch.randn(5, 3)).square().sum().backward()
        before = torch.cat([p.grad.flatten() for p in net.parameters()])
        d2l.grad_clipping(net, theta)
        after = torch.cat([p.grad.flatten() for p in net.parameters()])
        assert torch.allclose(after, before * min(1, theta / before.norm()))
    scratch = d2l.RNNModelScratch(4, 3, "cpu", *rnn_parts(3))
    d2l.grad_clipping(scratch, 1)  # no gradients yet


# Translation


PAIRS = "Go.\tVa !\nHi.\tSalut !\nI see.\tJe comprends.\nI see!\tJe vois !\n"


@pytest.fixture
def translations(monkeypatch):
    from fathom.d2l.topics import old_text

    monkeypatch.setattr(old_text, "read_data_nmt", lambda: PAIRS * 5)


def test_machine_translation_data(translations):
    text = d2l.preprocess_nmt("Ça va,\u202fTom\xa0? Oh!Go.")
    assert text == "ça va , tom ? oh !go ."
    source, target = d2l.tokenize_nmt(d2l.preprocess_nmt(PAIRS))
    assert source == [["go", "."], ["hi", "."], ["i", "see", "."], ["i", "see", "!"]]
    assert target[3] == ["je", "vois", "!"]
    assert len(d2l.tokenize_nmt(PAIRS, 2)[0]) == 3
    assert d2l.truncate_pad([1, 2, 3], 2, 0) == [1, 2]
    assert d2l.truncate_pad([1, 2], 4, 0) == [1, 2, 0, 0]
    vocab = d2l.Vocab(source, min_freq=2, reserved_tokens=["<pad>", "<bos>", "<eos>"])
    array, lengths = d2l.build_array_nmt(source, vocab, 4)
    assert array.shape == (4, 4)
    assert lengths.tolist() == [3, 3, 4, 4]
    assert array[0].tolist() == [vocab["go"], vocab["."], vocab["<eos>"], vocab["<pad>"]]
    train_iter, src_vocab, tgt_vocab = d2l.load_data_nmt(batch_size=2, num_steps=8)
    X, X_len, Y, Y_len = next(iter(train_iter))
    assert X.shape == Y.shape == (2, 8)
    assert X_len.shape == Y_len.shape == (2,)
    assert src_vocab["<bos>"] == tgt_vocab["<bos>"] == 2
    d2l.show_list_len_pair_hist(["source", "target"], "tokens", "count", source, target)


def test_masks():
    X = d2l.tensor([[1, 2, 3], [4, 5, 6]])
    assert d2l.sequence_mask(X, d2l.tensor([1, 2])).tolist() == [[1, 0, 0], [4, 5, 0]]
    masked = d2l.sequence_mask(d2l.ones((2, 3, 4)), d2l.tensor([1, 2]), value=-1)
    assert masked.sum(2).tolist() == [[4, -4, -4], [4, 4, -4]]
    loss = d2l.MaskedSoftmaxCELoss()
    value = loss(d2l.ones((3, 4, 10)), d2l.ones((3, 4), dtype=torch.long), d2l.tensor([4, 2, 0]))
    assert torch.allclose(value, math.log(10) * torch.tensor([1, 0.5, 0]))


class Seq2SeqDecoder(d2l.Decoder):
    """The decoder that the section defines: the state, and the context at every step."""

    def __init__(self, vocab_size, embed_size, num_hiddens, num_layers, dropout=0, **kwargs):
        super().__init__(**kwargs)
        self.embedding = nn.Embedding(vocab_size, embed_size)
        self.rnn = nn.GRU(embed_size + num_hiddens, num_hiddens, num_layers, dropout=dropout)
        self.dense = nn.Linear(num_hiddens, vocab_size)

    def init_state(self, enc_outputs, *args):
        return enc_outputs[1]

    def forward(self, X, state):
        X = self.embedding(X).permute(1, 0, 2)
        context = state[-1].repeat(X.shape[0], 1, 1)
        output, state = self.rnn(d2l.concat((X, context), 2), state)
        return self.dense(output).permute(1, 0, 2), state


def test_sequence_to_sequence(translations, capsys):
    """Encoder, decoder, training with teacher forcing, translation, BLEU."""
    encoder = d2l.Seq2SeqEncoder(vocab_size=10, embed_size=8, num_hiddens=16, num_layers=2)
    output, state = encoder(d2l.zeros((4, 7), dtype=torch.long))
    assert (output.shape, state.shape) == ((7, 4, 16), (2, 4, 16))
    device = d2l.try_gpu()
    train_iter, src_vocab, tgt_vocab = d2l.load_data_nmt(4, 6)
    net = d2l.EncoderDecoder(d2l.Seq2SeqEncoder(len(src_vocab), 16, 32, 1), Seq2SeqDecoder(len(tgt_vocab), 16, 32, 1))
    d2l.train_seq2seq(net, train_iter, 0.02, 30, tgt_vocab, device)
    printed = capsys.readouterr().out
    assert float(printed.split()[1].rstrip(",")) < 0.1
    assert "tokens/sec" in printed
    for english, french in (("Go .", "va !"), ("hi .", "salut !"), ("i see .", "je comprends .")):
        translation, weights = d2l.predict_seq2seq(net, english, src_vocab, tgt_vocab, 6, device)
        assert translation == french
        assert weights == []
        assert d2l.bleu(translation, french, k=2) == 1
    assert d2l.bleu("", "va !", k=2) == 0
    assert d2l.bleu("a b c d", "a b c e", k=2) == pytest.approx((3 / 4) ** 0.5 * (2 / 3) ** 0.25)
