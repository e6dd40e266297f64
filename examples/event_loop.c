/*
 * event_loop -- several commands at once in a program that has its own poll(2) loop.
 *
 *     event_loop [NUMBER]
 *
 * What it shows:
 *
 *   1. muster_start does not wait: it returns a future at once, and the commands travel together.
 *   2. muster_fd gives one descriptor for poll, select, epoll, or the loop of any framework. It is
 *      level-triggered: readable until muster_process has nothing left to do, so no wake-up can be
 *      missed, however often the program looks elsewhere first.
 *   3. muster_timeout_ms says how long the loop may sleep, for loops that cannot rely on the
 *      descriptor alone becoming readable for time (this one can; a shorter sleep does no harm).
 *   4. Callbacks run inside muster_process, in this thread, and may start new commands.
 *
 * The commands sleep for a while at the worker; the loop meanwhile counts on. Exit status: 0 when
 * all ended ok, 1 when one did not, 2 when there is no broker.
 */
#define _POSIX_C_SOURCE 200809L

#include <muster.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 1000, TICK_MS = 100 };

struct state {
    muster_pool *pool;
    int unfinished, failed;
};

struct item {
    struct state *state;
    int number;
    muster_future *future;
};

/* Called once for each future, when its record is there; NULL when the command was refused. */
static int ended(const muster_record *record, void *arg)
{
    struct item *item = arg;
    struct state *state = item->state;
    state->unfinished--;
    if (!record) {
        printf("command %d was refused: %s\n", item->number,
               muster_code_name(muster_future_error(item->future)));
        state->failed++;
    } else {
        printf("command %d: %s after %.2f s on %s\n", item->number,
               muster_state_name(record->state), record->run_s, record->host);
        state->failed += record->state != MUSTER_STATE_OK;
    }
    muster_future_free(item->future); /* allowed here: the record is not used any more */
    item->future = NULL;
    return 0;
}

static int start(struct item *item)
{
    muster_command *command = muster_command_call("sleep");
    muster_command_arg_double(command, 0.05 * (1 + item->number % 7));
    int rc = muster_start(item->state->pool, command, &item->future);
    muster_command_free(command);
    if (rc == 0)
        rc = muster_future_then(item->future, ended, item);
    return rc;
}

/* The loop. Other descriptors of the program would stand beside ours in `fds`. */
static int loop(struct state *state)
{
    int ticks = 0;
    while (state->unfinished > 0) {
        struct pollfd fds[1] = {{.fd = muster_fd(state->pool), .events = POLLIN}};
        int timeout = muster_timeout_ms(state->pool);
        if (timeout < 0 || timeout > TICK_MS)
            timeout = TICK_MS;
        if (poll(fds, 1, timeout) == 0)
            ticks++; /* here the program does what else it has to do */
        if (muster_process(state->pool) < 0)
            return -1;
    }
    printf("done; %d ticks of something else in between\n", ticks);
    return 0;
}

int main(int argc, char **argv)
{
    int number = argc > 1 ? atoi(argv[1]) : 12;
    if (argc > 2 || number < 1 || number > NUMBER_MAX) {
        fprintf(stderr, "usage: event_loop [NUMBER]   1 to %d commands\n", NUMBER_MAX);
        return 2;
    }
    struct state state = {.unfinished = number};
    if (muster_pool_open(&state.pool, NULL, NULL) != 0) {
        fprintf(stderr, "event_loop: %s\n", muster_error(NULL)->text);
        return 2;
    }
    struct item *items = calloc((size_t)number, sizeof *items);
    int broken = items == NULL;
    for (int i = 0; !broken && i < number; i++) {
        items[i].state = &state;
        items[i].number = i + 1;
        broken = start(&items[i]) != 0;
    }
    if (!broken)
        broken = loop(&state) != 0;
    if (broken)
        fprintf(stderr, "event_loop: %s\n", muster_error(state.pool)->text);
    for (int i = 0; items && i < number; i++)
        muster_future_free(items[i].future);
    free(items);
    muster_pool_close(&state.pool);
    return broken || state.failed;
}
