#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H
// No _GNU_SOURCE here: it changes glibc types that Swift's Glibc module already defined, and clang then refuses the module.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <stdint.h>
// What SO_PEERCRED gives of the process at the other end of a unix socket: glibc hides its own struct ucred from us.
struct clinux_peer_credentials {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};
#endif
