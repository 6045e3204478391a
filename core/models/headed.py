"""A backbone with several heads: one forward pass answers every question asked of a text.

Knows tensors; where weights come from, what is trained and what an answer means is told elsewhere.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from core.errors import ModelError
from core.models.heads import HeadSet

DROPOUT = 0.1  # on what the heads read, in training; what BERT's classifiers use
SPREAD = 0.02  # of a fresh head's weights, as transformers' classifiers start


class HeadedModel(nn.Module):
    """Scores of all heads by name: (n, labels), or (n, tokens, labels) of a head that labels words.

    ``model`` is the backbone; the heads lie in ``classifier``, the name under which an adapter may bring them.
    """

    trained_whole = ("classifier",)

    def __init__(self, backbone: Any, heads: HeadSet) -> None:
        super().__init__()
        if heads.attention == "both":
            see_both_sides(backbone)
        self.model, self.heads, self.config = backbone, heads, backbone.config
        self.classifier = Heads(int(backbone.config.get_text_config().hidden_size), heads).to(self.device)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        only: tuple[str, ...] | None = None,
        **_: Any,
    ) -> dict[str, torch.Tensor]:
        """Padding is on the right; ``only`` names the heads to compute, None is all."""
        given = {"input_ids": input_ids} if inputs_embeds is None else {"inputs_embeds": inputs_embeds}
        hidden = self.model(attention_mask=attention_mask, **given).last_hidden_state  # (n, tokens, width)
        assert attention_mask is not None
        scores: dict[str, torch.Tensor] = self.classifier(hidden, attention_mask, only)
        return scores

    @property
    def device(self) -> torch.device:
        """Where the backbone lies."""
        return next(self.model.parameters()).device

    def get_input_embeddings(self) -> nn.Module:
        """The backbone's, for attacks on and explanations by its embeddings."""
        embeddings: nn.Module = self.model.get_input_embeddings()
        return embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Into the backbone."""
        self.model.set_input_embeddings(value)

    def get_output_embeddings(self) -> None:
        """There is no language head."""

    def set_attn_implementation(self, how: str) -> None:
        """Handed on to the backbone; reading both sides must hold with it, too."""
        self.model.set_attn_implementation(how)
        if self.heads.attention == "both":
            see_both_sides(self.model)

    def gradient_checkpointing_enable(self, *arguments: Any, **options: Any) -> None:
        """Handed on to the backbone."""
        self.model.gradient_checkpointing_enable(*arguments, **options)


class Heads(nn.Module):
    """One linear layer per head over the tokens' states or over the text's vector."""

    def __init__(self, width: int, heads: HeadSet) -> None:
        super().__init__()
        self.heads, self.dropout = heads, nn.Dropout(DROPOUT)
        for head in heads.heads:
            linear = nn.Linear(width, len(head.labels))
            nn.init.normal_(linear.weight, std=SPREAD)
            nn.init.zeros_(linear.bias)
            self.add_module(head.name, linear)

    def forward(
        self, hidden: torch.Tensor, mask: torch.Tensor, only: tuple[str, ...] | None = None
    ) -> dict[str, torch.Tensor]:
        """Scores by head from states (n, tokens, width) and mask (n, tokens)."""
        pooled = pool(hidden, mask, self.heads.pooling)
        scores = {}
        for head in self.heads.heads:
            if only is None or head.name in only:
                linear = self.get_submodule(head.name)
                read = hidden if head.kind == "token" else pooled
                read = even(read) if self.heads.even else read
                scores[head.name] = linear(self.dropout(read.to(linear.weight.dtype)))  # type: ignore[arg-type]  # a Linear's
        return scores


def even(states: torch.Tensor) -> torch.Tensor:
    """Each vector with mean 0 and variance 1, in float32."""
    return torch.nn.functional.layer_norm(states.float(), states.shape[-1:])


def pool(hidden: torch.Tensor, mask: torch.Tensor, how: str) -> torch.Tensor:
    """(n, width): the last token before the padding, the mean over all, or the first."""
    if how == "first":
        return hidden[:, 0]
    if how == "last":
        last = mask.sum(1).clamp(min=1) - 1
        return hidden[torch.arange(len(hidden), device=hidden.device), last]
    weights = mask.unsqueeze(-1).float()
    return (hidden.float() * weights).sum(1) / weights.sum(1).clamp(min=1e-9)


def see_both_sides(backbone: Any) -> None:
    """Lets every token of a decoder see the whole text; an encoder does so anyway.

    The library masks the future by ``config.is_causal`` and, where it needs no mask at all, by the attention layers'
    own mark: both are changed, or texts without padding would be read causally all the same. Whether it worked is
    tried, for a model class that heeds neither would train on as if nothing were wrong.
    """
    for config in (backbone.config, backbone.config.get_text_config()):
        config.is_causal = False
    for module in backbone.modules():
        if isinstance(getattr(module, "is_causal", None), bool):
            module.is_causal = False
    if not sees_what_follows(backbone):
        raise ModelError(f"'{type(backbone).__name__}' cannot be read in both directions: choose attention 'native'.")


@torch.no_grad()
def sees_what_follows(backbone: Any) -> bool:
    """Whether the first token's state depends on the last token, with and without padding in the batch."""
    was_training = backbone.training
    backbone.eval()
    device = next(backbone.parameters()).device
    high = int(backbone.config.get_text_config().vocab_size) - 1
    ids = torch.tensor([[high, high - 1, high - 2], [high, high - 1, high - 3]], device=device)
    plain = backbone(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[:, 0].float()
    ids, mask = torch.nn.functional.pad(ids, (0, 1)), torch.nn.functional.pad(torch.ones_like(ids), (0, 1))
    padded = backbone(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0].float()
    backbone.train(was_training)
    return bool((plain[0] - plain[1]).abs().max() > 0) and bool((padded[0] - padded[1]).abs().max() > 0)
