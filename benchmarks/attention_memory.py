"""Claim: self-attention's memory grows with the number of tokens, not with its square.

Peak memory of a forward and a backward pass over 32² to 128² tokens: the package's layer, which
calls torch's fused kernel, against the same mathematics with the map of all pairs in memory.
"""

import statistics

import torch
from measure import arguments, devices, peak_memory, report
from torch import Tensor

from inpaintlib.layers import SelfAttention2d

CHANNELS = 96  # of DeepFillV2's layer at full width


def materialised(layer: SelfAttention2d, x: Tensor) -> Tensor:
    """What `SelfAttention2d.forward` computes, by way of the (H·W, H·W) map."""
    value = layer.value(x).flatten(2).transpose(1, 2)
    mixed = layer.attention_map(x) @ value
    return x + layer.gamma * mixed.transpose(1, 2).view_as(x)


def prepare(device: str, side: int, fused: bool):
    """A forward and backward pass of the layer; only the layer's input exists before."""
    torch.manual_seed(0)
    layer = SelfAttention2d(CHANNELS).to(device)
    torch.nn.init.ones_(layer.gamma)
    x = torch.randn(1, CHANNELS, side, side, device=device, requires_grad=True)

    def step() -> None:
        output = layer(x) if fused else materialised(layer, x)
        output.square().mean().backward()

    return step


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repeats=3)
    parser.add_argument("--sides", type=int, nargs="+", default=[32, 64, 128])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows, summary = [], []
    for device in devices():
        for side in options.sides:
            peaks = {
                kind: statistics.median(
                    peak_memory(device, prepare, device, side, kind == "fused")
                    for _ in range(options.repeats)
                )
                for kind in ("fused", "materialised")
            }
            ratio = peaks["materialised"] / peaks["fused"]
            names = {f"{kind} MiB": value for kind, value in peaks.items()}
            rows.append({"device": device, "tokens": side**2, **names, "ratio": ratio})
        first, last = rows[-len(options.sides)], rows[-1]
        summary.append(
            f"{device}: {last['tokens'] // first['tokens']} times the tokens take "
            f"{last['fused MiB'] / first['fused MiB']:.0f} times the memory fused, "
            f"{last['materialised MiB'] / first['materialised MiB']:.0f} times materialised"
        )
    report(rows, options)
    print(*summary, sep="\n")


if __name__ == "__main__":
    main()
