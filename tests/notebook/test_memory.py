"""The game of cards of lesson 05: what is hidden lies open on one other card, and only there."""

import torch

from inpaintlib.notebook.memory import RIMS, deal


def cards_of(table: torch.Tensor) -> torch.Tensor:
    """The sixteen cards of one table, cut out one by one: (16, C, 4, 4)."""
    places = [divmod(number, 4) for number in range(16)]
    return torch.stack([table[:, 4 * y : 4 * y + 4, 4 * x : 4 * x + 4] for y, x in places])


def test_a_hidden_inside_lies_open_on_the_other_card_of_its_pair():
    games, pairs = deal(20, torch.Generator().manual_seed(1))
    assert games.image.shape == (20, 3, 16, 16)
    for game in range(20):
        cards, holes = cards_of(games.image[game]), cards_of(games.mask[game])
        (hidden,) = holes.flatten(1).any(dim=1).nonzero().flatten().tolist()
        assert holes[hidden, 0].tolist() == [[0] * 4, [0, 1, 1, 0], [0, 1, 1, 0], [0] * 4]
        alike = [n for n in range(16) if n != hidden and torch.equal(cards[n], cards[hidden])]
        assert alike == [
            n for n in range(16) if n != hidden and pairs[game, n] == pairs[game, hidden]
        ]
        assert len(alike) == 1


def test_rims_are_those_of_the_pairs_and_insides_new_in_every_game():
    games, pairs = deal(2, torch.Generator().manual_seed(2))
    rims = torch.stack([cards_of(table)[:, :, 0, 0] for table in games.image])
    torch.testing.assert_close(rims, (RIMS / 127.5 - 1)[pairs])
    assert sorted(pairs[0].tolist()) == [n // 2 for n in range(16)]
    insides = [set(cards_of(table)[:, 0, 1, 1].tolist()) for table in games.image]
    assert len(insides[0]) == len(insides[1]) == 8
    assert not insides[0] & insides[1]
