"""Machine translation, encoder and decoder, attention in translation: a program a section."""

import pytest
import torch
from torch import nn

from fathom.d2l import torch as d2l

WORDS = {"i": "je", "you": "tu", "see": "vois", "hear": "entends", "it": "ça", "now": "enfin", "here": "ici"}


def sentences():
    """Every sentence of a language of seven words."""
    for subject in ("i", "you"):
        for verb in ("see", "hear"):
            for rest in ("", "it", "now", "here", "it now", "it here"):
                yield [subject, verb, *rest.split()]


@pytest.fixture
def pairs(monkeypatch):
    """Put a small dictionary's sentences, over and over, in the place of the English–French ones."""
    lines = [f"{' '.join(s).capitalize()}.\t{' '.join(WORDS[w] for w in s).capitalize()}\u202f." for s in sentences()]
    monkeypatch.setattr(d2l.MTFraEng, "_download", lambda self: "\n".join(lines * 4) + "\n")


def test_sentences_become_arrays(pairs):
    """Machine Translation and the Dataset."""
    text = d2l.MTFraEng._preprocess(None, "Go.\tVa\u202f!\nHi, you .\tSalut\xa0?!\n")
    assert text == "go .\tva !\nhi , you .\tsalut ? !\n"
    source, target = d2l.MTFraEng._tokenize(None, text)
    assert source == [["go", ".", "<eos>"], ["hi", ",", "you", ".", "<eos>"]]
    assert target == [["va", "!", "<eos>"], ["salut", "?", "!", "<eos>"]]
    d2l.show_list_len_pair_hist(["source", "target"], "# tokens", "count", source, target)
    assert d2l.plt.gca().get_xlabel() == "# tokens"
    assert sum(bar.get_height() for bar in d2l.plt.gca().patches) == 4

    data = d2l.MTFraEng(batch_size=3, num_steps=7, num_train=64, num_val=16)
    src, tgt, lengths, label = next(iter(data.train_dataloader()))
    assert src.shape == tgt.shape == label.shape == (3, 7)
    assert torch.equal(tgt[:, 1:], label[:, :-1])
    assert data.tgt_vocab.to_tokens(tgt[:, 0]) == ["<bos>"] * 3
    assert torch.equal(lengths, (src != data.src_vocab["<pad>"]).sum(1))
    assert len(next(iter(data.val_dataloader()))[0]) == 3
    src, tgt, _, _ = data.build(["i see ."], ["je vois ."])
    assert data.src_vocab.to_tokens(d2l.astype(src[0], d2l.int32)) == ["i", "see", ".", "<eos>", *["<pad>"] * 3]
    assert data.tgt_vocab.to_tokens(d2l.astype(tgt[0], d2l.int32)) == [
        "<bos>",
        "je",
        "vois",
        ".",
        "<eos>",
        *["<pad>"] * 2,
    ]


def test_encoder_and_decoder_are_interfaces():
    """The Encoder–Decoder Architecture."""

    class Repeat(d2l.Encoder):
        def forward(self, X, *args):
            return X, args

    class Add(d2l.Decoder):
        def init_state(self, enc_all_outputs, *args):
            return enc_all_outputs[0] + args[0]

        def forward(self, X, state):
            return X + state, state

    model = d2l.EncoderDecoder(Repeat(), Add())
    assert model(d2l.tensor([1.0]), d2l.tensor([10.0]), d2l.tensor([100.0])).item() == 111
    for unfinished, arguments in ((d2l.Encoder(), (0,)), (d2l.Decoder(), (0, 0))):
        with pytest.raises(NotImplementedError, match="must define forward"):
            unfinished(*arguments)
    with pytest.raises(NotImplementedError, match="init_state"):
        d2l.Decoder().init_state(0)
    with pytest.raises(NotImplementedError, match="attention_weights"):
        d2l.AttentionDecoder().attention_weights  # noqa: B018


class Decoder(d2l.Decoder):
    """The section's decoder: the encoder's last output at every step."""

    def __init__(self, vocab_size, embed_size, num_hiddens, num_layers, dropout=0):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed_size)
        self.rnn = d2l.GRU(embed_size + num_hiddens, num_hiddens, num_layers, dropout)
        self.dense = nn.LazyLinear(vocab_size)
        self.apply(d2l.init_seq2seq)

    def init_state(self, enc_all_outputs, *args):
        return enc_all_outputs

    def forward(self, X, state):
        embs = self.embedding(d2l.astype(d2l.transpose(X), d2l.int32))
        enc_output, hidden = state
        context = enc_output[-1].repeat(embs.shape[0], 1, 1)
        outputs, hidden = self.rnn(d2l.concat((embs, context), -1), hidden)
        return d2l.swapaxes(self.dense(outputs), 0, 1), [enc_output, hidden]


