"""The chapter on attention and transformers, a program a section."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from fathom.d2l import torch as d2l


def test_attention_weights_are_shown():
    """Queries, Keys, and Values."""
    d2l.show_heatmaps(d2l.reshape(d2l.eye(10), (1, 1, 10, 10)), xlabel="Keys", ylabel="Queries")
    axes, _ = d2l.plt.gcf().axes
    assert axes.images[0].get_array().sum() == 10
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Keys", "Queries")
    d2l.show_heatmaps(d2l.rand(2, 3, 4, 4), "Keys", "Queries", titles=["a", "b", "c"], figsize=(7, 3.5), cmap="Blues")
    assert len(d2l.plt.gcf().axes) == 7
    assert [axes.get_title() for axes in d2l.plt.gcf().axes[:3]] == ["a", "b", "c"]


def test_attention_pooling_smooths():
    """Attention Pooling by Similarity: the reader's own plot over ``d2l.plt``."""
    x_train, _ = torch.sort(d2l.rand(40) * 5)
    y_train = 2 * d2l.sin(x_train) + x_train + d2l.randn(40) * 0.1
    x_val = d2l.arange(0, 5, 0.1)
    dists = d2l.reshape(x_train, (-1, 1)) - d2l.reshape(x_val, (1, -1))
    k = d2l.astype(d2l.exp(-(dists**2) * 20), d2l.float32)
    weights = k / d2l.reduce_sum(k, 0)
    y_hat = y_train @ weights
    assert torch.allclose(weights.sum(0), torch.ones(50))
    assert float((y_hat - (2 * d2l.sin(x_val) + x_val)).abs().mean()) < 0.3
    fig, (left, right) = d2l.plt.subplots(1, 2, figsize=(12, 3))
    left.plot(x_val, y_hat)
    image = right.imshow(d2l.numpy(weights), cmap="Reds")
    fig.colorbar(image, ax=right, shrink=0.7)
    assert len(fig.axes) == 3


def test_masked_softmax():
    X = torch.rand(2, 2, 4)
    by_example = d2l.masked_softmax(X, torch.tensor([2, 3]))
    assert torch.allclose(by_example[0, :, :2], torch.softmax(X[0, :, :2], -1))
    assert torch.allclose(by_example[1, :, :3], torch.softmax(X[1, :, :3], -1))
    assert not by_example[0, :, 2:].any()
    by_query = d2l.masked_softmax(X, d2l.tensor([[1, 3], [2, 4]]))
    assert by_query[0, 0].tolist() == [1, 0, 0, 0]
    assert torch.allclose(by_query[1, 1], torch.softmax(X[1, 1], -1))
    assert torch.equal(d2l.masked_softmax(X, None), torch.softmax(X, -1))
    nothing = d2l.masked_softmax(X, torch.tensor([0, 4]))
    assert torch.allclose(nothing[0], torch.full((2, 4), 0.25))


def test_scoring_functions():
    """Attention Scoring Functions."""
    queries, keys, values = d2l.normal(0, 1, (2, 1, 2)), d2l.normal(0, 1, (2, 10, 2)), d2l.normal(0, 1, (2, 10, 4))
    lengths = d2l.tensor([2, 6])
    attention = d2l.DotProductAttention(dropout=0.5)
    attention.eval()
    output = attention(queries, keys, values, lengths)
    d2l.check_shape(output, (2, 1, 4))
    mask = torch.arange(10) < lengths[:, None, None]
    assert torch.allclose(output, F.scaled_dot_product_attention(queries, keys, values, mask), atol=1e-6)
    d2l.show_heatmaps(d2l.reshape(attention.attention_weights, (1, 1, 2, 10)), xlabel="Keys", ylabel="Queries")

    queries = d2l.normal(0, 1, (2, 1, 20))
    attention = d2l.AdditiveAttention(num_hiddens=8, dropout=0.1)
    attention.eval()
    output = attention(queries, keys, values, lengths)
    d2l.check_shape(output, (2, 1, 4))
    scores = torch.stack(
        [
            attention.w_v(torch.tanh(attention.W_q(queries[:, 0]) + attention.W_k(keys[:, i]))).squeeze(-1)
            for i in range(10)
        ],
        -1,
    )
    expected = torch.softmax(scores.masked_fill(~mask[:, 0], -math.inf), -1)
    assert torch.allclose(attention.attention_weights[:, 0], expected, atol=1e-6)
    assert torch.allclose(output[:, 0], (expected[:, :, None] * values).sum(1), atol=1e-6)


