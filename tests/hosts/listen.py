"""listen.py PROGRAM [ARG...]: runs a program below a supervisor that listens to its system calls already.

The kernel has room for one. The filter allows everything and asks nothing.
"""
import ctypes, os, platform, struct, subprocess, sys

ALLOW = struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)
SECCOMP = 317 if platform.machine() == "x86_64" else 277
SET_MODE_FILTER, NEW_LISTENER, NO_NEW_PRIVS = 1, 8, 38

libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(ALLOW)
header = struct.pack("HxxxxxxP", 1, ctypes.addressof(buffer))
if libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(SECCOMP, SET_MODE_FILTER, NEW_LISTENER, ctypes.c_char_p(header)) < 0:
    sys.exit(f"listen.py: {os.strerror(ctypes.get_errno())}")
# The listener stays open here as long as the program runs.
sys.exit(subprocess.call(sys.argv[1:]))
