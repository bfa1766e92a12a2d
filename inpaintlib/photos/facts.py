"""What belongs to a photo beside its pixels: profile, camera data, texts, resolution."""

import struct
from dataclasses import dataclass, field
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

# TIFF's tags that say how pixels are stored: a new file has its own. Orientation is 274.
STRUCTURE = {
    *(254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 292, 293, 317, 320),
    *(322, 323, 324, 325, 330, 338, 339, 347, 512, 513, 514, 529, 530, 531, 532),
}
PROFILE, XMP_TAG, RESOLUTION = 34675, 700, {282, 283, 296}
# PNG's chunks that go over to another PNG as they are; the others Pillow writes from the facts.
PNG_CHUNKS = (b"cHRM", b"cICP", b"gAMA", b"sRGB", b"tIME", b"tEXt", b"zTXt", b"iTXt")
PNG_XMP = b"XML:com.adobe.xmp"
DIRECTORIES = {0x8769: "Exif", 0x8825: "GPS"}


@dataclass(frozen=True)
class Facts:
    """What a picture file says beside its pixels.

    Attributes:
        exif: camera, author, description, place, …; without thumbnail, which would show what has
            been filled, and without what describes the file itself.
        profile: the ICC colour profile.
        xmp: Adobe's XML.
        comment: JPEG's and GIF's.
        dpi: pixels per inch, (x, y).
        chunks: PNG's texts and colour data, as (name, bytes).
        unkept: what is in the file and can never be written again, in words.
    """

    exif: Image.Exif = field(default_factory=Image.Exif)
    profile: bytes = b""
    xmp: bytes = b""
    comment: bytes = b""
    dpi: tuple[float, float] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    unkept: tuple[str, ...] = ()

    def options(self, name: str, turn: int = 1) -> dict[str, Any]:
        """Arguments of Pillow's `save` that write them, for every format that has a place.

        Args:
            name: of the format, as Pillow calls it.
            turn: EXIF's orientation of the rows in the file; 1 = upright, which is not written.
        """
        exif = Image.Exif()
        exif.update(self.exif)
        if turn != 1:
            exif[0x0112] = turn
        if name == "TIFF" and self.xmp:
            exif[XMP_TAG] = self.xmp
        text = PngImagePlugin.PngInfo()
        for chunk in self.chunks:
            text.add(*chunk)
        if self.xmp:
            text.add_itxt(PNG_XMP.decode(), self.xmp.decode("utf-8", "replace"))
        options: dict[str, Any] = {"pnginfo": text}
        given = {
            "exif": exif.tobytes() if len(exif) else None,
            "icc_profile": self.profile,
            "xmp": self.xmp,
            "comment": self.comment,
            "dpi": self.dpi,
        }
        return options | {name: value for name, value in given.items() if value}

    def missing_from(self, other: "Facts") -> list[str]:
        """What is here and not in other facts, in words."""
        lost = [f"EXIF {name}" for name in sorted(_tags(self.exif) - _tags(other.exif))]
        pairs = {
            "colour profile": (self.profile, other.profile),
            "XMP": (self.xmp, other.xmp),
            "comment": (self.comment, other.comment),
            "resolution": (self.dpi, other.dpi),
        }
        lost += [name for name, (mine, its) in pairs.items() if mine and not its]
        there = {_chunk_name(*chunk) for chunk in other.chunks}
        lost += sorted({_chunk_name(*chunk) for chunk in self.chunks} - there - {"sRGB", "tIME"})
        return [*lost, *self.unkept]


def facts_of(image: Image.Image, data: bytes = b"") -> Facts:
    """The facts of an opened picture, before it is turned upright.

    Args:
        image: as Pillow opened it.
        data: the file's bytes, which a PNG's chunks are taken from.
    """
    info = image.info
    exif = _whole_exif(image)
    xmp = info.get("xmp", b"") or exif.get(XMP_TAG, b"")
    for tag in [*(STRUCTURE & set(exif)), PROFILE, XMP_TAG]:
        exif.pop(tag, None)
    return Facts(
        exif=exif,
        profile=info.get("icc_profile") or b"",
        xmp=xmp.encode() if isinstance(xmp, str) else xmp,
        comment=_bytes(info.get("comment", b"")),
        dpi=info.get("dpi"),
        chunks=tuple(_png_chunks(data)) if image.format == "PNG" else (),
        unkept=tuple(_unkept(image)),
    )


def _whole_exif(image: Image.Image) -> Image.Exif:
    """A copy of the EXIF data with their sub-directories, so that it outlives the file."""
    source, exif = image.getexif(), Image.Exif()
    for tag, value in source.items():
        exif[tag] = dict(source.get_ifd(tag)) if tag in DIRECTORIES else value
    return exif


def _unkept(image: Image.Image) -> list[str]:
    found = []
    if "photoshop" in image.info and image.format != "TIFF":
        found.append("Photoshop's data (IPTC)")
    if image.format == "MPO":
        found.append("the further pictures in the file")
    if image.info.get("bit_depth", 8) > 8:
        found.append(f"more than 8 of {image.info['bit_depth']} bits")
    return found


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _tags(exif: Image.Exif) -> set[str]:
    """The names of all tags, those of sub-directories included; resolution is counted apart."""
    names = set()
    for tag, value in exif.items():
        if isinstance(value, dict):
            table = ExifTags.GPSTAGS if tag == 0x8825 else ExifTags.TAGS
            names |= {str(table.get(inner, inner)) for inner in value}
        elif tag not in RESOLUTION and tag not in DIRECTORIES:
            names.add(str(ExifTags.TAGS.get(tag, tag)))
    return names


def _png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG file that go over to another one as they are; XMP is not among them."""
    found, place = [], 8
    while place + 12 <= len(data):
        (length,), name = struct.unpack(">I", data[place : place + 4]), data[place + 4 : place + 8]
        content = data[place + 8 : place + 8 + length]
        if name in PNG_CHUNKS and not content.startswith(PNG_XMP):
            found.append((name, content))
        place += 12 + length
    return found


def _chunk_name(name: bytes, content: bytes) -> str:
    """In words: "text Title" or "gAMA"."""
    if name in (b"tEXt", b"zTXt", b"iTXt"):
        return f"text {content.split(bytes(1))[0].decode('latin-1')}"
    return name.decode()
