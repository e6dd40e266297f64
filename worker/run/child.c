/*
 * child.c -- clone3(CLONE_VM | CLONE_VFORK) and exec.
 *
 * posix_spawn cannot set umask, death signal or cgroup, and a helper program would halve the rate.
 * The child borrows the parent's memory and a stack of its own until it executes; it may therefore
 * only call the kernel and write into struct start, and it is compiled without sanitizers. Where
 * clone3 is not written out in assembler below, glibc's clone() does the same without the cgroup,
 * which the child then enters by itself.
 */
#include "child.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BARE __attribute__((no_sanitize("address", "undefined"), noinline))

enum { STACK_BYTES = 128 * 1024 };

struct start {
    const struct child_spec *spec;
    struct child_failure failure; /* written by the child; error 0 = executed */
    bool enter_cgroup;
};

static _Alignas(64) uint8_t child_stack[STACK_BYTES];

BARE static void fail(struct start *start, enum child_step step, int error)
{
    start->failure.step = step;
    start->failure.error = error;
    for (;;)
        syscall(SYS_exit_group, 127);
}

BARE static int redirect(const struct child_spec *spec)
{
    if (dup2(spec->stdin_fd, 0) < 0 || dup2(spec->stdout_fd, 1) < 0 || dup2(spec->stderr_fd, 2) < 0)
        return -errno;
    /* Everything of ours is close-on-exec; this catches what an inherited descriptor forgot. */
    syscall(SYS_close_range, 3U, ~0U, 0U);
    return 0;
}

BARE static int enter_cgroup(int directory)
{
    int fd = openat(directory, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, "0", 1) == 1 ? 0 : -errno;
}

/* Those errors that let execvp go on with the next directory. */
BARE static bool is_passed_over(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EACCES || error == ESTALE ||
           error == ENODEV || error == ETIMEDOUT;
}

BARE static void execute(struct start *start)
{
    const struct child_spec *spec = start->spec;
    int worst = ENOENT;
    for (size_t i = 0; spec->candidates[i]; i++) {
        const char *path = spec->candidates[i];
        execve(path, spec->argv, spec->envp);
        int error = errno;
        if (error == ENOEXEC) {
            /* A script without an interpreter line, as in execvp. */
            char *first = spec->argv[0];
            spec->argv[-1] = (char *)(uintptr_t) "/bin/sh";
            spec->argv[0] = (char *)(uintptr_t)path;
            execve("/bin/sh", spec->argv - 1, spec->envp);
            spec->argv[0] = first;
        }
        if (error == EACCES || !is_passed_over(error) || !start->failure.path) {
            start->failure.path = path;
            worst = error;
        }
        if (!is_passed_over(error))
            break;
    }
    fail(start, CHILD_EXECUTE, worst);
}

BARE static int child_main(void *arg)
{
    struct start *start = arg;
    const struct child_spec *spec = start->spec;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (start->enter_cgroup) {
        int error = enter_cgroup(spec->cgroup_fd);
        if (error < 0)
            fail(start, CHILD_CLONE, -error);
    }
    if (setsid() < 0)
        fail(start, CHILD_SESSION, errno);
    int error = redirect(spec);
    if (error < 0)
        fail(start, CHILD_DESCRIPTORS, -error);
    if (spec->files && setrlimit(RLIMIT_NOFILE, spec->files) < 0)
        fail(start, CHILD_DESCRIPTORS, errno);
    umask(022);
    if (chdir(spec->cwd) < 0)
        fail(start, CHILD_DIRECTORY, errno);
    /* The dispositions are the default ones already: the spawner blocks signals, it never ignores
     * or handles them. */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execute(start);
    return 127;
}

#if defined(__x86_64__)

/* The system call must not return into this frame in the child: it has a stack of its own. */
static long clone3_call(struct clone_args *args, int (*fn)(void *), void *arg)
{
    long result;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %[arg], %%rdi\n\t"
                     "call *%[fn]\n\t"
                     "hlt\n"
                     "1:\n\t"
                     : "=a"(result)
                     : "a"((long)SYS_clone3), "D"(args),
                       "S"(sizeof *args), [fn] "r"(fn), [arg] "r"(arg)
                     : "rcx", "r11", "memory", "cc");
    return result;
}

#elif defined(__aarch64__)

static long clone3_call(struct clone_args *args, int (*fn)(void *), void *arg)
{
    register long x0 __asm__("x0") = (long)(uintptr_t)args;
    register long x1 __asm__("x1") = (long)sizeof *args;
    register long x8 __asm__("x8") = SYS_clone3;
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, #0\n\t"
                     "mov x0, %[arg]\n\t"
                     "blr %[fn]\n\t"
                     "brk #0\n"
                     "1:\n\t"
                     : "+r"(x0)
                     : "r"(x1), "r"(x8), [fn] "r"(fn), [arg] "r"(arg)
                     : "memory", "cc");
    return x0;
}

#else

static long clone3_call(struct clone_args *args, int (*fn)(void *), void *arg)
{
    (void)args, (void)fn, (void)arg;
    return -ENOSYS;
}

#endif

static long clone_child(struct start *start)
{
    int cgroup = start->spec->cgroup_fd;
    struct clone_args args = {
        .flags = CLONE_VM | CLONE_VFORK,
        .exit_signal = SIGCHLD,
        .stack = (uintptr_t)child_stack,
        .stack_size = STACK_BYTES,
    };
    if (cgroup >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (unsigned)cgroup;
    }
    long pid = clone3_call(&args, child_main, start);
    if (pid != -ENOSYS)
        return pid;
    start->enter_cgroup = cgroup >= 0;
    int old = clone(child_main, child_stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | SIGCHLD, start);
    return old < 0 ? -errno : old;
}

int child_start(const struct child_spec *spec, pid_t *ret_pid, struct child_failure *ret_failure)
{
    MUST(spec->stdin_fd > 2 && spec->stdout_fd > 2 && spec->stderr_fd > 2);
    MUST(spec->candidates[0]);
    struct start start = {.spec = spec};
    long pid = clone_child(&start);
    if (pid < 0) {
        *ret_failure = (struct child_failure){.step = CHILD_CLONE, .error = (int)-pid};
        return (int)pid;
    }
    if (start.failure.error != 0) {
        while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        *ret_failure = start.failure;
        return -start.failure.error;
    }
    *ret_pid = (pid_t)pid;
    return 0;
}
