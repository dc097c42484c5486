"""The earlier editions' chapter on attention, a program a section."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fathom.d2l.v0 import torch as d2l


def test_heat_maps():
    """Attention cues: heat maps with one colour bar."""
    d2l.show_heatmaps(d2l.reshape(d2l.eye(10), (1, 1, 10, 10)), xlabel="Keys", ylabel="Queries", titles=["cue"])
    image, scale = d2l.plt.gcf().axes
    assert image.get_xlabel() == "Keys"
    assert image.get_title() == "cue"
    assert image.images[0].get_array().trace() == 10
    assert scale is not image


def test_kernel_regression():
    """Nadaraya–Watson: the animator, and attention weights that sum to one."""
    x_train, _ = torch.sort(d2l.rand(30) * 5)
    y_train = 2 * d2l.sin(x_train) + x_train**0.8 + d2l.normal(0.0, 0.1, (30,))
    x_test = d2l.arange(0, 5, 0.1)
    d2l.plot(x_test, [x_test, x_test], "x", "y", legend=["Truth", "Pred"], xlim=[0, 5], ylim=[-1, 5])
    d2l.plt.plot(x_train, y_train, "o", alpha=0.5)
    w = torch.rand(1, requires_grad=True)
    trainer = torch.optim.SGD([w], lr=0.5)
    animator = d2l.Animator(xlabel="epoch", ylabel="loss", xlim=[1, 5])
    others = (1 - d2l.eye(30)).type(torch.bool)
    for epoch in range(5):
        trainer.zero_grad()
        distance = ((x_train[:, None] - x_train) * w) ** 2 / 2
        weights = F.softmax((-distance).masked_fill(~others, -math.inf), dim=1)
        loss = ((d2l.matmul(weights, y_train) - y_train) ** 2).sum()
        loss.backward()
        trainer.step()
        animator.add(epoch + 1, float(loss.detach().sum()))
    assert animator.Y[0][-1] < animator.Y[0][0]
    d2l.show_heatmaps(weights.unsqueeze(0).unsqueeze(0), xlabel="training inputs", ylabel="testing inputs")


def test_scoring_functions():
    X = torch.rand(2, 2, 4)
    for lengths in (d2l.tensor([2, 3]), d2l.tensor([[1, 3], [2, 4]])):
        weights = d2l.masked_softmax(X, lengths)
        kept = torch.arange(4) < (lengths[:, None, None] if lengths.ndim == 1 else lengths[:, :, None])
        expected = (X.exp() * kept) / (X.exp() * kept).sum(-1, keepdim=True)
        assert torch.allclose(weights, expected)

    queries, keys = d2l.normal(0, 1, (2, 1, 20)), d2l.ones((2, 10, 2))
    values = d2l.reshape(d2l.arange(40, dtype=d2l.float32), (1, 10, 4)).repeat(2, 1, 1)
    lengths = d2l.tensor([2, 6])
    attention = d2l.AdditiveAttention(key_size=2, query_size=20, num_hiddens=8, dropout=0.1)
    attention.eval()
    # all keys are alike, so that the valid values are averaged
    means = torch.stack([values[i, : lengths[i]].mean(0, keepdim=True) for i in range(2)])
    assert torch.allclose(attention(queries, keys, values, lengths), means)
    assert type(attention.W_k) is nn.Linear
    d2l.show_heatmaps(d2l.reshape(attention.attention_weights, (1, 1, 2, 10)), xlabel="Keys", ylabel="Queries")

    attention = d2l.DotProductAttention(dropout=0.5)
    attention.eval()
    queries = d2l.normal(0, 1, (2, 1, 2))
    assert torch.allclose(attention(queries, keys, values, lengths), means)
    assert torch.allclose(
        attention(queries, queries, queries), F.scaled_dot_product_attention(queries, queries, queries)
    )


class AttentiveDecoder(d2l.AttentionDecoder):
    """Bahdanau's: the context is what the last state asks of the encoder's outputs."""

    def __init__(self, vocab_size, embed_size, num_hiddens, num_layers, dropout=0, **kwargs):
        super().__init__(**kwargs)
        self.attention = d2l.AdditiveAttention(num_hiddens, num_hiddens, num_hiddens, dropout)
        self.embedding = nn.Embedding(vocab_size, embed_size)
        self.rnn = nn.GRU(embed_size + num_hiddens, num_hiddens, num_layers, dropout=dropout)
        self.dense = nn.Linear(num_hiddens, vocab_size)

    def init_state(self, enc_outputs, enc_valid_lens, *args):
        outputs, hidden = enc_outputs
        return outputs.permute(1, 0, 2), hidden, enc_valid_lens

    def forward(self, X, state):
        outputs, hidden, lengths = state
        steps, self._weights = [], []
        for x in self.embedding(X).permute(1, 0, 2):
            context = self.attention(hidden[-1].unsqueeze(1), outputs, outputs, lengths)
            out, hidden = self.rnn(torch.cat((context, x.unsqueeze(1)), dim=-1).permute(1, 0, 2), hidden)
            steps.append(out)
            self._weights.append(self.attention.attention_weights)
        return self.dense(torch.cat(steps, dim=0)).permute(1, 0, 2), [outputs, hidden, lengths]

    @property
    def attention_weights(self):
        return self._weights


@pytest.mark.slow
def test_attention_while_translating(monkeypatch):
    from fathom.d2l.topics import old_text

    monkeypatch.setattr(old_text, "read_data_nmt", lambda: "Go .\tVa !\nI see .\tJe vois .\nHi .\tSalut !\n" * 4)
    train_iter, src_vocab, tgt_vocab = d2l.load_data_nmt(4, 5)
    net = d2l.EncoderDecoder(
        d2l.Seq2SeqEncoder(len(src_vocab), 8, 16, 2, 0.0), AttentiveDecoder(len(tgt_vocab), 8, 16, 2, 0.0)
    )
    d2l.train_seq2seq(net, train_iter, 0.02, 40, tgt_vocab, d2l.try_gpu())
    translation, weights = d2l.predict_seq2seq(net, "i see .", src_vocab, tgt_vocab, 5, d2l.try_gpu(), True)
    assert d2l.bleu(translation, "je vois .", k=2) == 1
    assert len(weights) == 4  # three words and the end
    weights = d2l.reshape(d2l.concat([step[0][0][0] for step in weights], 0), (1, 1, -1, 5))
    assert torch.allclose(weights.sum(-1), torch.ones(1, 1, 4))
    assert weights[..., 4:].max() < 1e-6  # what pads the source is not looked at
    with pytest.raises(NotImplementedError, match="attention_weights"):
        d2l.AttentionDecoder().attention_weights  # noqa: B018


def test_multi_head_attention():
    num_hiddens, num_heads = 20, 5
    attention = d2l.MultiHeadAttention(num_hiddens, num_hiddens, num_hiddens, num_hiddens, num_heads, 0.0)
    attention.eval()
    X, Y = torch.randn(2, 4, num_hiddens), torch.randn(2, 6, num_hiddens)
    lengths = d2l.tensor([3, 2])
    ours = attention(X, Y, Y, lengths)
    mask = torch.arange(6) >= lengths[:, None]
    weights = [attention.W_q.weight, attention.W_k.weight, attention.W_v.weight]
    theirs, _ = F.multi_head_attention_forward(
        *(part.transpose(0, 1) for part in (X, Y, Y)),
        *(num_hiddens, num_heads, torch.cat(weights), None, None, None, False, 0.0, attention.W_o.weight, None),
        key_padding_mask=mask,
        need_weights=False,
    )
    assert torch.allclose(ours, theirs.transpose(0, 1), atol=1e-5)
    split = d2l.transpose_qkv(X, num_heads)
    assert split.shape == (10, 4, 4)
    assert torch.equal(d2l.transpose_output(split, num_heads), X)
    assert torch.equal(split[1], X[0, :, 4:8])  # head 1 of example 0


def test_new_calls_are_taken_where_they_are_clear():
    X = torch.ones(2, 4, 20)
    assert d2l.MultiHeadAttention(20, 5, 0.0)(X, X, X, None).shape == X.shape
    assert d2l.AdditiveAttention(8, 0.0)(X, X, X, None).shape == X.shape
    assert d2l.PositionWiseFFN(4, 8)(X).shape == (2, 4, 8)
    with pytest.raises(TypeError, match=r"fathom\.d2l\.v0\.torch; these arguments fit neither"):
        d2l.MultiHeadAttention(20)


def test_positions():
    encoding = d2l.PositionalEncoding(32, 0)
    encoding.eval()
    X = encoding(d2l.zeros((1, 60, 32)))
    assert torch.equal(X, encoding.P[:, :60, :])
    positions = torch.arange(60.0)
    assert torch.allclose(X[0, :, 6], torch.sin(positions / 10000 ** (6 / 32)), atol=1e-5)
    assert torch.allclose(X[0, :, 7], torch.cos(positions / 10000 ** (6 / 32)), atol=1e-5)
    d2l.plot(d2l.arange(60), X[0, :, 6:10].T, xlabel="Row", figsize=(6, 2.5), legend=[f"Col {d}" for d in range(6, 10)])
    assert len(d2l.plt.gca().lines) == 4


def test_transformer():
    """The encoder against torch's own layers with the same weights."""
    assert d2l.PositionWiseFFN(4, 4, 8)(d2l.ones((2, 3, 4))).shape == (2, 3, 8)
    add_norm = d2l.AddNorm([3, 4], 0.5)
    add_norm.eval()
    X, Y = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    assert torch.allclose(add_norm(X, Y), F.layer_norm(X + Y, [3, 4]))

    block = d2l.EncoderBlock(24, 24, 24, 24, [24], 24, 48, 8, 0.5, use_bias=True)
    block.eval()
    theirs = nn.TransformerEncoderLayer(24, 8, 48, batch_first=True)
    theirs.eval()
    with torch.no_grad():
        heads = block.attention
        theirs.self_attn.in_proj_weight.copy_(torch.cat([heads.W_q.weight, heads.W_k.weight, heads.W_v.weight]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([heads.W_q.bias, heads.W_k.bias, heads.W_v.bias]))
        for ours_part, their_part in (
            *((heads.W_o, theirs.self_attn.out_proj), (block.ffn.dense1, theirs.linear1)),
            *((block.ffn.dense2, theirs.linear2), (block.addnorm1.ln, theirs.norm1), (block.addnorm2.ln, theirs.norm2)),
        ):
            their_part.load_state_dict(ours_part.state_dict())
        X, lengths = torch.randn(2, 10, 24), d2l.tensor([3, 7])
        expected = theirs(X, src_key_padding_mask=torch.arange(10) >= lengths[:, None])
        ours = block(X, lengths)
    for row, length in enumerate(lengths):
        assert torch.allclose(ours[row, :length], expected[row, :length], atol=1e-5)

    encoder = d2l.TransformerEncoder(200, 24, 24, 24, 24, [10, 24], 24, 48, 8, 2, 0.5)
    encoder.eval()
    assert encoder(d2l.ones((2, 10), dtype=torch.long), lengths).shape == (2, 10, 24)
    weights = d2l.reshape(d2l.concat(encoder.attention_weights, 0), (2, 2, 8, 10, 10))
    assert torch.allclose(weights.sum(-1), torch.ones(2, 2, 8, 10))
