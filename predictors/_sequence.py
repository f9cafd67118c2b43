"""Encoder, decoder and predictor over sequences of decisions."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class EncoderDecoder(nn.Module):
    """A recurrent encoder, a decoder that attends to it, and a perceptron on the encoding.

    ``starts`` are the first token of each decision and the number of all tokens last: decision
    ``i`` has the tokens ``starts[i]`` to ``starts[i + 1]``.
    """

    def __init__(self, starts: list[int], width: int) -> None:
        super().__init__()
        self.starts = starts
        tokens = starts[-1]
        self.embedding = nn.Embedding(tokens + 1, width)
        self.encoder = nn.LSTM(width, width, batch_first=True)
        self.decoder = nn.LSTM(width, width, batch_first=True)
        self.attended = nn.Linear(2 * width, width)
        self.tokens = nn.Linear(width, tokens)
        self.inner = nn.Linear(width, width)
        self.head = nn.Linear(width, 1)

    def encode(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return states ``(n, d, width)`` and encodings ``(n, width)`` of length ``width**.5``."""
        states, _ = self.encoder(self.embedding(tokens))
        mean = states.mean(dim=1)
        return states, nn.functional.normalize(mean, dim=1) * mean.shape[1] ** 0.5

    def value(self, encoding: Tensor) -> Tensor:
        """Return predictions ``(n,)``."""
        values: Tensor = self.head(torch.relu(self.inner(encoding)))
        return values[:, 0]

    def decode(self, tokens: Tensor, states: Tensor, encoding: Tensor) -> Tensor:
        """Return log-probabilities ``(n, d, tokens)`` of each decision, given those before it."""
        first = torch.full_like(tokens[:, :1], self.starts[-1])
        before = self.embedding(torch.cat([first, tokens[:, :-1]], dim=1))
        found, _ = self.decoder(before, (encoding[None], torch.zeros_like(encoding)[None]))
        share = (found @ states.mT * found.shape[2] ** -0.5).softmax(dim=2)
        mixed = torch.tanh(self.attended(torch.cat([found, share @ states], dim=2)))
        logits: Tensor = self.tokens(mixed)
        return logits.masked_fill(self._impossible(logits), -1e9).log_softmax(dim=2)

    def reconstruct(self, tokens: Tensor) -> Tensor:
        """Return the likeliest tokens one by one, from states and encoding alone, ``(n, d)``."""
        states, encoding = self.encode(tokens)
        found = torch.zeros_like(tokens)
        for place in range(tokens.shape[1]):
            found[:, place] = self.decode(found, states, encoding)[:, place].argmax(dim=1)
        return found

    def _impossible(self, like: Tensor) -> Tensor:
        token = torch.arange(self.starts[-1])
        starts = torch.tensor(self.starts)[:, None]
        return ((token < starts[:-1]) | (token >= starts[1:])).expand_as(like)
