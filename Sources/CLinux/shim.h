#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H
// No _GNU_SOURCE here: it changes glibc types that Swift's Glibc module already defined, and clang then refuses the module.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <stdint.h>
#include <sys/stat.h>
// What SO_PEERCRED gives of the process at the other end of a unix socket: glibc hides its own struct ucred from us.
struct clinux_peer_credentials {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};
// What lies at a path. Swift knows struct stat from several modules at once where NIO is imported, and then takes none.
struct clinux_file {
    uint64_t device;
    uint64_t inode;
    uint32_t is_socket;
};
static inline int clinux_look_at(const char *path, struct clinux_file *found) {
    struct stat status;
    if (lstat(path, &status) != 0) return -1;
    found->device = status.st_dev;
    found->inode = status.st_ino;
    found->is_socket = S_ISSOCK(status.st_mode);
    return 0;
}
#endif
