#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H
// No _GNU_SOURCE here: it changes glibc types that Swift's Glibc module already defined, and clang then refuses the module.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#endif
