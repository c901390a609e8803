"""What t-ESM keeps in a ``.gwy`` file: traces, channels, results, regions, grains; the bytes are those of the codec."""
