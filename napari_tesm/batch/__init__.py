"""Many files by one recipe: which are done, which failed and why, and what all of them come to.

- Which files are there, and how are their results called? `inputs.inputs_from_paths`.
- What became of a file, and is it still true? `records.Record`.
- Who fits them? `workers.Workers`: warm processes, of which one may crash or hang and takes one file with it.
- All of it: `running.run_batch`, which leaves a table and a page.
"""
