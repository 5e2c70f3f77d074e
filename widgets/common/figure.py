"""Matplotlib figures as small pictures, and shown so that everybody can read them."""

import base64
import io
from html import escape

import numpy as np
from IPython.display import display
from PIL import Image


def png(figure, dpi: float = 100, **options) -> bytes:
    """Return a figure as a PNG with a palette; the same bytes for the same figure.

    A palette makes a third of the bytes, and for these figures fewer than SVG, which not every
    viewer of notebooks shows. Nothing is dithered: a flat area stays flat.

    Args:
        dpi: pixels an inch.
        options: of `savefig`.
    """
    full, small = io.BytesIO(), io.BytesIO()
    quick = {"compress_level": 1}  # these bytes are read at once, and thrown away
    figure.savefig(full, format="png", dpi=dpi, facecolor="white", pil_kwargs=quick, **options)
    with_palette(Image.open(full)).save(small, format="png", optimize=True)
    return small.getvalue()


def with_palette(image: Image.Image) -> Image.Image:
    """Return an image in as few of 64, 96, 128 or 256 colours as suffice: lines need the fewest.

    The colours of areas come first, as they are. The others count by the square root of their
    pixels: so two heat maps beside each other keep their shades. Pixels of rare colours, at the
    edges of lines, take the nearest one.
    """
    red, green, blue = np.moveaxis(np.asarray(image.convert("RGB"), dtype=int), -1, 0)
    codes = red << 16 | green << 8 | blue
    seen, at, counts = np.unique(codes, return_inverse=True, return_counts=True)
    colours = np.stack([seen >> 16, seen >> 8 & 255, seen & 255], axis=1)
    order = counts.argsort(kind="stable")  # from the rarest to the most frequent
    is_area = counts > codes.size / 2000
    for size in (64, 96, 128, 256):
        areas = order[::-1][: min(int(is_area.sum()), size // 2)]
        palette = np.concatenate([colours[areas], _chosen(colours, counts, areas, size)])
        nearest = np.concatenate([_nearest(part, palette) for part in np.array_split(colours, 8)])
        palette[nearest[order]] = colours[order]  # each entry exactly its most frequent colour
        off = np.abs(palette[nearest] - colours).max(axis=1)
        # of 255; the eye sees it in an area, and the hue of a thin line, not in single pixels
        area, line, far = off[is_area], off[counts > 20], counts[off > 12].sum()
        if area.max(initial=0) <= 4 and line.max(initial=0) <= 20 and far <= codes.size / 110:
            break
    small = Image.fromarray(nearest[at].reshape(codes.shape).astype(np.uint8))
    small.putpalette(palette.astype(np.uint8).tobytes())
    return small


def _chosen(colours: np.ndarray, counts: np.ndarray, areas: np.ndarray, size: int) -> np.ndarray:
    """Return what is left of a palette of `size` colours for those that are not areas: (n, 3)."""
    others = counts.copy()
    others[areas] = 0
    if not others.any():
        return np.empty((0, 3), dtype=int)
    others[others < min(4, others.max())] = 0
    sample = np.repeat(colours, np.sqrt(others).astype(int), axis=0)[None].astype(np.uint8)
    few = Image.fromarray(sample).quantize(size - len(areas), Image.Quantize.MEDIANCUT, kmeans=1)
    return np.array(few.getpalette() or [], dtype=int).reshape(-1, 3)


def _nearest(colours: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Return for each colour (N, 3) the number of its nearest in the palette (P, 3): (N,)."""
    return ((colours[:, None] - palette) ** 2).sum(2).argmin(1)


def show(fig, caption: str, alt: str, dpi: int = 80) -> None:
    """Display `fig` as an image with its caption below, and close it.

    caption: one or two sentences that everyone sees. alt: what a reader who cannot see the image
    needs: what is drawn, on which axes. Raises `ValueError` when either is empty.
    """
    if not caption.strip() or not alt.strip():
        raise ValueError("a figure needs a caption and an alt text; say what is drawn")
    import matplotlib.pyplot as plt  # only here: importing widgets stays quick

    data = base64.b64encode(png(fig, dpi, bbox_inches="tight")).decode()
    plt.close(fig)  # else the inline backend shows it a second time, without its text
    html = (
        f'<figure style="margin:0"><img src="data:image/png;base64,{data}" '
        f'alt="{escape(alt)}" style="max-width:100%;height:auto"/>'
        f"<figcaption><em>{escape(caption)}</em></figcaption></figure>"
    )
    display({"text/html": html, "text/plain": f"{caption}\n[{alt}]"}, raw=True)
