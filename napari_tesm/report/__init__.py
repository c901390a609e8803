"""The paper's figures and tables for any dataset, as one HTML page, with figures, tables and numbers beside it.

How to add a section
--------------------
1. Numbers come from a numeric room, drawings from `napari_tesm.plotting` (functions on given matplotlib figures or
   axes, never pyplot). A section only brings the two together and says in words what was measured.
2. Write ``report/sections/<subject>.py`` with one public function::

       def section_from_data(data: ReportData) -> Section | None

   It takes what it needs from `ReportData` (scans with traces, maps, regions and points; controls; cycling files) and
   returns a `Section`, or None where the subject does not concern this report at all. Where something is missing that
   a person could supply, it returns a `Section` whose `missing` says so in a sentence each, with whatever can be shown
   all the same.
3. Add the subject to `SECTIONS` in ``report/sections/__init__.py``, at its place in the order of the page.
4. Test it: ``section_from_data(data)`` on a small simulated dataset, its numbers against the truth, and every figure
   drawn once with `napari_tesm.report.assembling.drawn`.

Rules: SI in `numbers` and in the rows of tables (the page writes them with prefixes); captions state n, thresholds and
units; texts are plain, the page escapes them; everything depends on the data alone, so that two runs give the same
bytes (seeds fixed, no clock, no absolute path). A section that raises becomes a warning on the page; in tests and where
`strict` is asked for it is raised again. A sentence that names a field is a `napari_tesm.files.sentences.Sentence`.
"""
