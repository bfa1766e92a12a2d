"""A game of cards that attention can win: eight pairs on a table, one card's inside hidden.

The cards of a pair have the same rim, always of the same eight colours, and the same inside, new in
every game. So what is hidden lies open elsewhere on the table, at no fixed distance (lesson 05).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintlib.images import Batch, hide

SIDE, CARD = 4, 4  # cards per side of the table, pixels per side of a card
CARDS = SIDE**2
RIMS = torch.tensor(
    [
        *((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66)),
        *((0, 114, 178), (213, 94, 0), (204, 121, 167), (40, 40, 40)),
    ]
)
RIM = F.pad(torch.zeros(CARD - 2, CARD - 2), (1, 1, 1, 1), value=1.0)


def deal(count: int, generator: torch.Generator) -> tuple[Batch, Tensor]:
    """Games with one hidden inside each: a batch of (count, 3, 16, 16), and the pairs.

    Returns:
        The games, and the pair, 0 to 7, of every card, (count, 16), row by row.
    """
    pair = torch.rand(count, CARDS, generator=generator).argsort(dim=1) % len(RIMS)
    colours = torch.rand(count, len(RIMS), 3, generator=generator) * 2 - 1
    insides = colours[torch.arange(count)[:, None], pair]
    rims = (RIMS / 127.5 - 1)[pair]
    cards = torch.where(RIM.bool(), rims[..., None, None], insides[..., None, None])
    chosen = torch.eye(CARDS)[torch.randint(CARDS, (count,), generator=generator)]
    return hide(_table(cards), _table(chosen[..., None, None, None] * (1 - RIM))), pair


def _table(cards: Tensor) -> Tensor:
    """The cards side by side: (B, 16, C, 4, 4) to (B, C, 16, 16)."""
    return cards.unflatten(1, (SIDE, SIDE)).permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)