def test_several_heads():
    """Multi-Head Attention, against torch's."""
    num_hiddens, num_heads, batch_size, num_queries, num_kvpairs = 100, 5, 2, 4, 6
    attention = d2l.MultiHeadAttention(num_hiddens, num_heads, 0.5)
    lengths = d2l.tensor([3, 2])
    X, Y = d2l.randn(batch_size, num_queries, num_hiddens), d2l.randn(batch_size, num_kvpairs, num_hiddens)
    attention.eval()
    output = attention(X, Y, Y, lengths)
    d2l.check_shape(output, (batch_size, num_queries, num_hiddens))
    assert torch.equal(attention.transpose_output(attention.transpose_qkv(X)), X)
    d2l.check_shape(attention.transpose_qkv(X), (batch_size * num_heads, num_queries, num_hiddens // num_heads))

    twin = nn.MultiheadAttention(num_hiddens, num_heads, bias=False, batch_first=True)
    with torch.no_grad():
        projections = [attention.W_q.weight, attention.W_k.weight, attention.W_v.weight]
        twin.in_proj_weight.copy_(torch.cat(projections))
        twin.out_proj.weight.copy_(attention.W_o.weight)
    padding = torch.arange(num_kvpairs) >= lengths[:, None]
    expected, _ = twin(X, Y, Y, key_padding_mask=padding)
    assert torch.allclose(output, expected, atol=1e-5)


def test_positions():
    """Self-Attention and Positional Encoding."""
    num_steps, width = 60, 32
    encoding = d2l.PositionalEncoding(width, 0)
    encoding.eval()
    X = encoding(d2l.zeros((1, num_steps, width)))
    P = encoding.P[:, : X.shape[1], :]
    assert torch.equal(X, P)
    position = torch.arange(num_steps, dtype=torch.float64)
    for j in (0, 3, 15):
        angle = position / 10000 ** (2 * j / width)
        assert torch.allclose(P[0, :, 2 * j].double(), torch.sin(angle), atol=1e-5)
        assert torch.allclose(P[0, :, 2 * j + 1].double(), torch.cos(angle), atol=1e-5)
    assert "P" not in encoding.state_dict()
    assert d2l.PositionalEncoding(5, 0)(torch.zeros(1, 3, 5)).shape == (1, 3, 5)  # an odd width
    legend = [f"Col {int(d)}" for d in d2l.arange(6, 10)]
    d2l.plot(d2l.arange(num_steps), P[0, :, 6:10].T, xlabel="Row (position)", figsize=(6, 2.5), legend=legend)
    assert len(d2l.plt.gca().lines) == 4
    d2l.show_heatmaps(P[0].unsqueeze(0).unsqueeze(0), xlabel="Column", ylabel="Row", figsize=(3.5, 4), cmap="Blues")


def test_transformer_encoder():
    """The Transformer Architecture: the parts of the encoder."""
    ffn = d2l.PositionWiseFFN(4, 8)
    ffn.eval()
    out = ffn(d2l.ones((2, 3, 4)))
    assert out.shape == (2, 3, 8)
    assert torch.equal(out[0, 0], out[1, 2])  # the same at every position
    add_norm = d2l.AddNorm(4, 0.5)
    X = d2l.randn(2, 3, 4)
    add_norm.eval()
    assert torch.allclose(add_norm(X, X), F.layer_norm(2 * X, [4]), atol=1e-6)

    lengths = d2l.tensor([3, 2])
    block = d2l.TransformerEncoderBlock(24, 48, 8, 0.5)
    block.eval()
    X = d2l.ones((2, 100, 24))
    Y = block(X, lengths)
    d2l.check_shape(Y, X.shape)
    between = block.addnorm1(X, block.attention(X, X, X, lengths))
    assert torch.allclose(Y, block.addnorm2(between, block.ffn(between)))

    encoder = d2l.TransformerEncoder(200, 24, 48, 8, 2, 0.5)
    d2l.check_shape(encoder(d2l.ones((2, 100), dtype=torch.long), lengths), (2, 100, 24))
    d2l.check_len(encoder.attention_weights, 2)
    weights = d2l.reshape(d2l.concat(encoder.attention_weights, 0), (2, 2, 8, -1, 100))  # blocks, examples, heads
    assert not weights[:, 0, :, :, 3:].any()
    assert not weights[:, 1, :, :, 2:].any()
    d2l.show_heatmaps(weights[:, 1, :, :5, :5].cpu(), "Keys", "Queries", titles=[f"Head {i}" for i in range(8)])


def test_vision_transformer(clothes):
    """Transformers for Vision: patches, a learned class token, training by the package's trainer."""

    class Patches(nn.Module):
        def __init__(self, img_size, patch_size, num_hiddens):
            super().__init__()
            self.num_patches = (img_size // patch_size) ** 2
            self.conv = nn.LazyConv2d(num_hiddens, kernel_size=patch_size, stride=patch_size)

        def forward(self, X):
            return self.conv(X).flatten(2).transpose(1, 2)

    d2l.check_shape(Patches(96, 16, 64)(d2l.zeros(2, 3, 96, 96)), (2, 36, 64))

    class Block(nn.Module):
        def __init__(self, num_hiddens, num_heads, dropout):
            super().__init__()
            self.ln1, self.ln2 = nn.LayerNorm(num_hiddens), nn.LayerNorm(num_hiddens)
            self.attention = d2l.MultiHeadAttention(num_hiddens, num_heads, dropout, False)
            self.mlp = nn.Sequential(nn.LazyLinear(2 * num_hiddens), nn.GELU(), nn.LazyLinear(num_hiddens))

        def forward(self, X, valid_lens=None):
            X = X + self.attention(*([self.ln1(X)] * 3), valid_lens)
            return X + self.mlp(self.ln2(X))

    class ViT(d2l.Classifier):
        def __init__(self, img_size, patch_size, num_hiddens, num_heads, num_blks, dropout, lr=0.1, num_classes=10):
            super().__init__()
            self.save_hyperparameters()
            self.patch_embedding = Patches(img_size, patch_size, num_hiddens)
            self.cls_token = nn.Parameter(d2l.zeros(1, 1, num_hiddens))
            self.pos_embedding = nn.Parameter(torch.randn(1, self.patch_embedding.num_patches + 1, num_hiddens))
            self.blks = nn.Sequential()
            for i in range(num_blks):
                self.blks.add_module(f"{i}", Block(num_hiddens, num_heads, dropout))
            self.head = nn.Sequential(nn.LayerNorm(num_hiddens), nn.Linear(num_hiddens, num_classes))

        def forward(self, X):
            X = self.patch_embedding(X)
            X = d2l.concat((self.cls_token.expand(X.shape[0], -1, -1), X), 1) + self.pos_embedding
            for blk in self.blks:
                X = blk(X)
            return self.head(X[:, 0])

    model = ViT(32, 8, 32, 4, 1, 0.0)
    d2l.Trainer(max_epochs=8, num_gpus=1).fit(model, d2l.FashionMNIST(batch_size=50, resize=(32, 32)))
    points = model.board.data
    assert points["train_loss"][-1].y < 0.95 * points["train_loss"][0].y
