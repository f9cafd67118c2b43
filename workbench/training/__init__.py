"""How networks are trained: data sets, trainer, checkpoints."""
