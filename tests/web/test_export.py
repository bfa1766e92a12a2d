"""The shipped networks as ONNX: the same pictures as in torch, in as many bytes as the weights."""

import numpy as np
import pytest
import torch
from torch import nn

from inpaintlib import masks
from inpaintlib.data import draw_faces
from inpaintlib.images import from_bytes
from inpaintlib.photos import shipped

onnx = pytest.importorskip("onnx", reason="ONNX is not installed: pip install 'inpaintlib[web]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra `web`")


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


@pytest.mark.parametrize("name", export.names())
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
