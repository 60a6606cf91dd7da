#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H
// No _GNU_SOURCE here: it changes glibc types that Swift's Glibc module already defined, and clang then refuses the module.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <stdint.h>
#include <linux/stat.h>
#include <sys/syscall.h>
// What SO_PEERCRED gives of the process at the other end of a unix socket: glibc hides its own struct ucred from us.
struct clinux_peer_credentials {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};
// What lies at a path. Swift knows struct stat from several modules at once where NIO is imported, and then takes none; so
// nothing of <sys/stat.h> may be included here either.
struct clinux_file {
    uint64_t device;
    uint64_t inode;
    uint32_t is_socket;
};
extern long syscall(long number, ...);
static inline int clinux_look_at(const char *path, struct clinux_file *found) {
    struct statx status;
    // From the current folder, without following a link at the end.
    if (syscall(SYS_statx, -100, path, 0x100, STATX_TYPE | STATX_INO, &status) != 0) return -1;
    found->device = (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor;
    found->inode = status.stx_ino;
    found->is_socket = (status.stx_mode & 0170000) == 0140000;
    return 0;
}
#endif
