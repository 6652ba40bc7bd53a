"""Our server beside its peers: the same model, the same rows, the same machine, in interleaved rounds."""
