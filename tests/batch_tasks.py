"""What the workers of `test_batch.py` are given, found by its name in a process of its own."""

import os
import time


def number_of_task(task, progress):
    """Return a number, or do to the process what a broken file may do."""
    if task == "crash":
        os.abort()
    if task == "leave":
        os._exit(3)
    if task == "hang":
        progress(0.25, "")
        time.sleep(3600)
    return int(task), os.getpid()


def reason_of_loss(task, reason):
    """Return what is said of a task whose process was lost."""
    return task, reason
