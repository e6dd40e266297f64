/* What one seed draws: how large the world is, which faults it knows, which bug is planted. */
#ifndef TESTS_SIM_SWARM_H
#define TESTS_SIM_SWARM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rand.h"
#include "base/time.h"
#include "broker/core/core.h"

enum { WORKERS_MAX = 4, CLIENTS_MAX = 4, SLOTS_MAX = 3 };

/* X(NAME, "name") */
#define FAULT_TABLE(X)                                                                             \
    X(BREAK, "break")               /* a connection ends, what is in flight dies */                \
    X(CUT, "cut")                   /* nothing passes for a while */                               \
    X(ONE_WAY, "one-way")           /* nothing passes in one direction */                          \
    X(BROKER_KILL, "broker-kill")   /* at any moment, also inside a turn */                        \
    X(BROKER_TERM, "broker-term")   /* says BYE and comes back */                                  \
    X(BROKER_PAUSE, "broker-pause") /* up to several leases */                                     \
    X(WORKER_KILL, "worker-kill")                                                                  \
    X(WORKER_REBOOT, "worker-reboot") /* what was not synced is lost */                            \
    X(WORKER_REINSTALL,                                                                            \
      "worker-reinstall")           /* the spool is gone: another worker on the same host */       \
    X(WORKER_PAUSE, "worker-pause") /* its children go on */                                       \
    X(WORKER_TERM, "worker-term")   /* drains */                                                   \
    X(CLIENT_KILL, "client-kill")                                                                  \
    X(CLOCK, "clock")           /* the broker's wall clock steps */                                \
    X(DISK_LOW, "disk-low")     /* free space below the mark */                                    \
    X(DISK_FULL, "disk-full")   /* a commit fails: the broker ends */                              \
    X(SYNC_FAILS, "sync-fails") /* the outcome of a commit is unknown: the broker ends */          \
    X(SLOW_SYNC, "slow-sync")                                                                      \
    X(FULL_PIPE, "full-pipe") /* EAGAIN to the broker */                                           \
    X(LIAR, "liar")           /* a worker repeats old records and invents some */                  \
    X(SPOOL_FULL, "spool-full")                                                                    \
    X(UNSTARTABLE, "unstartable") /* a start fails and the command waits again */                  \
    X(SLOW_NET, "slow-net")       /* now and then a message takes seconds */

enum fault {
#define X(name, text) FAULT_##name,
    FAULT_TABLE(X)
#undef X
        FAULT_COUNT
};

const char *fault_name(enum fault fault);

/* X(NAME, "name"): bugs that the glue and the model can be told to have. */
#define PLANT_TABLE(X)                                                                             \
    X(NONE, "none")                                                                                \
    X(ACK_BEFORE_SYNC, "ack-before-sync")                                                          \
    X(POS_BY_COUNTING, "pos-by-counting") /* after a restart, head = number of kept records */     \
    X(CURSOR_SKIPS, "cursor-skips")       /* a durable cursor comes back one further */            \
    X(WINDOW_LOST, "window-lost")         /* unanswered requests are not in the load */            \
    X(SPOOL_LATE, "spool-late")           /* a record is sent before it is in the spool */         \
    X(HAND_OUT_NOT_DURABLE, "hand-out-not-durable") /* COMMANDS leaves before the commit */        \
    X(DROP_ON_EAGAIN, "drop-on-eagain")             /* a full pipe: neither UNSENT nor GONE */     \
    X(NO_ATTEMPT_CHECK, "no-attempt-check")     /* any record passes for the current attempt's */  \
    X(DONE_BEFORE_COMMIT, "done-before-commit") /* waits and shutdowns are answered early */       \
    X(TAIL_BEFORE_OLDEST, "tail-before-oldest") /* records go before oldest pos is raised */       \
    X(WATERMARK_AHEAD, "watermark-ahead")       /* final_to comes back one further */              \
    X(LATE_NOT_TOLD, "late-not-told")           /* a late turn and an undrained tick */            \
    X(LEASE_LOST, "lease-lost")                 /* who holds what is not in the load */            \
    X(VERDICT_BEFORE_COMMIT, "verdict-before-commit")                                              \
    X(SPOOL_UNSYNCED, "spool-unsynced")   /* long executions' records are not synced */            \
    X(REBOOT_NOT_TOLD, "reboot-not-told") /* HELLO does not say that the spool is unsure */

enum plant {
#define X(name, text) PLANT_##name,
    PLANT_TABLE(X)
#undef X
        PLANT_COUNT
};

const char *plant_name(enum plant plant);
/* PLANT_COUNT when there is none of this name. */
enum plant plant_find(const char *name);

struct swarm {
    uint32_t faults; /* bit per fault */
    enum plant plant;
    bool calm;      /* no fault at all */
    bool plain;     /* one class, one slot, nothing but submits: dispatch order is checked (L10) */
    bool picky;     /* worker 1 serves the pool "shared" alone */
    bool transient; /* worker 3 is forgotten when it is gone */
    uint32_t hello_max; /* attempts in one part of a HELLO */
    bool monitor;       /* workers are told that their connection is another one */
    uint32_t workers, clients;
    uint32_t slots[WORKERS_MAX];
    uint32_t ahead_max;
    uint32_t commands_per_client; /* roughly, then it only reads */
    uint32_t turn_frames_max;
    uint32_t peers_max;
    int64_t latency_min_ns, latency_max_ns;
    int64_t sync_min_ns, sync_max_ns;
    int64_t run_max_ns, grace_ns;
    int64_t think_max_ns;
    int64_t fault_every_ns; /* on average */
    int64_t fault_phase_ns;
    struct core_limits limits;
};

/* Everything from the seed; `plant` is taken as it is. */
void swarm_draw(struct swarm *swarm, uint64_t seed, enum plant plant);
/* The quiet world of the golden scenarios: one worker of two slots, one client, no fault, no
 * chance. */
void swarm_quiet(struct swarm *swarm);
bool swarm_has(const struct swarm *swarm, enum fault fault);

#endif
