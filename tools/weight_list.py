"""Write `inpaintlib/photos/weights.json`: what `download weights` checks what it fetched against.

python tools/weight_list.py        `make weights` calls it; also after new metric cards
"""

import hashlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inpaintlib.measure.cards import distance, read_cards  # noqa: E402
from inpaintlib.photos import fetch  # noqa: E402

LIST = Path(fetch.__file__).with_name("weights.json")


def listed() -> dict[str, dict[str, object]]:
    """Name to size, SHA-256 and Fréchet distance (`cards.distance`) of all in `data/weights`."""
    distances = {}
    for card in [*read_cards("drawn"), *read_cards("celeba")]:  # plain before blended
        if card["kind"] in ("network", "blended"):
            distances[card["system"].removesuffix(" blended")] = distance(card)
    return {
        path.stem: {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "fréchet": distances.get(path.stem),
        }
        for path in sorted((ROOT / "data" / "weights").glob("*.safetensors"))
    }


if __name__ == "__main__":
    LIST.write_text(json.dumps(listed(), indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(LIST.relative_to(ROOT))
