// The keeper of one external program, in C since between fork and exec nothing else may run.
//
// It is a process of its own: the daemon starts it, and it starts the program. Descriptor 0 is a socket to the daemon.
//
//   - The program leads a process group of its own. Whatever it starts and loses becomes the keeper's child (it is a
//     "subreaper"), in whichever group or session: the keeper ends with the last of them.
//   - When the program ends, what it left behind is ended: SIGTERM, and after a grace SIGKILL.
//   - "stop MILLISECONDS" on the socket ends the program in the same way, with that grace.
//   - When the socket closes, the daemon is dead, by SIGKILL perhaps: the same, with the shorter grace `lost`.
//   - Should the keeper itself be killed, the kernel kills the program (PR_SET_PDEATHSIG); what the program had started
//     is then left to the service manager.
//   - At the end the folder `remove` is removed, with the secrets in it.
//
// It tells the daemon, one message each: "starting 0", "started PID", then "exited CODE" or "killed SIGNAL"; or "refused
// STEP ERRNO" where the program could not be started. Where nothing comes after "starting", nobody knows.
#define _GNU_SOURCE
#include "include/CKeeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_GROUPS = 1024, LAST_WAIT_MS = 5000, KILL_AGAIN_MS = 20 };

/// What is asked of one keeper.
struct order {
    const char *directory;
    const char *input;
    const char *remove;
    long lost;
    long grace;
    long user;
    long group;
    int group_count;
    gid_t groups[MAX_GROUPS];
    char *const *program;
};

/// The steps between fork and exec, for the words of a refusal.
enum step { STEP_INPUT = 1, STEP_GROUPS, STEP_USER, STEP_DIRECTORY, STEP_PROGRAM, STEP_FORK };

struct refusal {
    int step;
    int error;
};

static int control = -1;

static long now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000L + time.tv_nsec / 1000000L;
}

