"""``python -m serving --bundle PATH | --model-dir DIR | --follow RELEASE``."""

import os

# Before numpy: one ONNX session, one thread; a BLAS pool beside it would only fight for the same cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Before pyarrow: its own allocators keep what the ledger needed once.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

import gc
import sys

from evenkeel.errors import EvenkeelError


def main() -> int:
    """Serve until told to stop. 0: stopped as asked; 1: could not start."""
    # Hardly anything is garbage before all is loaded (settle_memory): the collector would look for it in vain.
    gc.disable()

    from evenkeel.settings import read_settings
    from serving.absent import do_without
    from serving.log import log_as_json
    from serving.options import read_options
    from serving.run import run

    do_without()
    try:
        settings = read_settings()
        options = read_options(None, settings)
        log_as_json()
        run(options, settings)
    except EvenkeelError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
