import math
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut
from skimage.restoration import inpaint_biharmonic

from inpaintlib.images import from_bytes
from inpaintlib.masks import blocks, brush, centre, pixels, rectangle, square
from inpaintlib.measure.classical import (
    CLASSICAL,
    PCA,
    MeanImage,
    biharmonic,
    image_mean,
    navier_stokes,
    telea,
)

TRAINING = 2 * torch.rand(30, 3, 24, 32, generator=torch.Generator().manual_seed(1)) - 1
FILLS = CLASSICAL | {"mean face": MeanImage(TRAINING), "PCA": PCA(TRAINING, components=5)}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(batch, channels, height, width, seed=0):
    return 2 * torch.rand(batch, channels, height, width, generator=seeded(seed)) - 1


def photo(size=64):
    """(1, 3, size, size), [-1, 1]: a face from scikit-image."""
    array = cv2.resize(astronaut()[:256, 96:352], (size, size), interpolation=cv2.INTER_AREA)
    return from_bytes(torch.from_numpy(array)).permute(2, 0, 1)[None]


class TestEveryFill:
    @pytest.mark.parametrize("name", FILLS)
    def test_known_pixels_stay_and_the_hole_is_filled(self, name):
        image, mask = noise(4, 3, 24, 32), brush(4, 24, 32, generator=seeded())
        before = image.clone(), mask.clone()
        filled = FILLS[name](image, mask)
        assert filled.shape == image.shape
        assert filled.dtype == image.dtype
        assert filled.abs().max() <= 1
        known = ~mask.bool().expand_as(image)
        assert torch.equal(filled[known], image[known])
        assert not torch.equal(filled, image)
        assert torch.equal(image, before[0])
        assert torch.equal(mask, before[1])

    @pytest.mark.parametrize("name", FILLS)
    def test_does_not_see_what_is_hidden(self, name):
        image, mask = noise(3, 3, 24, 32), blocks(3, 24, 32, generator=seeded(), cells=6)
        other = torch.where(mask.bool(), noise(3, 3, 24, 32, seed=9), image)
        fill = FILLS[name]
        torch.testing.assert_close(fill(other, mask), fill(image, mask), rtol=0, atol=0)

    @pytest.mark.parametrize("name", FILLS)
    def test_one_image_at_a_time_gives_the_same(self, name):
        image, mask = noise(3, 3, 24, 32), square(3, 24, 32, generator=seeded(), side=8)
        one_by_one = [FILLS[name](image[i : i + 1], mask[i : i + 1]) for i in range(3)]
        torch.testing.assert_close(FILLS[name](image, mask), torch.cat(one_by_one))

    @pytest.mark.parametrize("name", FILLS)
    def test_empty_mask_returns_the_image(self, name):
        image = noise(2, 3, 24, 32)
        assert torch.equal(FILLS[name](image, torch.zeros(2, 1, 24, 32)), image)

    @pytest.mark.parametrize("name", FILLS)
    def test_refuses_a_mask_of_another_size(self, name):
        with pytest.raises(ValueError, match="does not fit"):
            FILLS[name](noise(2, 3, 24, 32), torch.zeros(2, 1, 32, 24))

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("name", CLASSICAL)
    def test_restores_a_constant_image(self, name, channels):
        colours = torch.tensor([0, 51, 255])[:channels].view(1, -1, 1, 1)  # a byte each, for OpenCV
        image = from_bytes(colours.expand(1, channels, 40, 30).to(torch.uint8))
        mask = brush(1, 40, 30, generator=seeded())
        observed = torch.where(mask.bool(), 0.0, image)
        atol = 2 / 127.5 if name == "Telea" else 1e-6  # OpenCV's Telea is two bytes off
        torch.testing.assert_close(CLASSICAL[name](observed, mask), image, rtol=0, atol=atol)

    @pytest.mark.parametrize("name", CLASSICAL)
    def test_refuses_an_image_without_known_pixels(self, name):
        mask = torch.zeros(3, 1, 8, 8)
        mask[1] = 1
        with pytest.raises(ValueError, match=r"known pixel in each image.*image 1 "):
            CLASSICAL[name](noise(3, 3, 8, 8), mask)


def test_image_mean_by_hand():
    image = torch.tensor([[[[0.9, 0.1, 0.3]], [[0.9, -0.5, 0.5]], [[0.9, 1.0, 1.0]]]])
    filled = image_mean(image, torch.tensor([[[[1.0, 0.0, 0.0]]]]))
    torch.testing.assert_close(filled[0, :, 0, 0], torch.tensor([0.2, 0.0, 1.0]))


