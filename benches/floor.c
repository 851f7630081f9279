// What the kernel takes for a plan, with as little of anything else as can be: the namespaces, mounts and
// processes that `aigate exec --dry-run` prints, made in its order by a program that decides nothing.
//
//   floor PLAN PROGRAM    where PLAN is a file with that output
//
// It protects nothing: every mask is /dev/null or an empty directory, and the filter allows everything.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
static int kept[64], keeps;
static char line[4096], *at;

static void must(long result, const char *what) {
    if (result < 0) {
        fprintf(stderr, "floor: %s %s: %s\n", what, at ? at : "", strerror(errno));
        exit(1);
    }
}

static int is(const char *step) {
    size_t length = strlen(step);
    if (strncmp(line, step, length) != 0) return 0;
    at = line + length;
    at[strcspn(at, "\n")] = 0;
    char *note = strstr(at, " (");
    if (note) *note = 0;
    return 1;
}

static void restrict_tree(int fd, const char *path, unsigned flags, __u64 set, __u64 propagation) {
    struct mount_attr attr = {.attr_set = set, .propagation = propagation};
    must(syscall(SYS_mount_setattr, fd, path, flags, &attr, sizeof attr), "mount_setattr");
}

static int tree(const char *path, unsigned more) {
    int fd = syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | more);
    must(fd, "open_tree");
    return fd;
}

static void attach(int fd, const char *path) {
    must(syscall(SYS_move_mount, fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH), "move_mount");
    close(fd);
}

static void new_fs(const char *kind, const char *path) {
    int fs = syscall(SYS_fsopen, kind, FSOPEN_CLOEXEC);
    must(fs, "fsopen");
    must(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "fsconfig");
    int mount = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID);
    must(mount, "fsmount");
    close(fs);
    attach(mount, path);
}

static void put(const char *file, const char *format, int id) {
    int fd = open(file, O_WRONLY);
    must(fd, file);
    must(dprintf(fd, format, id, id), file);
    close(fd);
}

static void devices(void) {
    char path[64];
    new_fs("tmpfs", "/dev");
    for (int i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "/dev/%s", nodes[i]);
        close(open(path, O_CREAT | O_WRONLY, 0600));
        attach(kept[keeps - 6 + i], path);
    }
    mkdir("/dev/pts", 0755);
    mkdir("/dev/shm", 01777);
    new_fs("devpts", "/dev/pts");
}

// Every step of the plan that is a call of the kernel's.
static void apply(FILE *plan, int uid, int gid) {
    while (fgets(line, sizeof line, plan)) {
        if (is("identity: ")) {
            put("/proc/self/setgroups", "deny", 0);
            put("/proc/self/uid_map", "%d %d 1", uid);
            put("/proc/self/gid_map", "%d %d 1", gid);
        } else if (is("private mounts")) {
            restrict_tree(AT_FDCWD, "/", AT_RECURSIVE, 0, 1 << 18);
        } else if (is("keep: ")) {
            kept[keeps++] = tree(at, AT_RECURSIVE);
        } else if (is("read-only: ")) {
            restrict_tree(AT_FDCWD, "/", AT_RECURSIVE, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0);
        } else if (is("tmpfs: ")) {
            new_fs("tmpfs", at);
        } else if (is("our own: ")) {
            mkdir(at, 0755);
            new_fs("tmpfs", at);
            char path[64];
            snprintf(path, sizeof path, "%s/file", at);
            close(open(path, O_CREAT | O_WRONLY, 0));
            snprintf(path, sizeof path, "%s/directory", at);
            mkdir(path, 0555);
        } else if (is("attach: ")) {
            attach(kept[0], at);
        } else if (is("devices: ")) {
            devices();
        } else if (is("proc: ")) {
            new_fs("proc", "/proc");
        } else if (is("protect: ") || is("pin: ")) {
            attach(tree(at, AT_RECURSIVE), at);
        } else if (is("mask: ")) {
            struct stat found;
            must(stat(at, &found), "stat");
            attach(tree(S_ISDIR(found.st_mode) ? "/run/aigate/directory" : "/run/aigate/file", 0), at);
        } else if (is("enter: ")) {
            must(chdir(at), "chdir");
        } else if (is("filter: ")) {
            struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
            struct sock_fprog program = {1, &allow};
            must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
            must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "seccomp");
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    FILE *plan = fopen(argv[1], "r");
    if (!plan) return 2;
    int uid = getuid(), gid = getgid();
    int flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    pid_t init = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    must(init, "clone");
    if (init == 0) {
        apply(plan, uid, gid);
        pid_t command = fork();
        must(command, "fork");
        if (command == 0) {
            execl(argv[2], argv[2], NULL);
            _exit(127);
        }
        int status;
        must(waitpid(command, &status, 0), "waitpid");
        _exit(WEXITSTATUS(status));
    }
    // Those who stand by.
    pid_t beside[2];
    for (int i = 0; i < 2; i++) {
        beside[i] = fork();
        if (beside[i] == 0) {
            poll(NULL, 0, -1);
            _exit(0);
        }
    }
    int status;
    must(waitpid(init, &status, 0), "waitpid");
    for (int i = 0; i < 2; i++) kill(beside[i], SIGKILL);
    return WEXITSTATUS(status);
}
