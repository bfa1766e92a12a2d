"""Data: pictures in memory, where they come from, and the batches made of them.

`load_digits` and `load_faces` take MNIST and CelebA where they are found and draw digits and faces
otherwise, so that every lesson runs without a download.
"""

from drawings.digits import draw_digits
from drawings.faces import draw_faces
from inpaintlib.data.batching import batches, fixed_batch, jitter_colours
from inpaintlib.data.digits import load_digits
from inpaintlib.data.download import download_celeba, download_mnist
from inpaintlib.data.faces import load_faces
from inpaintlib.data.folders import load_folder
from inpaintlib.data.image_set import ImageSet
from inpaintlib.data.locations import default_folder, found, runs_folder
