"""The pictures that the course draws itself: faces and handwritten digits, any number, labelled.

Nothing here knows anything of inpainting, and nothing of `inpaintlib` is imported.
"""

from drawings.digits import draw_digits
from drawings.faces import draw_faces
