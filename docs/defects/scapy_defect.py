"""`PipeEngine.start` acquires `thread_lock`, and then starts a thread.

If the thread cannot be started, nothing releases the lock. From then on `start` takes the engine
for running, and `stop` takes it for stopped: neither does anything.
"""
# Needs: pip install scapy==2.8.0

import sys
import threading

from scapy.pipetool import CLIFeeder, PipeEngine, QueueSink

feeder, sink = CLIFeeder(), QueueSink()
_ = feeder > sink  # This connects them.
engine = PipeEngine(feeder)

usual = threading.stack_size(1 << 46)  # more memory than a thread can get
try:
    engine.start()
    sys.exit("not shown: the thread was started")
except RuntimeError as error:
    reason = str(error)
finally:
    threading.stack_size(usual)

engine.stop()
engine.start()
kept = engine.thread_lock.locked() and engine.thread is None
if kept:
    print(f"lock kept: after {reason!r}, thread_lock stays locked and start() starts no thread")
sys.exit(0 if kept else 1)