class AttentiveDecoder(d2l.AttentionDecoder):
    """The section's decoder with attention: a context of its own at every step."""

    def __init__(self, vocab_size, embed_size, num_hiddens, num_layers, dropout=0):
        super().__init__()
        self.attention = d2l.AdditiveAttention(num_hiddens, dropout)
        self.embedding = nn.Embedding(vocab_size, embed_size)
        self.rnn = nn.GRU(embed_size + num_hiddens, num_hiddens, num_layers, dropout=dropout)
        self.dense = nn.LazyLinear(vocab_size)
        self.apply(d2l.init_seq2seq)

    def init_state(self, enc_outputs, enc_valid_lens):
        outputs, hidden = enc_outputs
        return outputs.permute(1, 0, 2), hidden, enc_valid_lens

    def forward(self, X, state):
        enc_outputs, hidden, lengths = state
        outputs, self._weights = [], []
        for x in self.embedding(X).permute(1, 0, 2):
            context = self.attention(hidden[-1].unsqueeze(1), enc_outputs, enc_outputs, lengths)
            step = torch.cat((context, x.unsqueeze(1)), dim=-1)
            out, hidden = self.rnn(step.permute(1, 0, 2), hidden)
            outputs.append(out)
            self._weights.append(self.attention.attention_weights)
        outputs = self.dense(torch.cat(outputs, dim=0))
        return outputs.permute(1, 0, 2), [enc_outputs, hidden, lengths]

    @property
    def attention_weights(self):
        return self._weights


def translate(data, model, english, french, **options):
    batch = data.build(english, french)
    predicted, weights = model.predict_step(batch, d2l.try_gpu(), data.num_steps, **options)
    texts = []
    for row in predicted:
        tokens = data.tgt_vocab.to_tokens(row)
        texts.append(" ".join(tokens[: tokens.index("<eos>")] if "<eos>" in tokens else tokens))
    return texts, weights


@pytest.mark.parametrize("decoder", [pytest.param(Decoder, marks=pytest.mark.slow), AttentiveDecoder])
def test_translation_is_learned(pairs, decoder):
    """Sequence-to-Sequence Learning, and The Bahdanau Attention Mechanism."""
    vocab_size, embed_size, num_hiddens, num_layers, batch_size, num_steps = 10, 8, 16, 2, 4, 9
    encoder = d2l.Seq2SeqEncoder(vocab_size, embed_size, num_hiddens, num_layers)
    X = d2l.zeros((batch_size, num_steps), dtype=torch.long)
    enc_outputs, enc_state = encoder(X)
    d2l.check_shape(enc_outputs, (num_steps, batch_size, num_hiddens))
    d2l.check_shape(enc_state, (num_layers, batch_size, num_hiddens))
    small = decoder(vocab_size, embed_size, num_hiddens, num_layers)
    output, state = small(X, small.init_state(encoder(X), None))
    d2l.check_shape(output, (batch_size, num_steps, vocab_size))
    d2l.check_shape(state[1], (num_layers, batch_size, num_hiddens))

    class Masked(d2l.Seq2Seq):
        def loss(self, Y_hat, Y):
            each = super().loss(Y_hat, Y, averaged=False)
            mask = d2l.astype(d2l.reshape(Y, -1) != self.tgt_pad, d2l.float32)
            return d2l.reduce_sum(each * mask) / d2l.reduce_sum(mask)

    data = d2l.MTFraEng(batch_size=16, num_steps=7, num_train=72, num_val=23)
    encoder = d2l.Seq2SeqEncoder(len(data.src_vocab), 16, 32, 1)
    model = Masked(encoder, decoder(len(data.tgt_vocab), 16, 32, 1), tgt_pad=data.tgt_vocab["<pad>"], lr=0.01)
    trainer = d2l.Trainer(max_epochs=20, gradient_clip_val=1, num_gpus=1)
    trainer.fit(model, data)
    assert isinstance(trainer.optim, torch.optim.Adam)
    losses = [point.y for point in model.board.data["val_loss"]]
    assert losses[-1] < 0.2 * losses[0]
    english = [" ".join(words) + " ." for words in sentences()]
    french = [" ".join(WORDS[word] for word in words) + " ." for words in sentences()]
    translations, weights = translate(data, model, english, french, save_attention_weights=decoder is AttentiveDecoder)
    scores = [d2l.bleu(found, wanted, k=2) for found, wanted in zip(translations, french, strict=True)]
    assert sum(scores) / len(scores) > 0.8
    if decoder is AttentiveDecoder:
        assert len(weights) == data.num_steps
        first = d2l.concat([step[0][0][0] for step in weights], 0)
        heat = d2l.reshape(first, (1, 1, -1, data.num_steps))
        assert torch.allclose(heat.sum(-1), torch.ones(1, 1, data.num_steps))
        length = len(english[0].split()) + 1
        assert not heat[..., length:].any()  # nobody looks at padding
        d2l.show_heatmaps(heat[:, :, :, :length].cpu(), xlabel="keys", ylabel="queries")
    else:
        assert weights == []


@pytest.mark.parametrize(
    ("prediction", "label", "k", "score"),
    [
        ("va !", "va !", 2, 1.0),
        ("", "va !", 2, 0.0),
        ("a b", "a c", 2, 0.0),
        ("a b c d", "a b d e f", 2, 2.718281828 ** (1 - 5 / 4) * 0.75**0.5 * (1 / 3) ** 0.25),
        ("x x x", "x", 1, (1 / 3) ** 0.5),  # a word is found as often as it is there
        ("a b c", "a b", 1, (2 / 3) ** 0.5),  # too long is not punished
    ],
)
def test_bleu(prediction, label, k, score):
    assert d2l.bleu(prediction, label, k) == pytest.approx(score)
