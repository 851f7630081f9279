"""refuse.py CALL=ERRNO[,...] PROGRAM [ARG...]: starts a program on a host that refuses system calls.

A call is a name of NUMBERS; `clone:newuser` is clone(2) with CLONE_NEWUSER alone.
"""
import ctypes, errno, os, platform, struct, sys

X86 = platform.machine() == "x86_64"
NUMBERS = {  # x86_64, the generic table of aarch64
    "clone": (56, 220), "clone3": (435, 435), "unshare": (272, 97), "mount": (165, 40),
    "landlock_create_ruleset": (444, 444), "seccomp": (317, 277), "fsopen": (430, 430),
    "inotify_init1": (294, 26),
}
NEWUSER = 0x10000000
LOAD, EQUAL, ANY_BIT, ANSWER = 0x20, 0x15, 0x45, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000


def instruction(code, k, yes=0, no=0):
    return struct.pack("HBBI", code, yes, no, k)


def program(refusals):
    text = b""
    for call, answer in refusals:
        name, _, flag = call.partition(":")
        text += instruction(LOAD, 0)
        if flag:
            text += instruction(EQUAL, NUMBERS[name][0 if X86 else 1], 0, 3)
            text += instruction(LOAD, 16) + instruction(ANY_BIT, NEWUSER, 0, 1)
        else:
            text += instruction(EQUAL, NUMBERS[name][0 if X86 else 1], 0, 1)
        text += instruction(ANSWER, REFUSE | getattr(errno, answer))
    return text + instruction(ANSWER, ALLOW)


def refuse(refusals):
    text = program(refusals)
    buffer = ctypes.create_string_buffer(text)
    header = struct.pack("HxxxxxxP", len(text) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.c_char_p(header)):
        sys.exit(f"refuse.py: {os.strerror(ctypes.get_errno())}")


refuse([one.split("=") for one in sys.argv[1].split(",")])
os.execvp(sys.argv[2], sys.argv[2:])
