/*
 * launch.c -- starts the program of an exec command: arguments, path, environment, directory,
 * standard streams.
 *
 * A name without a slash is searched in the PATH that the program itself will see. Standard input
 * is an unnamed memory file, which never makes anybody wait, or /dev/null. What cannot be started
 * gets the exit status that a shell gives it (127 not found, 126 not executable), 125 where the
 * worker is at fault, and a text that says which file and why.
 */
#include "slot.h"

#include "base/assert.h"
#include "base/fs.h"
#include "base/log.h"
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOEXEC_SEAL = 8 /* MFD_NOEXEC_SEAL */ };

enum { CANDIDATES_MAX = 128, EXIT_OURS = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

static const char path_default[] = "/usr/bin:/bin";

/* What child_start needs, all of it in the arena; descriptors are closed by the caller. */
struct launch {
    struct child_spec spec;
    int stream_fds[SLOT_STREAMS]; /* write ends */
    struct arena *arena;
    struct slot_failure *failure;
};

__attribute__((format(printf, 6, 7))) static int refuse(struct launch *launch, int error,
                                                        enum reason reason, int exit_status,
                                                        const char *type, const char *format, ...)
{
    va_list args;
    char *text = arena_alloc(launch->arena, 1024);
    if (text) {
        va_start(args, format);
        vsnprintf(text, 1024, format, args);
        va_end(args);
    }
    *launch->failure = (struct slot_failure){.state = STATE_FAILED,
                                             .reason = reason,
                                             .exit = exit_status,
                                             .code = (uint32_t)-error,
                                             .type = type,
                                             .message = text ? text : "out of memory"};
    return error;
}

static int refuse_start(struct launch *launch, int error, const char *what)
{
    return refuse(launch, error, REASON_START_FAILED, EXIT_OURS, "StartFailed", "%s: %s", what,
                  strerror(-error));
}

static int make_argv(struct launch *launch, const struct wire_command_body *body)
{
    if (body->n_argv == 0 || body->argv[0].size == 0)
        return refuse(launch, -EINVAL, REASON_BAD_ARGUMENTS, EXIT_OURS, "BadArguments",
                      "exec: there is no program: argv is empty");
    /* One place in front for /bin/sh, see child.h. */
    char **argv = arena_zalloc(launch->arena, body->n_argv + 2, sizeof *argv);
    if (!argv)
        return refuse_start(launch, -ENOMEM, "arguments");
    argv++;
    for (uint32_t i = 0; i < body->n_argv; i++) {
        struct bytes copy;
        if (!bytes_is_text(body->argv[i]))
            return refuse(launch, -EINVAL, REASON_BAD_ARGUMENTS, EXIT_OURS, "BadArguments",
                          "exec: argument %u contains a NUL byte", i);
        if (!arena_copy(launch->arena, body->argv[i], &copy))
            return refuse_start(launch, -ENOMEM, "arguments");
        argv[i] = (char *)(uintptr_t)copy.data;
    }
    launch->spec.argv = argv;
    return 0;
}

static int make_candidates(struct launch *launch)
{
    const char **candidates = arena_zalloc(launch->arena, CANDIDATES_MAX + 1, sizeof *candidates);
    if (!candidates)
        return refuse_start(launch, -ENOMEM, "search path");
    launch->spec.candidates = candidates;
    const char *name = launch->spec.argv[0];
    if (strchr(name, '/')) {
        candidates[0] = name;
        return 0;
    }
    size_t name_size = strlen(name);
    const char *path = environ_get(launch->spec.envp, "PATH");
    if (!path)
        path = path_default;
    if (name_size > NAME_MAX)
        return refuse(launch, -ENAMETOOLONG, REASON_NOT_FOUND, EXIT_NOT_FOUND, "NotFound",
                      "the name of the program is longer than %d bytes", NAME_MAX);
    for (size_t n = 0; n < CANDIDATES_MAX; n++) {
        size_t size = strcspn(path, ":");
        char *candidate = arena_alloc(launch->arena, size + name_size + 3);
        if (!candidate)
            return refuse_start(launch, -ENOMEM, "search path");
        /* An empty entry is the current directory. */
        snprintf(candidate, size + name_size + 3, "%.*s/%s", size ? (int)size : 1,
                 size ? path : ".", name);
        candidates[n] = candidate;
        if (path[size] == 0)
            break;
        path += size + 1;
    }
    return 0;
}

static int make_environment(struct launch *launch, struct spawner *spawner, const struct slot *slot,
                            const struct message_start *start, struct bytes pool_name,
                            const struct wire_command_body *body)
{
    struct environ_attempt attempt = {.pool_name = pool_name,
                                      .host = spawner->options.host,
                                      .cookie = slot->tree->cookie,
                                      .track_id = start->track_id,
                                      .attempt = start->attempt,
                                      .slot = start->slot};
    size_t bad = 0;
    int error = environ_build(&spawner->environ_base, &attempt, body->env, body->n_env,
                              launch->arena, &launch->spec.envp, &bad);
    if (error == -EINVAL)
        return refuse(launch, error, REASON_BAD_ARGUMENTS, EXIT_OURS, "BadArguments",
                      "exec: entry %zu of the environment is not NAME=VALUE", bad);
    return error < 0 ? refuse_start(launch, error, "environment") : 0;
}

static int make_directory(struct launch *launch, struct spawner *spawner,
                          const struct wire_command_body *body)
{
    launch->spec.cwd = spawner->options.workdir;
    if (body->cwd.size == 0)
        return 0;
    struct bytes copy;
    if (!bytes_is_text(body->cwd))
        return refuse(launch, -EINVAL, REASON_BAD_ARGUMENTS, EXIT_OURS, "BadArguments",
                      "exec: the directory contains a NUL byte");
    if (!arena_copy(launch->arena, body->cwd, &copy))
        return refuse_start(launch, -ENOMEM, "directory");
    launch->spec.cwd = (const char *)copy.data;
    return 0;
}

static int make_stdin(struct launch *launch, struct spawner *spawner, struct bytes input)
{
    launch->spec.stdin_fd = spawner->null_fd;
    if (input.size == 0)
        return 0;
    int fd = memfd_create("stdin", MFD_CLOEXEC | NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("stdin", MFD_CLOEXEC); /* before Linux 6.3 */
    if (fd < 0)
        return refuse_start(launch, -errno, "standard input");
    launch->spec.stdin_fd = fd;
    int error = fs_write_all(fd, input.data, input.size);
    if (error == 0 && lseek(fd, 0, SEEK_SET) < 0)
        error = -errno;
    return error < 0 ? refuse_start(launch, error, "standard input") : 0;
}

static int make_streams(struct launch *launch, struct slot *slot)
{
    for (int i = 0; i < SLOT_STREAMS; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return refuse_start(launch, -errno, "output pipe");
        slot->streams[i].fd = ends[0];
        launch->stream_fds[i] = ends[1];
        if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
            return refuse_start(launch, -errno, "output pipe");
    }
    launch->spec.stdout_fd = launch->stream_fds[SLOT_OUT];
    launch->spec.stderr_fd = launch->stream_fds[SLOT_ERR];
    return 0;
}

static void make_tree(struct spawner *spawner, struct slot *slot)
{
    char group[24];
    if (slot->quarantined > 0)
        snprintf(group, sizeof group, "s%u-%u", slot->number, slot->quarantined);
    else
        snprintf(group, sizeof group, "s%u", slot->number);
    if (!slot->tree)
        slot->tree = spawner_tree_new(spawner, group);
    else
        spawner_new_cookie(spawner, slot->tree);
}

/* ENOENT for a script may mean its interpreter. */
static bool is_there(const struct child_spec *spec, const char *path)
{
    int directory = open(spec->cwd, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return false;
    bool there = faccessat(directory, path, F_OK, 0) == 0;
    close(directory);
    return there;
}

static int refuse_program(struct launch *launch, const struct child_failure *child)
{
    const char *name = launch->spec.argv[0];
    int error = child->error;
    if (error == ENOENT && child->path && is_there(&launch->spec, child->path))
        return refuse(launch, -error, REASON_NOT_EXECUTABLE, EXIT_NOT_EXECUTABLE, "NotExecutable",
                      "%s: its interpreter or dynamic loader was not found", child->path);
    if (error == ENOENT || error == ENOTDIR) {
        if (strchr(name, '/'))
            return refuse(launch, -error, REASON_NOT_FOUND, EXIT_NOT_FOUND, "NotFound", "%s: %s",
                          name, strerror(error));
        const char *path = environ_get(launch->spec.envp, "PATH");
        return refuse(launch, -error, REASON_NOT_FOUND, EXIT_NOT_FOUND, "NotFound",
                      "%s: not found in PATH=%s", name, path ? path : path_default);
    }
    if (error == EACCES || error == ENOEXEC || error == EISDIR || error == EPERM ||
        error == ELOOP || error == ENAMETOOLONG || error == EINVAL || error == ELIBBAD)
        return refuse(launch, -error, REASON_NOT_EXECUTABLE, EXIT_NOT_EXECUTABLE, "NotExecutable",
                      "%s: cannot be executed: %s", child->path, strerror(error));
    return refuse(launch, -error, REASON_START_FAILED, EXIT_OURS, "StartFailed",
                  "%s: cannot be started now: %s", child->path, strerror(error));
}

static int refuse_child(struct launch *launch, const struct child_failure *child)
{
    switch (child->step) {
    case CHILD_DIRECTORY:
        return refuse(launch, -child->error, REASON_START_FAILED, EXIT_OURS, "StartFailed",
                      "cannot change to directory %s: %s", launch->spec.cwd,
                      strerror(child->error));
    case CHILD_EXECUTE:
        return refuse_program(launch, child);
    case CHILD_CLONE:
        return refuse_start(launch, -child->error, "cannot make a process");
    case CHILD_SESSION:
    case CHILD_DESCRIPTORS:
        break;
    }
    return refuse_start(launch, -child->error, "cannot prepare the process");
}

static int prepare(struct launch *launch, struct spawner *spawner, struct slot *slot,
                   const struct message_start *start, struct bytes pool_name,
                   const struct wire_command_body *body)
{
    make_tree(spawner, slot);
    if (!slot->tree)
        return refuse_start(launch, -ENOMEM, "process tree");
    int error = make_argv(launch, body);
    if (error == 0)
        error = make_environment(launch, spawner, slot, start, pool_name, body);
    if (error == 0)
        error = make_candidates(launch);
    if (error == 0)
        error = make_directory(launch, spawner, body);
    if (error == 0)
        error = make_stdin(launch, spawner, body->stdin);
    if (error == 0)
        error = make_streams(launch, slot);
    return error;
}

static int start_child(struct launch *launch, struct spawner *spawner, struct slot *slot,
                       pid_t *ret_pid)
{
    struct child_failure child = {.error = 0};
    launch->spec.cgroup_fd = slot->tree->group.fd;
    launch->spec.files = &spawner->files;
    int error = child_start(&launch->spec, ret_pid, &child);
    bool is_group_gone = error == -ENODEV || error == -ENOENT || error == -EBUSY;
    if (error < 0 && child.step == CHILD_CLONE && launch->spec.cgroup_fd >= 0 && is_group_gone) {
        /* Somebody removed or closed our group: the walk through /proc does without. */
        log_event(LEVEL_WARN, "cgroup", "name=%s error=%s", slot->tree->group.name,
                  log_errno(error));
        cgroup_close(&slot->tree->group, &spawner->root);
        launch->spec.cgroup_fd = -1;
        error = child_start(&launch->spec, ret_pid, &child);
    }
    return error < 0 ? refuse_child(launch, &child) : 0;
}

int launch_exec(struct spawner *spawner, struct slot *slot, const struct message_start *start,
                struct bytes pool_name, const struct wire_command_body *body,
                struct slot_failure *ret_failure)
{
    struct launch launch = {.stream_fds = {-1, -1},
                            .arena = &spawner->arena,
                            .failure = ret_failure,
                            .spec = {.stdin_fd = -1, .cgroup_fd = -1}};
    pid_t pid = 0;
    int error = prepare(&launch, spawner, slot, start, pool_name, body);
    if (error == 0)
        error = start_child(&launch, spawner, slot, &pid);
    if (launch.spec.stdin_fd != spawner->null_fd)
        fs_close(launch.spec.stdin_fd);
    fs_close(launch.stream_fds[SLOT_OUT]);
    fs_close(launch.stream_fds[SLOT_ERR]);
    if (error < 0) {
        slot_close_streams(slot);
        return error;
    }
    slot->pid = pid;
    tree_begin(&spawner->trees, slot->tree, pid);
    /* There is a place for the leader and the runner of every slot. */
    MUST(map_put(&spawner->slot_of_leader, (uint64_t)pid, slot->number) == 0);
    return 0;
}
