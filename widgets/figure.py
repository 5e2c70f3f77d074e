"""Show a matplotlib figure that everybody can read: with a caption and alt text."""

import base64
import io
from html import escape

from IPython.display import display
from PIL import Image


def show(fig, caption: str, alt: str, dpi: int = 80) -> None:
    """Display `fig` as an image with its caption below, and close it.

    caption: one or two sentences that everyone sees. alt: what a reader who cannot see the image
    needs: what is drawn, on which axes. Raises `ValueError` when either is empty.
    """
    if not caption.strip() or not alt.strip():
        raise ValueError("a figure needs a caption and an alt text; say what is drawn")
    import matplotlib.pyplot as plt  # only here: importing widgets stays quick

    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight", facecolor="white")
    plt.close(fig)  # else the inline backend shows it a second time, without its text
    small = io.BytesIO()  # 256 colours are plenty for a plot and keep notebooks small
    Image.open(buffer).convert("RGB").quantize(256).save(small, format="png", optimize=True)
    data = base64.b64encode(small.getvalue()).decode()
    html = (
        f'<figure style="margin:0"><img src="data:image/png;base64,{data}" '
        f'alt="{escape(alt)}" style="max-width:100%;height:auto"/>'
        f"<figcaption><em>{escape(caption)}</em></figcaption></figure>"
    )
    display({"text/html": html, "text/plain": f"{caption}\n[{alt}]"}, raw=True)
