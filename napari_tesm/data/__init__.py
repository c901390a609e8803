"""What is a t-ESM recording: the dataset and its protocol, the names of result maps, displacement, phase."""
