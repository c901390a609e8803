"""What is told in napari: the name of a file and the reason, in the few words that a notification shows."""

from napari_tesm.gui.saying import without_folders


def test_folders_are_left_out(tmp_path):
    path = tmp_path / "a.gwy"
    assert without_folders(f"Not opened: {path}: no Gwyddion file") == "Not opened: a.gwy: no Gwyddion file"
    assert without_folders(f"'{path}' and '{tmp_path / 'b.h5'}' differ") == "'a.gwy' and 'b.h5' differ"


def test_what_is_no_path_of_this_computer_stays():
    for text in (
        "D in m²/s, 3 V/10 ms, 0.5 nm/V",
        "Saved scan_D.gwy",
        "group /entry_of_no_disk/data of a.h5 is empty",
        "either/or of two/three",
    ):
        assert without_folders(text) == text
