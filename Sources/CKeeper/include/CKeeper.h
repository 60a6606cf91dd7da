#ifndef CKEEPER_H
#define CKEEPER_H

// The keeper of one external program: a process between the daemon and the program, which sees to it that nothing the
// program started outlives the run, the daemon's own death by SIGKILL included. See keeper.c.

/// Keeps one program, and ends the process. Never returns.
///
/// The words are options of the form name=value, then "--", then the program and its arguments.
_Noreturn void ckeeper_main(int count, char *const words[]);

#endif
