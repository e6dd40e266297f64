/* A pool of the embedded default for each test, in directories of its own. */
#ifndef TESTS_INTEGRATION_EMBED_H
#define TESTS_INTEGRATION_EMBED_H

#include <muster.h>
#include <stdbool.h>
#include <sys/types.h>

enum { EMBED_SEEN_MAX = 4096 };

/* What was seen of a record: copies, so that it may be looked at later. */
struct seen {
    int64_t pos, track_id, pid, submitted_wall_ns, start_wall_ns, stop_wall_ns;
    int state, attempt, exit, signal, error_code;
    double run_s, waited_s, throttled_s;
    char host[64], log_prefix[64], reason[128], error[256], out[256], json[512];
};

struct embed {
    char dir[64]; /* $XDG_RUNTIME_DIR of the test; work and store are below */
    char work[96], store[96], url[128];
    muster_pool *pool;
    struct seen seen[EMBED_SEEN_MAX];
    int n;
    int stop_at; /* the callback stops with the n-th record; 0: never */
};

/* cmocka set-up and tear-down with a private pool of 2 slots; *state is the struct embed. The
 * tear-down closes it and asserts that nothing is left: no process, no file. */
int embed_setup(void **state);
int embed_setup_without_pool(void **state);
int embed_teardown(void **state);

/* Options with the test's workdir and URL. */
muster_options *embed_options(const struct embed *embed);
void embed_open(struct embed *embed, const char *uri, const muster_options *options);

/* Fails the test with the pool's error when the value is negative; returns it. */
int64_t embed_good(const muster_pool *pool, int64_t value);

int embed_see(const muster_record *record, void *embed);
/* All records since the last call. */
int64_t embed_read(struct embed *embed);
/* Until the queue is empty; then all records since the last call. */
int64_t embed_read_all(struct embed *embed);
const struct seen *embed_find(const struct embed *embed, int64_t track_id);

int64_t embed_echo(struct embed *embed, int64_t i);
int64_t embed_sleep(struct embed *embed, double seconds);
/* A shell line through an argv. */
muster_command *embed_shell(const char *line);
int64_t embed_submit(struct embed *embed, muster_command *command); /* frees the command */

/* Pid of a child of `parent` whose program is so named, 0: none. */
pid_t embed_child(pid_t parent, const char *program);
bool embed_is_alive(pid_t pid);
/* Waits until it is gone (a zombie of ours counts as gone); fails after a minute. */
void embed_await_gone(pid_t pid);
/* Files in a directory. */
int embed_count_files(const char *dir);
void embed_write_file(const char *dir, const char *name, const void *data, size_t size);

#endif