static void tell(const char *format, int first, int second) {
    char text[64];
    int length = snprintf(text, sizeof text, format, first, second);
    // Nobody may listen any more; the work goes on all the same.
    if (length > 0) (void)send(control, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// What is asked -----------------------------------------------------------------------------------------------------

static const char *value_of(const char *word, const char *name) {
    size_t length = strlen(name);
    return strncmp(word, name, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static void read_groups(const char *text, struct order *order) {
    char *rest = NULL;
    for (; *text != 0 && order->group_count < MAX_GROUPS; text = *rest == ',' ? rest + 1 : rest) {
        order->groups[order->group_count++] = (gid_t)strtoul(text, &rest, 10);
        if (rest == text) break;
    }
}

static int read_order(int count, char *const words[], struct order *order) {
    memset(order, 0, sizeof *order);
    order->user = order->group = -1;
    for (int i = 0; i < count; i++) {
        const char *value;
        if (strcmp(words[i], "--") == 0) {
            order->program = words + i + 1;
            return i + 1 < count ? 0 : -1;
        }
        if ((value = value_of(words[i], "directory"))) order->directory = value;
        else if ((value = value_of(words[i], "input"))) order->input = value;
        else if ((value = value_of(words[i], "remove"))) order->remove = value;
        else if ((value = value_of(words[i], "lost"))) order->lost = strtol(value, NULL, 10);
        else if ((value = value_of(words[i], "grace"))) order->grace = strtol(value, NULL, 10);
        else if ((value = value_of(words[i], "user"))) order->user = strtol(value, NULL, 10);
        else if ((value = value_of(words[i], "group"))) order->group = strtol(value, NULL, 10);
        else if ((value = value_of(words[i], "groups"))) read_groups(value, order);
        else return -1;
    }
    return -1;
}

// The program -------------------------------------------------------------------------------------------------------

static _Noreturn void refuse(int report, enum step step) {
    struct refusal refusal = {step, errno};
    (void)!write(report, &refusal, sizeof refusal);
    _exit(127);
}

/// In the child, from fork to exec: only calls that are safe there.
static _Noreturn void become(const struct order *order, pid_t keeper, int report) {
    setpgid(0, 0);
    int input = open(order->input ? order->input : "/dev/null", O_RDONLY | O_CLOEXEC);
    if (input < 0 || dup2(input, 0) < 0) refuse(report, STEP_INPUT);
    if (order->group >= 0) {
        if (setgroups((size_t)order->group_count, order->groups) != 0) refuse(report, STEP_GROUPS);
        if (setgid((gid_t)order->group) != 0) refuse(report, STEP_GROUPS);
    }
    if (order->user >= 0 && setuid((uid_t)order->user) != 0) refuse(report, STEP_USER);
    if (order->directory && chdir(order->directory) != 0) refuse(report, STEP_DIRECTORY);
    umask(022);
    // After the change of user, which would clear it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != keeper) _exit(127);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    // Those that cannot be set answer with an error, which does not matter.
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    execvp(order->program[0], order->program);
    refuse(report, STEP_PROGRAM);
}

/// Returns the program's process, or 0 where it could not be started, which was told.
static pid_t start(const struct order *order) {
    int report[2];
    pid_t keeper = getpid();
    if (pipe2(report, O_CLOEXEC) != 0) {
        tell("refused %d %d", STEP_FORK, errno);
        return 0;
    }
    tell("starting %d", 0, 0);
    pid_t program = fork();
    if (program < 0) {
        tell("refused %d %d", STEP_FORK, errno);
        return 0;
    }
    if (program == 0) become(order, keeper, report[1]);
    setpgid(program, program);
    close(report[1]);
    struct refusal refusal;
    ssize_t length;
    do length = read(report[0], &refusal, sizeof refusal);
    while (length < 0 && errno == EINTR);
    close(report[0]);
    if (length == (ssize_t)sizeof refusal) {
        while (waitpid(program, NULL, 0) < 0 && errno == EINTR) {}
        tell("refused %d %d", refusal.step, refusal.error);
        return 0;
    }
    tell("started %d", program, 0);
    return program;
}

// The end -----------------------------------------------------------------------------------------------------------

/// The parent of a process; 0 where it is gone.
static pid_t parent_of(const char *process) {
    char path[300], text[512];
    snprintf(path, sizeof path, "/proc/%s/stat", process);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0) return 0;
    text[length] = 0;
    // The name, in brackets, may hold anything.
    const char *after = strrchr(text, ')');
    int parent = 0;
    return after && sscanf(after + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

/// Signals the program's group, and every process that has become the keeper's own child.
static void signal_all(pid_t program, int number) {
    if (program > 0) kill(-program, number);
    DIR *processes = opendir("/proc");
    if (!processes) return;
    pid_t self = getpid();
    for (struct dirent *entry; (entry = readdir(processes));) {
        char *rest = NULL;
        long process = strtol(entry->d_name, &rest, 10);
        if (process > 0 && *rest == 0 && parent_of(entry->d_name) == self) kill((pid_t)process, number);
    }
    closedir(processes);
}

static void remove_folder(const char *path) {
    DIR *folder = path ? opendir(path) : NULL;
    if (!folder) return;
    for (struct dirent *entry; (entry = readdir(folder));) unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    rmdir(path);
}

/// What the keeper knows while it waits.
struct watch {
    /// The program's group; 0 once the program was waited for, since its number may then be another's.
    pid_t program;
    int status;
    int has_ended;
    /// When SIGKILL is due; -1 while nothing is being ended.
    long kill_at;
    long give_up_at;
};

static void begin_end(struct watch *watch, long grace) {
    long at = now_ms() + (grace > 0 ? grace : 0);
    if (watch->kill_at >= 0) {
        if (at < watch->kill_at) watch->kill_at = at;
        return;
    }
    watch->kill_at = at;
    signal_all(watch->program, SIGTERM);
}

/// Waits for all that ended. Returns 0 when nothing is left.
static int reap(struct watch *watch, const struct order *order) {
    for (;;) {
        int status;
        pid_t ended = waitpid(-1, &status, WNOHANG);
        if (ended == 0) return 1;
        if (ended < 0) {
            if (errno == EINTR) continue;
            return 0;
        }
        if (ended == watch->program) {
            // Its group may live on; the last moment at which its number is certain to be its own.
            kill(-ended, SIGTERM);
            watch->program = 0;
            watch->status = status;
            watch->has_ended = 1;
            begin_end(watch, order->grace);
        }
    }
}

/// Reads what the daemon says. Returns 0 when it is gone.
static int listen_to_daemon(struct watch *watch) {
    char text[64];
    ssize_t length = recv(control, text, sizeof text - 1, MSG_DONTWAIT);
    if (length < 0) return errno == EAGAIN || errno == EINTR;
    if (length == 0) return 0;
    text[length] = 0;
    if (strncmp(text, "stop ", 5) == 0) begin_end(watch, strtol(text + 5, NULL, 10));
    return 1;
}

static int wait_time(const struct watch *watch) {
    if (watch->kill_at < 0) return -1;
    long left = watch->kill_at - now_ms();
    return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static void keep(struct watch *watch, const struct order *order, int signals) {
    int daemon_lives = 1;
    while (reap(watch, order)) {
        if (watch->kill_at >= 0 && now_ms() >= watch->kill_at) {
            if (watch->give_up_at == 0) watch->give_up_at = now_ms() + LAST_WAIT_MS;
            // Something may hang in the kernel: the daemon is not made to wait for it for ever.
            if (now_ms() > watch->give_up_at) return;
            signal_all(watch->program, SIGKILL);
            watch->kill_at = now_ms() + KILL_AGAIN_MS;
        }
        struct pollfd waits[2] = {{signals, POLLIN, 0}, {daemon_lives ? control : -1, POLLIN, 0}};
        if (poll(waits, 2, wait_time(watch)) < 0 && errno != EINTR) {
            // The system is out of memory: nothing is left behind for that.
            signal_all(watch->program, SIGKILL);
            return;
        }
        if (waits[1].revents && !listen_to_daemon(watch)) {
            daemon_lives = 0;
            begin_end(watch, order->lost);
        }
        struct signalfd_siginfo info;
        while (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
            if (info.ssi_signo != SIGCHLD) begin_end(watch, order->grace);
    }
}

void ckeeper_main(int count, char *const words[]) {
    struct order order;
    if (read_order(count, words, &order) != 0) _exit(64);
    control = fcntl(0, F_DUPFD_CLOEXEC, 3);
    if (control < 0) _exit(70);
    prctl(PR_SET_NAME, "bursar-keeper");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGPIPE, SIG_IGN);
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGHUP);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    int signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0) _exit(70);

    struct watch watch = {.program = start(&order), .kill_at = -1};
    if (watch.program > 0) {
        // The program has its own; the keeper holds the pipes no longer than the program does.
        close(1);
        close(2);
        keep(&watch, &order, signals);
    }
    remove_folder(order.remove);
    if (watch.has_ended && WIFEXITED(watch.status)) tell("exited %d", WEXITSTATUS(watch.status), 0);
    if (watch.has_ended && WIFSIGNALED(watch.status)) tell("killed %d", WTERMSIG(watch.status), 0);
    _exit(0);
}