class TestOpenCV:
    @pytest.mark.parametrize(
        ("fill", "method"), [(telea, cv2.INPAINT_TELEA), (navier_stokes, cv2.INPAINT_NS)]
    )
    def test_equals_opencv_on_bytes(self, fill, method):
        image, mask = photo(), centre(1, 64, 64, generator=seeded(), side=20)
        array = np.ascontiguousarray(((image[0] + 1) * 127.5).round().byte().permute(1, 2, 0))
        hole = mask[0, 0].byte().numpy()
        expected = torch.from_numpy(cv2.inpaint(array, hole, 3, method)).permute(2, 0, 1)
        filled = fill(image, mask)
        torch.testing.assert_close((filled[0] + 1) * 127.5, expected.float(), rtol=0, atol=1e-3)

    def test_the_two_methods_differ(self):
        image, mask = photo(), centre(1, 64, 64, generator=seeded(), side=20)
        assert (telea(image, mask) - navier_stokes(image, mask)).abs().max() > 0.05


class TestBiharmonic:
    @pytest.mark.parametrize("family", [square, blocks, brush, pixels])
    def test_equals_scikit_image_on_the_whole_picture(self, family):
        # ours solves each hole in its own box; scikit-image's default solves all at once
        image, mask = photo(48), family(1, 48, 48, generator=seeded())
        expected = inpaint_biharmonic(
            image[0].double().permute(1, 2, 0).numpy(), mask[0, 0].bool().numpy(), channel_axis=-1
        )
        expected = torch.from_numpy(expected).permute(2, 0, 1).float()
        torch.testing.assert_close(biharmonic(image, mask)[0], expected, rtol=0, atol=1e-5)

    def test_continues_a_ramp(self):
        rows, columns = torch.meshgrid(
            torch.linspace(-0.5, 0.5, 40), torch.linspace(-0.4, 0.4, 50), indexing="ij"
        )
        image = torch.stack([rows + columns, rows - columns, rows])[None]
        mask = centre(1, 40, 50, generator=seeded(), side=20)
        observed = torch.where(mask.bool(), 0.0, image)
        torch.testing.assert_close(biharmonic(observed, mask), image, rtol=0, atol=1e-3)


class TestLearned:
    def test_mean_image(self):
        image, mask = noise(2, 3, 24, 32), centre(2, 24, 32, generator=seeded())
        filled = MeanImage(TRAINING)(image, mask)
        inside = mask[0, 0].bool()
        torch.testing.assert_close(filled[1][:, inside], TRAINING.mean(dim=0)[:, inside])

    @pytest.mark.parametrize("count", [12, 200], ids=["fewer images than values", "more"])
    def test_basis_is_that_of_the_singular_value_decomposition(self, count):
        images = noise(count, 1, 6, 8)
        _, singular, directions = np.linalg.svd(
            (images - images.mean(dim=0)).flatten(1).double().numpy(), full_matrices=False
        )
        expected = (directions * singular[:, None] / math.sqrt(count - 1))[:4]
        basis = PCA(images, components=4).basis.numpy()
        signs = np.sign((basis * expected).sum(axis=1, keepdims=True))  # a direction has no sign
        np.testing.assert_allclose(basis * signs, expected, atol=1e-5)

    def test_equals_least_squares_by_hand(self):
        images = noise(20, 1, 6, 8)
        pca = PCA(images, components=3, ridge=0.01)
        image, mask = noise(2, 1, 6, 8, seed=5) * 0.3, pixels(2, 6, 8, generator=seeded())
        filled = pca(image, mask)
        mean, basis = pca.mean.flatten().double().numpy(), pca.basis.double().numpy()
        for index in range(2):
            known = mask[index].flatten().numpy() == 0
            # the ridge as three more equations: sqrt(ridge D) z = 0
            matrix = np.vstack([basis[:, known].T, math.sqrt(0.01 * 48) * np.eye(3)])
            target = (image[index].flatten().numpy() - mean)[known]
            z, *_ = np.linalg.lstsq(matrix, np.concatenate([target, np.zeros(3)]), rcond=None)
            expected = np.where(known, image[index].flatten().numpy(), mean + z @ basis)
            np.testing.assert_allclose(filled[index].flatten().numpy(), expected, atol=1e-5)

    def test_recovers_a_face_in_the_span_of_its_components(self):
        pca = PCA(TRAINING, components=5, ridge=1e-8)
        weights = torch.randn(4, 5, generator=seeded()) * 0.2
        image = pca.mean + (weights @ pca.basis).view(4, 3, 24, 32)
        mask = rectangle(4, 24, 32, generator=seeded(), low=10, high=14)
        observed = torch.where(mask.bool(), 0.0, image)
        torch.testing.assert_close(pca(observed, mask), image, rtol=0, atol=1e-3)

    def test_pca_stays_in_range(self):
        # known pixels far from the mean push the fit beyond white
        pca = PCA(TRAINING, components=5, ridge=1e-8)
        image = (pca.mean + 8 * pca.basis.sum(dim=0).view(3, 24, 32))[None]
        mask = centre(1, 24, 32, generator=seeded())
        assert pca(image, mask)[..., 8:16, 12:20].abs().max() == 1

    def test_a_large_ridge_gives_the_mean_image(self):
        image, mask = noise(2, 3, 24, 32), centre(2, 24, 32, generator=seeded())
        filled = PCA(TRAINING, components=5, ridge=1e6)(image, mask)
        torch.testing.assert_close(filled, MeanImage(TRAINING)(image, mask))

    def test_a_picture_all_hole_gets_the_mean_image(self):
        image, mask = noise(1, 3, 24, 32), torch.ones(1, 1, 24, 32)
        expected = TRAINING.mean(dim=0, keepdim=True)
        for fill in (MeanImage(TRAINING), PCA(TRAINING, components=5)):
            torch.testing.assert_close(fill(image, mask), expected)

    @pytest.mark.parametrize("name", ["mean face", "PCA"])
    def test_refuses_images_of_another_size(self, name):
        with pytest.raises(ValueError, match="learned from"):
            FILLS[name](noise(1, 3, 32, 32), torch.zeros(1, 1, 32, 32))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"components": 30}, "1 to 29 components"),
            ({"components": 0}, "1 to 29 components"),
            ({"components": 5, "ridge": 0}, "ridge above 0"),
        ],
    )
    def test_refuses_bad_options(self, options, message):
        with pytest.raises(ValueError, match=message):
            PCA(TRAINING, **options)


