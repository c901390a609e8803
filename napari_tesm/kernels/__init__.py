"""Which curve does a relaxation follow: the kernels by name, of one parameter or two, behind a lock-in or not."""
