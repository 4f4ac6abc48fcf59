"""`_setup` holds `_singleton_lock` while it starts a service, which does not answer in time here.

The error goes to the telemetry, which calls `_setup` for the settings. This second call waits for
the lock that its own thread holds.
"""
# Needs: pip install wandb==0.31.0

import os
import sys
import tempfile
import threading
import traceback

os.environ["WANDB__SERVICE_WAIT"] = "0.01"  # seconds that the service has for its start
home = tempfile.TemporaryDirectory()
os.environ["HOME"] = os.environ["WANDB_DIR"] = home.name


def set_up() -> None:
    import wandb

    try:
        wandb.setup()
    except Exception as error:
        print(f"not blocked: {type(error).__name__}")


thread = threading.Thread(target=set_up, daemon=True)
thread.start()
thread.join(timeout=15)  # the import included
blocked = False
if thread.is_alive():
    stack = traceback.extract_stack(sys._current_frames()[thread.ident])
    blocked = [frame.name for frame in stack].count("_setup") == 2
if blocked:
    print("blocked: wandb.setup() has not returned after 15 s; one _setup waits for another")
home.cleanup()
sys.stdout.flush()
os._exit(0 if blocked else 1)