def celeba():
    """The folder of the development photos, or None."""
    root = Path(os.environ.get("INPAINTLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))
    folder = root / "celeba" / "img_align_celeba" / "img_align_celeba"
    return folder if (folder / "000921.jpg").exists() else None


def load(folder, numbers, size=64):
    """(N, 3, size, size), [-1, 1]: the 178x178 centre crop, made smaller."""
    arrays = []
    for number in numbers:
        with Image.open(folder / f"{number:06d}.jpg") as image:
            face = image.crop((0, 20, 178, 198)).resize((size, size), Image.Resampling.LANCZOS)
            arrays.append(np.asarray(face))
    return from_bytes(torch.from_numpy(np.stack(arrays))).permute(0, 3, 1, 2)


def hole_psnr(filled, image, mask):
    """Decibels in the hole on the [0, 1] scale, an image at a time, then the mean."""
    squares = (((filled - image) / 2) ** 2 * mask).sum(dim=(1, 2, 3))
    return (-10 * torch.log10(squares / (3 * mask.sum(dim=(1, 2, 3))))).mean().item()


@pytest.fixture(scope="module")
def faces():
    folder = celeba()
    if folder is None:
        pytest.skip("the CelebA photos are not here")
    return load(folder, range(1, 820)), load(folder, range(820, 922))


class TestOnRealFaces:
    """Against an independent measurement: same photos, another draw of holes, other code.

    Hole PSNR in decibels: one random rectangle with sides of 24 to 32 pixels; the centre 32.
    """

    measured = {  # noqa: RUF012
        "image mean": (12.25, 12.03),
        "mean face": (13.74, 14.78),
        "Telea": (14.80, 13.17),
        "Navier-Stokes": (14.72, 12.82),
        "biharmonic": (15.46, 12.86),
        "PCA": (17.17, 16.96),
    }

    @staticmethod
    def scores(fill, images):
        random = rectangle(102, 64, 64, generator=seeded(1), low=24, high=32)
        middle = centre(102, 64, 64, generator=seeded(), side=32)
        return [hole_psnr(fill(images, mask), images, mask) for mask in (random, middle)]

    @pytest.mark.parametrize("name", measured)
    def test_decibels(self, faces, name):
        training, images = faces
        learned = {"mean face": MeanImage, "PCA": lambda images: PCA(images, ridge=4e-5)}
        fill = learned[name](training) if name in learned else CLASSICAL[name]
        assert self.scores(fill, images) == pytest.approx(self.measured[name], abs=0.5)

    def test_the_default_ridge_is_better_than_a_smaller_or_larger_one(self, faces):
        training, images = faces
        best = self.scores(PCA(training), images)
        for ridge in (3e-5, 3e-3):
            other = self.scores(PCA(training, ridge=ridge), images)
            assert all(b > o for b, o in zip(best, other, strict=True))
