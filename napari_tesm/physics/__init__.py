"""What does a relaxation time say about diffusion: D from tau, the tip, and the methods for bulk samples."""
