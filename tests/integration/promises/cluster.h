/* A broker and some workers of a test's own, over ipc in a private directory, to be killed at will.
 */
#ifndef TESTS_INTEGRATION_CLUSTER_H
#define TESTS_INTEGRATION_CLUSTER_H

#include "tests/unit/cmocka_first.h"

#include <muster.h>
#include <stdbool.h>
#include <sys/types.h>

enum { CLUSTER_WORKERS_MAX = 8, CLUSTER_ARGS_MAX = 16, CLUSTER_SEEN_MAX = 5000 };

struct cluster {
    char dir[64], store[96], clients[96], workers[96], log[96];
    pid_t broker;
    const char *broker_args[CLUSTER_ARGS_MAX]; /* used at each start; NULL-terminated */
    struct {
        pid_t pid;
        char host[16];
    } worker[CLUSTER_WORKERS_MAX];
    muster_pool *pool; /* of the test; closed by the tear-down */
    struct {
        int64_t pos, track_id;
        int state, attempt;
        uint32_t crc;
        char host[32], reason[128], out[64];
    } seen[CLUSTER_SEEN_MAX];
    int n_seen;
};

/* cmocka: a directory, no process yet. */
int cluster_setup(void **state);
/* Ends every process and removes the directory. */
int cluster_teardown(void **state);

void cluster_start_broker(struct cluster *c);
/* Returns its exit status, -1 if it became ready after all; its stderr is in `text`. */
int cluster_try_broker(struct cluster *c, const char *store, const char *clients,
                       const char *workers, char text[1024]);
void cluster_kill_broker(struct cluster *c, int signal);
int cluster_wait_exit(pid_t pid); /* exit status, 128 + signal */
/* Started or started again; its spool stays. */
void cluster_start_worker(struct cluster *c, int i, const char *host, const char *slots,
                          const char *label);
void cluster_kill_worker(struct cluster *c, int i, int signal);

/* Opens a pool of this broker; NULL name: private. */
muster_pool *cluster_open(struct cluster *c, const char *name);
int64_t good(const muster_pool *pool, int64_t value);
muster_command *shell(const char *line);
int64_t submit_shell(struct cluster *c, const char *line);
int64_t submit_echo(struct cluster *c, int64_t value);

int cluster_see(const muster_record *record, void *cluster);
/* All records of the pool from pos 1 on into `seen`. */
void cluster_read_all(struct cluster *c);
int cluster_find(const struct cluster *c, int64_t track_id); /* index in seen, -1 */
/* Waits until it is in that state (not final ones); fails after a minute. */
void cluster_await_state(struct cluster *c, int64_t track_id, int state);
void cluster_await_file(const char *path);
long cluster_count_lines(const char *path);
void sleep_ms(int ms); /* between looks only */

#endif
