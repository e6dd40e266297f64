/*
 * What the core costs: CPU per command on its whole way (submit, hand-out, record), and memory per
 * queued command. Not a test: prints figures. Run it from an optimised build.
 *
 *     core-cost [COMMANDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "broker/core/core.h"

enum { PER_TURN = 100, WORKERS = 4, SLOTS = 64 };

static struct core *core;
static struct outbox *box;
static muster_time now = 1;
static uint64_t n_facts, n_sends;

static void step(struct event *event)
{
    event->now = now;
    event->wall_ns = now;
    core_step(core, event, box);
}

static void turn(void)
{
    size_t n;
    core_flush(core, now, now, box);
    (void)outbox_facts(box, &n);
    n_facts += n;
    (void)outbox_sends(box, &n);
    n_sends += n;
}

static double cpu_s(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static double resident_bytes(void)
{
    unsigned long size, pages;
    FILE *file = fopen("/proc/self/statm", "r");
    MUST(file != NULL && fscanf(file, "%lu %lu", &size, &pages) == 2);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void begin(uint32_t commands_max)
{
    struct core_limits limits = core_limits_default();
    struct event event = {.type = EVENT_CLIENT_HELLO, .peer = 1};
    limits.commands_max = commands_max;
    core = core_new(&limits);
    box = outbox_new();
    core_start(core, 1, 1, now, now);
    event.as.client_hello.client = 1;
    event.as.client_hello.pool = bytes_of_str("default");
    step(&event);
}

static void end(void)
{
    core_free(core);
    outbox_free(box);
}

static void add_worker(uint32_t number)
{
    struct bytes function = bytes_of_str("echo");
    char host[16];
    struct event event = {.type = EVENT_WORKER_HELLO, .peer = 100 + number};
    struct event_worker_hello *h = &event.as.worker_hello;
    snprintf(host, sizeof host, "host%u", number);
    h->uuid[0] = (uint8_t)(number + 1);
    h->uuid[1] = (uint8_t)(number >> 8);
    h->host = bytes_of_str(host);
    h->slots = SLOTS;
    h->credit = SLOTS + 1024;
    h->functions = &function;
    h->n_functions = 1;
    step(&event);
}

static void submit(uint64_t sequence, uint32_t n)
{
    struct event_submission list[PER_TURN];
    struct event event = {.type = EVENT_SUBMIT, .peer = 1, .request = sequence};
    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct event_submission){
            .function = bytes_of_str("echo"), .body = 1, .body_bytes = 100};
    event.as.submit =
        (struct event_submit){.sequence = sequence,
                              .answered_to = sequence > PER_TURN ? sequence - PER_TURN : 0,
                              .submissions = list,
                              .n_submissions = n};
    step(&event);
}

/* Answers every hand-out of the turn before. */
static uint64_t report_all(void)
{
    static struct event_report reports[65536];
    static peer_id peers[65536];
    size_t n, k = 0;
    const struct send *sends = outbox_sends(box, &n);
    for (size_t i = 0; i < n; i++) {
        if (sends[i].type != SEND_COMMAND)
            continue;
        peers[k] = sends[i].peer;
        reports[k++] = (struct event_report){.pool = sends[i].pool,
                                             .track_id = sends[i].as.command.track_id,
                                             .attempt = sends[i].as.command.attempt,
                                             .epoch = sends[i].as.command.epoch,
                                             .state = STATE_OK,
                                             .slot = (uint32_t)(k % SLOTS),
                                             .start_wall_ns = 1,
                                             .run_ns = 5000,
                                             .body = 1,
                                             .body_bytes = 100};
    }
    outbox_reset(box);
    for (size_t i = 0; i < k; i++) {
        struct event event = {.type = EVENT_REPORT, .peer = peers[i]};
        event.as.report = reports[i];
        step(&event);
    }
    return k;
}

static void whole_way(uint64_t commands, uint32_t per_submit)
{
    uint64_t sequence = 0, done = 0;
    begin(1 << 20);
    for (uint32_t i = 0; i < WORKERS; i++)
        add_worker(i);
    turn();
    outbox_reset(box);
    n_facts = n_sends = 0;
    double start = cpu_s();
    for (uint64_t sent = 0; done < commands;) {
        now += MUSTER_MS;
        done += report_all();
        for (uint32_t i = 0; i < PER_TURN && sent < commands; i += per_submit) {
            submit(++sequence, per_submit);
            sent += per_submit;
        }
        turn();
    }
    double us = (cpu_s() - start) / (double)commands * 1e6;
    printf("whole way, %3u per submit: %.3f us a command, %.2f facts, %.2f sends\n", per_submit, us,
           (double)n_facts / (double)commands, (double)n_sends / (double)commands);
    outbox_reset(box);
    end();
}

static void queued(uint64_t commands)
{
    begin((uint32_t)commands + 1000);
    turn();
    outbox_reset(box);
    double before = resident_bytes();
    double start = cpu_s();
    for (uint64_t sequence = 1; sequence * PER_TURN <= commands; sequence++) {
        submit(sequence, PER_TURN);
        turn();
        outbox_reset(box);
    }
    printf("queued: %.3f us a command, %.1f bytes resident each\n",
           (cpu_s() - start) / (double)commands * 1e6,
           (resident_bytes() - before) / (double)commands);
    add_worker(0);
    uint64_t done = 0;
    double worst = 0;
    start = cpu_s();
    while (done < commands) {
        now += MUSTER_MS;
        double begun = cpu_s();
        done += report_all();
        turn();
        double took = cpu_s() - begun;
        worst = took > worst ? took : worst;
    }
    printf("drained from %llu queued: %.3f us a command, longest turn %.1f ms\n",
           (unsigned long long)commands, (cpu_s() - start) / (double)commands * 1e6, worst * 1e3);
    outbox_reset(box);
    end();
}

/* Very many workers, one command at a time: what an idle fleet costs. */
static void fleet(uint32_t workers, uint64_t commands)
{
    begin(1 << 20);
    double start = cpu_s();
    for (uint32_t i = 0; i < workers; i++)
        add_worker(i);
    turn();
    outbox_reset(box);
    printf("%u workers say hello: %.2f us each\n", workers, (cpu_s() - start) / workers * 1e6);
    start = cpu_s();
    for (uint64_t sequence = 1; sequence <= commands; sequence++) {
        now += MUSTER_MS;
        submit(sequence, 1);
        turn();
        (void)report_all();
        turn();
        outbox_reset(box);
    }
    printf("one command at a time among them: %.3f us each\n",
           (cpu_s() - start) / (double)commands * 1e6);
    end();
}

int main(int argc, char **argv)
{
    uint64_t commands = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    whole_way(commands, 1);
    whole_way(commands, PER_TURN);
    queued(commands);
    fleet(10000, 100000);
    return 0;
}
