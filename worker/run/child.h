/* Starts one child process, vfork-style: the caller waits until the program has been executed.
 *
 * The child gets a session of its own, the three given descriptors and no other, umask 022, the
 * default disposition of every signal, an empty signal mask, SIGKILL when the spawner dies.
 * Resource limits are the worker's (RLIMIT_NOFILE may be set); no_new_privs stays off, because
 * backups need sudo. */
#ifndef MUSTER_WORKER_RUN_CHILD_H
#define MUSTER_WORKER_RUN_CHILD_H

#include <sys/resource.h>
#include <sys/types.h>

struct child_spec {
    char **argv;                   /* NULL-terminated; argv[-1] must be writable */
    char **envp;                   /* NULL-terminated */
    const char *const *candidates; /* paths to try in order, NULL-terminated, at least one */
    const char *cwd;
    int stdin_fd, stdout_fd, stderr_fd; /* all ≥ 3 */
    int cgroup_fd;                      /* a cgroup v2 directory, or -1 */
    const struct rlimit *files;         /* RLIMIT_NOFILE of the child; NULL: as it is here */
};

enum child_step { CHILD_CLONE, CHILD_SESSION, CHILD_DESCRIPTORS, CHILD_DIRECTORY, CHILD_EXECUTE };

struct child_failure {
    enum child_step step;
    int error;        /* errno */
    const char *path; /* CHILD_EXECUTE: the candidate that was the nearest to success */
};

/* 0 and the pid, or the negative errno of ret_failure. A child that failed is reaped. The caller
 * has one thread, no signal handlers, and every signal blocked. */
int child_start(const struct child_spec *spec, pid_t *ret_pid, struct child_failure *ret_failure);

#endif
