"""The objective of Prompt-MII: GRPO with an asymmetric clip, a dual clip, and no KL term.

Xiao et al. (2025), "Prompt-MII", section 4 and its training script; the terms are those of Shao et al. (2024)
(group advantages), Yu et al. (2025) (the wider upper clip) and Ye et al. (2020) (the dual clip).
"""

from __future__ import annotations

from typing import Any

LOW, HIGH, DUAL = 0.2, 0.4, 3.0
"""Of the clip: how far a ratio may fall, how far it may rise, and what a bad text costs at most."""
_TINY = 1e-6


def advantages(rewards: Any) -> Any:
    """How much better each text is than its group, in standard deviations of the group.

    Args:
        rewards: shape (prompts, group), group at least 2.

    Returns:
        The same shape; 0 for a group of equals. The deviation is the sample's (n - 1), as in the reference.
    """
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    return centred / (rewards.std(dim=1, keepdim=True) + _TINY)


def loss(
    logp: Any, before: Any, gain: Any, mask: Any, low: float = LOW, high: float = HIGH, dual: float = DUAL
) -> Any:
    """The loss to be minimised, a mean over texts of the mean over their tokens.

    Args:
        logp: log-probability of each token, shape (texts, tokens).
        before: the same under the policy that wrote the texts, without gradient.
        gain: advantage of each text, shape (texts,).
        mask: True for tokens of the text, shape (texts, tokens); each text has one at least.
        low: the ratio counts down to 1 - low.
        high: the ratio counts up to 1 + high.
        dual: with a negative advantage the loss is at most -dual times it.
    """
    import torch

    ratio = (logp - before).exp()
    gain = gain[:, None]
    worse = torch.minimum(ratio * gain, ratio.clamp(1 - low, 1 + high) * gain)
    bounded = torch.where(gain < 0, torch.maximum(worse, dual * gain), worse)
    each = -(bounded * mask).sum(dim=1) / mask.sum(dim=1)
    return each.mean()
