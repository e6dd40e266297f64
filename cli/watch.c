/* The waiting loop of run, call, put … and wait.
 *
 * The library waits; this comes up for air a few times a second to see signals and to draw. Records
 * are immutable, so a wait that is cut and asked again loses and repeats nothing.
 *
 *   Ctrl-C once: every unfinished command is cancelled and their records are awaited
 *   Ctrl-C twice: what is unfinished goes on (or ends with an embedded broker); we leave */
#include "cli/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exit.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/say.h"

enum { SLICE_MS = 250, SLICE_MANY_MS = 1000, MANY = 2000 };

struct run {
    const struct watch *watch;
    int64_t *left; /* ids without a record, ascending */
    bool *has_ended;
    size_t left_count;
    int status;
    struct emit emit;
};

static volatile sig_atomic_t interrupts;

static void on_interrupt(int signal)
{
    (void)signal;
    interrupts++;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void show(struct run *run, const muster_record *record)
{
    const struct watch *watch = run->watch;
    if (emit_is_wanted()) {
        emit_record(&run->emit, record);
    } else if (watch->shows_output) {
        struct buffer prefix = BUFFER_EMPTY;
        const char *host = record->host != NULL && record->host[0] != '\0' ? record->host : "-";
        buffer_printf(&prefix, "%s: ", host);
        record_print_output(record, watch->is_several ? buffer_str(&prefix) : NULL);
        buffer_done(&prefix);
    }
}

static int on_record(const muster_record *record, void *arg)
{
    struct run *run = arg;
    int64_t *id = bsearch(&record->track_id, run->left, run->left_count, sizeof *id, compare_ids);
    if (id == NULL || run->has_ended[id - run->left]) {
        return 0;
    }
    run->has_ended[id - run->left] = true;
    run->status = run->watch->is_several ? exit_of_several(run->status, record->state)
                                         : exit_of_one(record->state, record->exit, record->signal);
    show(run, record);
    progress_record(record);
    return run->watch->each != NULL ? run->watch->each(record, run->watch->arg) : 0;
}

static void drop_ended(struct run *run)
{
    size_t kept = 0;
    for (size_t i = 0; i < run->left_count; i++) {
        if (!run->has_ended[i]) {
            run->left[kept++] = run->left[i];
        }
    }
    memset(run->has_ended, 0, run->left_count * sizeof *run->has_ended);
    run->left_count = kept;
}

/* Range by range of neighbouring ids, so that a large batch is one request. */
static void cancel_left(const struct run *run)
{
    size_t at = 0;
    say("cancelling %zu unfinished %s; Ctrl-C again leaves at once", run->left_count,
        run->left_count == 1 ? "command" : "commands");
    while (at < run->left_count) {
        size_t end = at;
        muster_cancelled counts;
        while (end + 1 < run->left_count && run->left[end + 1] == run->left[end] + 1) {
            end++;
        }
        int code = muster_cancel_range(run->watch->pool, run->left[at], run->left[end], 1,
                                       "interrupted by its submitter", &counts);
        if (code < 0) {
            (void)say_failed(run->watch->pool, code, "cancel");
            return;
        }
        at = end + 1;
    }
}

static void tell_left(const struct run *run)
{
    if (run->watch->is_embedded) {
        say("%zu unfinished %s with the private broker", run->left_count,
            run->left_count == 1 ? "command ends" : "commands end");
    } else if (run->left_count == 1) {
        say("%lld goes on: muster wait %lld", (long long)run->left[0], (long long)run->left[0]);
    } else {
        say("%zu commands go on: muster ps", run->left_count);
    }
}

/* One breath of waiting. Returns MUSTER_ETIMEDOUT when there is more to wait for. */
static int wait_slice(struct run *run, muster_time until)
{
    int slice_ms = run->left_count > MANY ? SLICE_MANY_MS : SLICE_MS;
    int wait_ms = time_poll_ms(time_boot_ns(), until, slice_ms);
    int code = muster_wait(run->watch->pool, run->left, run->left_count, wait_ms,
                           MUSTER_WITH_COMMAND, on_record, run);
    drop_ended(run);
    return code;
}

static int wait_all(struct run *run)
{
    const struct watch *watch = run->watch;
    muster_time until =
        watch->timeout == MUSTER_NEVER ? MUSTER_NEVER : time_add(time_boot_ns(), watch->timeout);
    int seen = 0;
    while (run->left_count > 0) {
        int code = wait_slice(run, until);
        if (code < 0 && code != MUSTER_ETIMEDOUT) {
            return code == MUSTER_ESTOPPED ? EXIT_OURS : say_failed(watch->pool, code, "wait");
        }
        if (run->left_count == 0) {
            break;
        }
        if (code == 0) {
            return say_error("the broker has no record of %lld any more: it may have been deleted "
                             "by age or size",
                             (long long)run->left[0]);
        }
        if (interrupts > seen) {
            bool cancels = seen == 0 && interrupts == 1 && watch->can_cancel;
            seen = interrupts;
            if (!cancels) {
                tell_left(run);
                return EXIT_INTERRUPTED;
            }
            cancel_left(run);
        }
        if (until != MUSTER_NEVER && time_boot_ns() >= until) {
            say("the time-out passed");
            tell_left(run);
            return EXIT_TIMED_OUT;
        }
        progress_tick();
    }
    return seen > 0 ? EXIT_INTERRUPTED : run->status;
}

int watch_run(const struct watch *watch)
{
    struct run run = {.watch = watch, .left_count = watch->count};
    struct sigaction action = {.sa_handler = on_interrupt}, before;
    int status = EXIT_OURS;
    run.left = calloc(watch->count + 1, sizeof *run.left);
    run.has_ended = calloc(watch->count + 1, sizeof *run.has_ended);
    if (run.left == NULL || run.has_ended == NULL) {
        status = say_no_memory();
        goto done;
    }
    memcpy(run.left, watch->ids, watch->count * sizeof *run.left);
    interrupts = 0;
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, &before);
    emit_begin(&run.emit, muster_pool_name(watch->pool), watch->is_several);
    progress_begin(&(struct progress_plan){.pool = watch->pool,
                                           .batch = watch->batch,
                                           .ids = watch->ids,
                                           .count = watch->count,
                                           .is_several = watch->is_several});
    status = wait_all(&run);
    progress_end();
    if (emit_is_wanted()) {
        emit_end(&run.emit);
    }
    (void)sigaction(SIGINT, &before, NULL);
done:
    free(run.left);
    free(run.has_ended);
    return status;
}
