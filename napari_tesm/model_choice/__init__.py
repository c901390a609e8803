"""Which kernel the traces support, and what pure diffusion would have shown."""
