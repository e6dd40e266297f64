/* What the agent, the spawner and the runners tell each other: the heads of their frames. */
#ifndef MUSTER_WORKER_RUN_MESSAGE_H
#define MUSTER_WORKER_RUN_MESSAGE_H

#include <stdint.h>

enum message_type {
    MESSAGE_READY = 1, /* spawner → agent, once: struct message_ready */
    MESSAGE_START, /* agent → spawner → runner: struct message_start, function, pool, body */
    MESSAGE_END,   /* agent → spawner: struct message_end */
    MESSAGE_ENDED, /* spawner → agent: struct message_ended, packed RecordBody */
    MESSAGE_RETURN /* runner → spawner: struct message_return, packed RecordBody */
};

struct message_ready {
    int32_t error; /* negative errno: the spawner exits */
    uint32_t uses_cgroup;
};

struct message_start {
    uint64_t token, track_id;
    uint32_t slot, attempt;
    uint32_t function_size, pool_size, body_size;
    uint32_t unused;
};

struct message_end {
    uint64_t token;
    uint32_t reason, kill_now;
};

struct message_ended {
    uint64_t token;
    int64_t start_wall_ns, run_ns, throttled_ns;
    uint32_t state, reason;
    int32_t exit;
    uint32_t signal, pid, slot, is_quarantined;
    uint32_t unused;
};

struct message_return {
    uint32_t state, reason;
};

#endif
