"""
Figures for publication
=======================

Every figure of the package has a style for paper: the width of a column or of a page, type of 7 points and more, fonts in the file, no
label on the data.
"""

# %%
# The overview of a fit at the width of a page, 180 mm; on the command line ``tesm fit --figure overview.pdf --style paper``.

import io

import matplotlib.image as mpimg
import matplotlib.pyplot as plt

from napari_tesm import fit, kernel_choice, simulate_dataset
from napari_tesm.plotting.overview_page import overview_page
from napari_tesm.plotting.style import FigureStyle, bytes_of_figure


def show(figure, style):
    """Show a figure as the file for print holds it."""
    picture = mpimg.imread(io.BytesIO(bytes_of_figure(figure, "png", style)))
    page = plt.figure(figsize=(picture.shape[1] / 200, picture.shape[0] / 200))
    page.add_axes((0, 0, 1, 1)).axis("off")
    page.axes[0].imshow(picture)


page = FigureStyle.of("paper", "180mm")
dataset = simulate_dataset("si-c-step", size=(48, 36), samples=100, seed=1).isel(pulse=[1])
maps = fit(dataset, tip_radius="25 nm")
show(overview_page(dataset, maps, page.width), page)

# %%
# Which kernel the traces support, from ``tesm kernels --figure``:

from napari_tesm.plotting.kernel_choice import kernel_choice_figure

choice = kernel_choice(dataset.isel(x=slice(0, 24), y=slice(0, 18)), kernels=("exponential", "flux-pulse"))
show(kernel_choice_figure(choice), page)
