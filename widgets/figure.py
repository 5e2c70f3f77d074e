"""Matplotlib figures as small pictures, and shown so that everybody can read them."""

import base64
import io
from html import escape

import numpy as np
from IPython.display import display
from PIL import Image


def png(figure, dpi: float = 100, **options) -> bytes:
    """The figure as a PNG with a palette; the same bytes for the same figure.

    256 colours make a third of the bytes, and for these figures fewer than SVG, which not every
    viewer of notebooks shows. Nothing is dithered: a flat area stays flat. options: of `savefig`.
    """
    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=dpi, facecolor="white", **options)
    with_palette(Image.open(full)).save(small, format="png", optimize=True)
    return small.getvalue()


def with_palette(image: Image.Image) -> Image.Image:
    """The image in the 256 colours that suit it.

    A colour counts by the square root of its pixels: so two heat maps beside each other keep all
    their shades. Pixels of rare colours, at the edges of lines, take the nearest one.
    """
    codes = np.asarray(image.convert("RGB")).astype(int) @ (1 << 16, 1 << 8, 1)
    seen, at, counts = np.unique(codes, return_inverse=True, return_counts=True)
    colours = np.stack([seen >> 16, seen >> 8 & 255, seen & 255], axis=1)
    rare = min(4, counts.max()) if len(seen) > 256 else 1
    weights = np.where(counts >= rare, np.sqrt(counts).astype(int), 0)
    sample = Image.fromarray(np.repeat(colours, weights, axis=0)[None].astype(np.uint8))
    chosen = sample.quantize(256, Image.Quantize.MEDIANCUT, kmeans=1).getpalette()
    palette = np.reshape(chosen, (-1, 3))
    parts = np.array_split(colours[:, None], 1 + len(colours) // 4096)  # to save memory
    nearest = np.concatenate([((part - palette) ** 2).sum(2).argmin(1) for part in parts])
    order = counts.argsort(kind="stable")
    palette[nearest[order]] = colours[order]  # each entry exactly its most frequent colour
    made = Image.fromarray(nearest[at].reshape(codes.shape).astype(np.uint8))
    made.putpalette(palette.astype(np.uint8).tobytes())
    return made


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
