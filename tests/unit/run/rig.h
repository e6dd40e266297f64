/* A spawner with everything around it that a test needs: start commands, take their records. */
#ifndef TESTS_UNIT_RUN_RIG_H
#define TESTS_UNIT_RUN_RIG_H

#include "base/arena.h"
#include "proto/body.h"
#include "worker/run/run.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RIG_RECORDS_MAX = 4096, RIG_WAIT_MS = 60000 };

/* A record, its spans in the rig's arena. */
struct rig_record {
    struct run_ended ended;
    struct wire_record_body body;
};

struct rig {
    struct run *run;
    struct run_options options;
    struct arena arena;
    char dir[64]; /* private; removed at the end */
    uint64_t tokens;
    struct rig_record *records; /* arrived and not yet asked for */
    size_t n_records;
};

/* Options: `slots`, grace 500 ms, drain 300 ms, workdir and spool in the private directory. */
void rig_init(struct rig *rig, uint32_t slots);
void rig_open(struct rig *rig);
void rig_done(struct rig *rig);

/* Starts a command; the token. */
uint64_t rig_start(struct rig *rig, uint32_t slot, const char *function,
                   const struct wire_command_body *body);
/* exec of a NULL-terminated list. */
uint64_t rig_exec(struct rig *rig, uint32_t slot, ...) __attribute__((sentinel));
/* exec of /bin/sh -c TEXT, with a time-out (0: none). */
uint64_t rig_shell(struct rig *rig, uint32_t slot, const char *text, int64_t timeout_ns);

/* The record of this token; fails the test when none arrives in RIG_WAIT_MS. */
const struct rig_record *rig_wait(struct rig *rig, uint64_t token);
/* Takes what has arrived, waiting at most wait_ms for something; false when nothing came. */
bool rig_poll(struct rig *rig, int wait_ms);

/* Both parts of an output as a string in the arena. */
const char *rig_text(struct rig *rig, const struct wire_output *output);
const char *rig_bytes_text(struct rig *rig, struct bytes bytes);

/* "dir/name", in the arena. */
const char *rig_path(struct rig *rig, const char *name);
void rig_write(struct rig *rig, const char *name, const void *data, size_t size);

/* Waits until the file exists and is not empty; its text. */
const char *rig_wait_file(struct rig *rig, const char *name);

/* Number of processes, zombies excepted, whose environment holds this marker. */
int rig_count_marked(const char *marker);
/* Waits until none is left; false when some are after the wait. */
bool rig_wait_gone(const char *marker, int wait_ms);

/* The spawner's process id, its open descriptors, and the most memory that it ever had resident. */
int rig_spawner_pid(struct rig *rig);
int rig_spawner_files(struct rig *rig);
uint64_t rig_spawner_peak_bytes(struct rig *rig);

/* The zoo program. */
const char *rig_zoo(void);

#endif
