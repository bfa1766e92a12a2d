"""The shipped networks as ONNX: the same pictures as in torch, in as many bytes as the weights."""

import numpy as np
import pytest
import torch
from torch import nn

from inpaintlib import masks
from inpaintlib.data import draw_faces
from inpaintlib.images import from_bytes
from inpaintlib.models.unet import UNet, UNetConfig
from inpaintlib.photos import shipped

onnx = pytest.importorskip("onnx", reason="ONNX is not installed: pip install 'inpaintlib[web]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra `web`")


from onnx import numpy_helper  # noqa: E402

from web import export  # noqa: E402

TOLERANCE = 1e-4  # of values in [-1, 1]: 1/78 of a grey level


def session(content: bytes):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def holes(batch: int, height: int, width: int):
    """One of each of three kinds, and random pixels."""
    for seed, kind in enumerate([masks.square, masks.brush, masks.half, masks.pixels]):
        yield kind(batch, height, width, generator=torch.Generator().manual_seed(seed))


def pictures(batch: int, height: int, width: int):
    faces = from_bytes(draw_faces(batch, size=128, start=2_000_000)[0])
    return nn.functional.interpolate(faces, (height, width), mode="bilinear")


def all_but_the_drawn_slow(name: str):
    return pytest.param(name, marks=[] if name.endswith("-drawn") else [pytest.mark.slow])


@pytest.mark.parametrize("name", [all_but_the_drawn_slow(name) for name in export.names()])
def test_same_pictures_as_torch(name: str):
    content = export.onnx_of(name)
    run, network = session(content), export.Fill(shipped.load(name))
    for batch, height, width in [(1, 128, 128), (2, 64, 96)]:
        image = pictures(batch, height, width)
        for mask in holes(batch, height, width):
            with torch.no_grad():
                expected = network(image, mask).numpy()
            spoiled = torch.where(mask.bool(), torch.full_like(image, 7.0), image)
            (found,) = run.run(None, {"image": spoiled.numpy(), "mask": mask.numpy()})
            assert np.abs(found - expected).max() <= TOLERANCE
    assert len(content) < 1.1 * shipped.path(name).stat().st_size  # as small as the weights


def test_no_graph_asks_for_the_values_of_a_mask():
    """torch's newer exporter refuses one that does; the older would keep what it saw once."""
    example = (torch.zeros(1, 3, 64, 64), torch.zeros(1, 1, 64, 64))
    for name in ("unet-drawn", "glcic-drawn", "blind-drawn", "deepfill-drawn"):
        graph = torch.export.export(export.Fill(shipped.load(name)), example).graph
        assert not [node for node in graph.nodes if node.target == torch.ops.aten.item.default], (
            name
        )


def test_weights_that_half_precision_cannot_hold_stay_whole():
    network = UNet(UNetConfig(size=16, base=8, discriminator_base=4)).eval()
    with torch.no_grad():
        for weights in network.generator.parameters():
            weights.copy_(weights.half().float())
        network.generator.enc1[2].weight[0, 0, 0, 0] = 1 / 3
    whole = export.export(network)
    small = export.halved(whole)
    sizes = [weight.ByteSize() for weight in small.graph.initializer]
    kinds = {numpy_helper.to_array(weight).dtype for weight in small.graph.initializer}
    assert kinds >= {np.dtype(np.float16), np.dtype(np.float32)}
    assert sum(sizes) < 0.8 * sum(weight.ByteSize() for weight in whole.graph.initializer)
    image, mask = pictures(1, 16, 16), next(holes(1, 16, 16))
    given = {"image": image.numpy(), "mask": mask.numpy()}
    ours, theirs = (
        session(graph.SerializeToString()).run(None, given)[0] for graph in (small, whole)
    )
    assert (ours == theirs).all()  # bit for bit: nothing is lost


def test_exporting_leaves_the_model_as_it_was():
    model = shipped.load("blind-drawn")
    before = [type(module) for module in model.modules()]
    export.export(model)
    assert [type(module) for module in model.modules()] == before
    assert nn.GroupNorm in before


def test_what_draws_whole_pictures_is_refused():
    with pytest.raises(ValueError, match="fills holes, got gan-drawn"):
        export.onnx_of("gan-drawn")


def test_as_a_command(tmp_path, capsys):
    export.main([str(tmp_path), "unet-drawn"])
    assert [path.name for path in tmp_path.iterdir()] == ["unet-drawn.onnx"]
    assert "MB" in capsys.readouterr().out
    facts = {row.key: row.value for row in onnx.load(tmp_path / "unet-drawn.onnx").metadata_props}
    assert facts == {"network": "unet-drawn", "weights": export.weights_hash("unet-drawn")}
