"""The commands of ``tesm volume`` and what each takes, as data; nothing heavy is imported for them."""

from typing import Final

from napari_tesm.cli import shared
from napari_tesm.cli.arguments import Command, flag, group, option

# fmt: off
_VOLUME: Final = shared.files("VOLUME", "a TIFF stack or a folder of slices, HDF5, OME-Zarr, MRC, NRRD, Amira, "
                             "Zeiss TXM", name="file")
_READING: Final = group(
    "what the file does not say",
    option("voxel", "60nm|100nm,50nm,50nm", "distance of slices, rows and columns"),
    option("up", "z", "axis of the file that leads away from the collector: z (slices, default), y (rows), x "
           "(columns), or -z, -y, -x", default="z"),
    option("array", "NAME", "which array of an HDF5 file"),
    option("peak", "7Li+|7.016", "which peak of a mass spectrometer's file; 6Li+,7Li+ is a sum, 7Li+/total a ratio"),
    shared.taken("mapping", "M.yaml", "what a file of bare numbers holds"),
)
_FIXED: Final = group(
    "what the second file does not say; the options above are for the first",
    option("fixed-voxel", "100nm,50nm,50nm", "distance of its slices, rows and columns"),
    option("fixed-up", "z", "as --up", default="z"),
    option("fixed-array", "NAME", "as --array"), option("fixed-peak", "7Li+", "as --peak"),
)
_LEVELS: Final = group(
    "grey values in place of those that are found", option("air", "GREY", "of air"),
    option("collector", "GREY", "of the collector"),
)
COMMANDS: Final = {
    "info": Command("say what a file holds, and what is missing", (
        _VOLUME, _READING, flag("json", "print the same for programs"), shared.DEBUG,
    )),
    "convert": Command("make an OME-Zarr of it, with levels of half the resolution", (
        _VOLUME, shared.output("V.zarr", "the volume", required=True), _READING, shared.OVERWRITE, shared.PROGRESS,
        shared.QUIET, shared.DEBUG,
    )),
    "reconstruct": Command("make a volume of raw projections, as an OME-Zarr", (
        shared.files("RAW", "HDF5 Data Exchange or NXtomo, Zeiss TXRM, or any stack of projections", name="file"),
        _READING,
        group("what the projections are",
              option("angles", "0:180", "of the first and of the last projection in degrees, in place of the file's"),
              option("white", "W.tif|1", "frames without a sample, or one number for all pixels"),
              option("dark", "D.tif|0", "frames without a beam, or one number for all pixels"),
              flag("line-integrals", "the numbers are -ln of the transmission already")),
        group("how they are reconstructed",
              option("centre", "COLUMN", "column of the detector on which the axis of rotation falls, 0 in the middle "
                     "of the first pixel (default: it is found)"),
              option("rings", "5", "columns of the median against rings, 0 for none (default: one per cent of the "
                     "detector, at least 5)".replace("%", "%%"))),
        shared.output("V.zarr", "the volume", required=True), shared.json_or_stdout(instead_of="summary"), *shared.WAYS,
    ), "Flat field, logarithm, removal of rings, and filtered back-projection, slice by slice; the axis of rotation is "
       "found and stated. Slices are the rows of the detector: --up says which axis leads away from the collector."),
    "repair": Command("put a stack of slices right: missing slices, brightness, curtains, jitter", (
        _VOLUME, _READING,
        group("what is put right",
              option("without", "drift,curtains", "leave as they are: any of missing, brightness, curtains, drift")),
        shared.output("V.zarr", "the stack as it should be", required=True),
        shared.json_or_stdout(instead_of="summary"), *shared.WAYS,
    ), "Slices of a focused ion beam lie along z and curtains along y. What changes slowly from slice to slice stays: "
       "slow drift cannot be told from structures that lie askew. Corrections are told and stored with the output."),
    "surfaces": Command("find the surfaces of collector and electrode, and the thickness between them", (
        _VOLUME, _READING, _LEVELS,
        group("how surfaces are found",
              option("thresholds", "0.03,0.5", "the recipe of document 003 instead, to compare with: topmost voxels "
                     "above the attenuation of electrode and of collector in smoothed sections")),
        group("output",
              shared.output("S.gwy", "surfaces and thickness as channels"),
              shared.json_or_stdout(instead_of="summary"), *shared.WAYS),
    ), "The surfaces of collector and electrode in every column, by likelihood and with a place within the voxel, and "
       "the thickness between them, written as channels of a .gwy file. Quantities carry their unit: 60nm."),
    "profile": Command("measure attenuation against distance from the collector, and sections that follow it", (
        _VOLUME, _READING, _LEVELS,
        group("what is measured",
              option("bin", "120nm", "width of the bins of distance (default: two voxels)"),
              option("reach", "4um", "largest distance (default: beyond most of the electrode)"),
              option("mixed", "240nm", "distance up to which the collector's blur is mixed in (default: five widths of "
                     "its edge)"),
              option("section", "972nm", "a section at this height above the collector; may be repeated",
                     action="append", default=[]),
              option("upright", "y=3um|x=3um", "a section across the collector; may be repeated", action="append",
                     default=[])),
        group("output",
              shared.output("S.gwy", "the sections as channels"), shared.json_or_stdout(),
              shared.written("csv", "PROFILE.csv", "a row for each distance"), *shared.WAYS),
    ), "Attenuation (air 0, collector 1) against the Euclidean distance from the collector's rough surface, and "
       "sections at a height above it. Quantities carry their unit: 120nm."),
    "bodies": Command("find gaps to the collector, agglomerates, particles and pores", (
        _VOLUME, _READING, _LEVELS,
        group("what is looked for",
              option("least", "800nm", "diameter of the smallest body that counts as an agglomerate (default: 800nm)"),
              flag("tortuosity", "solve the diffusion through pores and solid in a box, too")),
        group("output",
              shared.output("B.gwy", "height of the gap and numbers of the agglomerates as channels"),
              shared.json_or_stdout(instead_of="summary"),
              shared.written("csv", "BODIES.csv", "a row for each agglomerate"), *shared.WAYS),
    ), "Where the electrode has come off its collector, and what lies in it; each number with the band that it has for "
       "thresholds a tenth of the contrast lower and higher. Quantities carry their unit: 800nm."),
    "place": Command("find where a volume lies in another one of the same region", (
        shared.files("MOVING", "the volume to be placed, such as counts of lithium", name="file"),
        shared.files("FIXED", "the one it is placed in, such as electron images", name="fixed"), _READING, _FIXED,
        group("how it is placed",
              shared.taken("landmarks", "L.csv", "pairs of places to begin with: a row for each, z, y, x of MOVING, "
                           "then of FIXED, in m or with a unit"),
              flag("landmarks-only", "take the landmarks' matrix as it is"),
              flag("no-turns", "do not look for quarter turns and mirror images")),
        group("output",
              shared.output("R.zarr", "MOVING on the voxels of FIXED, interpolated"),
              shared.json_or_stdout(instead_of="summary"), *shared.WAYS),
    ), "Quarter turns, mirror images and a shift first, then an affine by what both volumes show, with an error from "
       "parts of the volume that are left out. Refused where that does not determine the placement."),
    "counts": Command("count ions in particles: exact errors, and whether they vary by more than chance", (
        shared.files("COUNTS", "counts of ions, whole numbers", name="file"), _READING, _FIXED,
        group("where they are counted",
              shared.taken("particles", "FIXED", "labels of particles, or an image that shows them", dest="fixed",
                           required=True),
              shared.taken("placed", "P.json", "what place wrote for both (default: one frame for both)"),
              flag("dark", "in the image particles are darker than what is around"),
              option("least", "1um", "diameter of the smallest particle that is looked for in an image", default="1um"),
              option("widest", "600nm", "width of the widest crack", default="600nm")),
        group("output",
              shared.json_or_stdout(), shared.written("csv", "PARTICLES.csv", "a row for each particle"),
              shared.written("figure", "LITHIUM.png", shared.FIGURE_WORDS), *shared.STYLE, *shared.WAYS),
    ), "Each particle's mean with its exact Poisson interval, cracks and voids left out and their part of it, a "
       "test of whether the concentration is the same everywhere in it, and its course below the surface and beside "
       "cracks."),
    "join": Command("lay a scan on a section through a volume, and read both on the same pixels", (
        shared.files("SCAN.gwy", "a scan, best the output of tesm fit", name="file"),
        shared.files("VOLUME", "in which it lies, such as electron images with particles", name="volume"),
        group("what the volume does not say", *_READING.options),
        group("where the scan lies",
              shared.taken("landmarks", "L.csv", "a row for each: y, x in the scan as Gwyddion shows them, then z, y, "
                           "x in VOLUME, in m or with a unit", required=True),
              option("image", "TITLE", "channel that shows what the volume shows (default: deflection error, else "
                     "topography)"),
              flag("landmarks-only", "take the landmarks' place as it is")),
        group("ions on the same pixels",
              shared.taken("ions", "COUNTS", "counts of ions", dest="fixed"),
              shared.taken("placed", "P.json", "what place wrote for COUNTS in VOLUME (default: one frame for both)")),
        _FIXED,
        group("output", shared.output("J.gwy", "the scan with what the volume shows on its pixels as channels"),
              shared.json_or_stdout(), *shared.WAYS),
    ), "A rigid place from at least three landmarks, refined by the scan's image and the volume. On the scan's own "
       "pixels then lie the section, the particle, depth below its surface and distance from its cracks, and counts of "
       "ions; D, tau and H are correlated with the ions in the solid of particles, counting noise taken off."),
    "segment": Command("tell the class of every voxel from painted strokes, or from levels", (
        _VOLUME, _READING, _LEVELS,
        group("what parts the classes",
              shared.taken("labels", "STROKES", "a volume of its size with the number of a class where it was painted"),
              option("thresholds", "0.03,0.13,0.6", "attenuations (air 0, collector 1) between classes, instead")),
        shared.output("S.zarr", "the classes", required=True), shared.json_or_stdout(instead_of="summary"),
        *shared.WAYS,
    ), "Writes an OME-Zarr of labels. A few strokes of each class in two or three sections are enough; those of the "
       "collector, too, so that its blur is not taken for particles."),
    "compare": Command("put states of an electrode side by side: thickness and material against a reference", (
        shared.files("VOLUME", "as many states as there are, the reference among them", nargs="+"), _READING,
        group("what the states are",
              option("reference", "NAME", "the state that others are compared with (default: the first)"),
              option("cycles", "0,2,500", "number of cycles of each"),
              option("capacity", "0,1000,1000", "capacity each was cycled with, in mAh/g of silicon"),
              option("porosity", "60.4%", "of the silicon before cycling (default: 60.4%)".replace("%", "%%"))),
        group("output",
              shared.json_or_stdout(), shared.written("csv", "STATES.csv", "a row for each state"),
              shared.written("figure", "STATES.png", shared.FIGURE_WORDS),
              shared.taken("cycling", "CELL.csv", "cycling curves to draw beside the bars; may be repeated",
                           action="append", default=[]),
              *shared.STYLE, *shared.WAYS),
    ), "Thickness of each state with its error, its ratio to the reference beside what its capacity predicts, and what "
       "is left of the material. Surfaces are found in each volume by its own grey values of air and collector."),
    "report": Command("make figures and tables of one state or several, as one HTML page", (
        shared.files("VOLUME", "a state, or several on one scale", nargs="*"),
        shared.output("DIR", "folder of the report", required=True),
        _READING,
        group("what goes into the report",
              option("labels", "LABEL", "what each state is called, in their order", nargs="+", action="extend"),
              option("title", "TEXT", "heading of the page"),
              option("section", "972nm", "height above the collector of the sections that follow it",
                     default="972nm"),
              flag("bodies", "gaps, agglomerates, particles and pores, too, as tesm volume bodies finds them"),
              option("least", "800nm", "as in bodies: diameter of the smallest agglomerate (default: 800nm)"),
              flag("tortuosity", "as in bodies: solve the diffusion through pores and solid in a box, too"),
              shared.taken("counts", "COUNTS.json", "what tesm volume counts --json wrote; several are told apart by "
                           "their names", nargs="+", action="extend", default=[]),
              shared.taken("joined", "J.json|J.gwy", "what tesm volume join wrote: --json, and -o for courses of D",
                           nargs="+", action="extend", default=[])),
        group("output", *shared.STYLE, flag("overwrite", "replace an earlier report in DIR"), shared.PROGRESS,
              shared.QUIET, shared.DEBUG),
    ), "Thickness as a map and a histogram, sections across the collector and along it, and attenuation against the "
       "distance from it, of all states on one scale, with what lies in them (--bodies), ions in particles (--counts) "
       "and a scan on a section (--joined): one HTML page that needs nothing beside it, figures as PNG and SVG (for "
       "print PDF, too), tables as CSV, all numbers as JSON."),
    "simulate": Command("write a simulated volume with known surfaces, or a pair with known placement", (
        shared.output("V.zarr", "the volume", required=True),
        shared.written("ions", "I.zarr", "of a cathode, the counts of lithium beside the electron image"),
        shared.written("placed", "P.json", "of a cathode, the true placement, as place would write it"),
        shared.written("truth", "T.gwy", "its true surfaces and thickness, as channels"),
        option("preset", None, "np-si-pristine, np-si-lithiated, np-si-500, np-si-1556, np-si-2000, np-si-2000-100, "
               "np-si-2000-460, or collector, the control; cathode or cathode-uniform, a pair of one size",
               default="np-si-pristine"),
        option("shape", "160x200x220", "slices, rows and columns", default="160x200x220"),
        option("voxel", "60nm", "edge of a voxel", default="60nm"),
        option("noise", "5%", "of a voxel, in parts of the contrast between collector and air", default="5%"),
        option("seed", "0", "another number draws another volume", default="0"),
        shared.OVERWRITE, shared.PROGRESS, shared.QUIET, shared.DEBUG,
    )),
}
# fmt: on
