/* Plain structs of every message of muster.proto; PROTOCOL.md says what each field means.
 *
 * Field names are those of the schema. Repeated fields are a pointer and n_<name>. `*_ns` fields
 * are durations of 0 … 100 years or wall times, so they fit int64_t. All zero is an empty message.
 */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* X(NAME, number, union member, direction): every message, the byte that selects it, who sends it.
 */
#define WIRE_TYPE_TABLE(X)                                                                         \
    X(CLIENT_HELLO, 0x01, client_hello, CLIENT)                                                    \
    X(SUBMIT, 0x02, submit, CLIENT)                                                                \
    X(READ, 0x03, read, CLIENT)                                                                    \
    X(WAIT, 0x04, wait, CLIENT)                                                                    \
    X(CURSOR, 0x05, cursor, CLIENT)                                                                \
    X(STATS, 0x06, stats, CLIENT)                                                                  \
    X(LIST, 0x07, list, CLIENT)                                                                    \
    X(HOSTS, 0x08, hosts, CLIENT)                                                                  \
    X(CANCEL, 0x09, cancel, CLIENT)                                                                \
    X(ROOM, 0x0a, room, CLIENT)                                                                    \
    X(SHUTDOWN, 0x0b, shutdown, CLIENT)                                                            \
    X(PING, 0x0c, ping, CLIENT)                                                                    \
    X(CLIENT_BYE, 0x0d, empty, CLIENT)                                                             \
    X(WELCOME, 0x21, welcome, TO_CLIENT)                                                           \
    X(SUBMITTED, 0x22, submitted, TO_CLIENT)                                                       \
    X(RECORDS, 0x23, records, TO_CLIENT)                                                           \
    X(DONE, 0x24, done, TO_CLIENT)                                                                 \
    X(STATS_REPLY, 0x25, stats_reply, TO_CLIENT)                                                   \
    X(LIST_REPLY, 0x26, list_reply, TO_CLIENT)                                                     \
    X(HOSTS_REPLY, 0x27, hosts_reply, TO_CLIENT)                                                   \
    X(CANCELLED, 0x28, cancelled, TO_CLIENT)                                                       \
    X(ROOM_REPLY, 0x29, room_reply, TO_CLIENT)                                                     \
    X(WORKER_HELLO, 0x41, worker_hello, WORKER)                                                    \
    X(RENEW, 0x42, renew, WORKER)                                                                  \
    X(REPORT, 0x43, report, WORKER)                                                                \
    X(WORKER_BYE, 0x44, empty, WORKER)                                                             \
    X(WORKER_WELCOME, 0x61, worker_welcome, TO_WORKER)                                             \
    X(COMMANDS, 0x62, commands, TO_WORKER)                                                         \
    X(RECORDED, 0x63, recorded, TO_WORKER)                                                         \
    X(STOP, 0x64, stop, TO_WORKER)                                                                 \
    X(PONG, 0x65, pong, TO_WORKER)                                                                 \
    X(ERROR, 0x71, error, TO_BOTH)                                                                 \
    X(WHO_ARE_YOU, 0x72, empty, TO_BOTH)                                                           \
    X(BYE, 0x73, bye, TO_BOTH)

enum wire_type {
#define X(name, number, member, direction) WIRE_##name = (number),
    WIRE_TYPE_TABLE(X)
#undef X
};

/* ---- shared --------------------------------------------------------------------------------- */

enum wire_phase {
    WIRE_PHASE_WAITING = 0,
    WIRE_PHASE_RUNNING = 1,
    WIRE_PHASE_SPOOLED = 2,
    WIRE_PHASE_GONE = 3
};

struct wire_attempt {
    uint64_t track_id;
    uint32_t pool;
    uint32_t attempt;
    uint32_t epoch;
    enum wire_phase phase;
};

struct wire_range {
    uint64_t first, last; /* both included, first <= last */
};

/* 0 = not told. */
struct wire_limits {
    uint32_t message_max, submissions_max, submits_max, reads_max, name_max;
};

/* The ERROR message. */
struct wire_refused {
    uint64_t request; /* 0: belongs to no request that could be read */
    uint32_t refusal; /* base/err.h; may be a number that this version does not know */
    struct bytes text;
    uint64_t limit;
    int64_t retry_after_ns;
    uint32_t index;
};

struct wire_bye {
    struct bytes why;
    bool end;
};

/* ---- client to broker ----------------------------------------------------------------------- */

struct wire_client_hello {
    uint64_t request;
    uint64_t client;
    struct bytes pool; /* empty = private */
    uint64_t features;
    struct bytes software;
    uint64_t log_id;
    uint32_t pool_id;
};

struct wire_submission {
    struct bytes function;
    struct bytes selector;
    bool each;
    bool rerunnable;
    int32_t priority;
    uint32_t max_attempts;
    int64_t delay_ns;
    int64_t at_wall_ns;
    int64_t start_within_ns;
    int64_t start_by_wall_ns;
    int64_t lost_after_ns;
    struct bytes body; /* a packed CommandBody, checked */
};

struct wire_submit {
    uint64_t request;
    uint64_t sequence;
    uint64_t answered_to;
    struct bytes request_id;
    const struct wire_submission *submissions; /* at least one */
    uint32_t n_submissions;
};

struct wire_read {
    uint64_t request;
    uint64_t from_pos;
    struct bytes cursor;
    uint32_t max; /* 0 = the broker's choice */
    int64_t wait_ns;
    bool with_command;
    uint64_t log_id;
};

enum wire_wait_what {
    WIRE_WAIT_COMMANDS = 0,
    WIRE_WAIT_BATCH = 1,
    WIRE_WAIT_ALL = 2,
    WIRE_WAIT_MINE = 3
};

struct wire_wait {
    uint64_t request;
    enum wire_wait_what what;
    const uint64_t *track_ids;
    uint32_t n_track_ids;
    uint64_t batch;
    int64_t wait_ns;
    bool with_command;
};

struct wire_cursor {
    uint64_t request;
    struct bytes name;
    uint64_t pos;
};

struct wire_stats {
    uint64_t request;
    uint64_t last_index;
    bool all;
};

struct wire_list {
    uint64_t request;
    uint64_t after;
    uint32_t max; /* 0 = the broker's choice */
    const struct wire_range *ranges;
    uint32_t n_ranges;
    uint32_t states;
    uint64_t batch;
    bool with_command;
};

struct wire_hosts {
    uint64_t request;
    struct bytes after;
    uint32_t max; /* 0 = the broker's choice */
    struct bytes selector;
};

struct wire_cancel {
    uint64_t request;
    const struct wire_range *ranges;
    uint32_t n_ranges;
    uint64_t batch;
    bool all, mine, running;
    struct bytes reason;
};

struct wire_room {
    uint64_t request;
    struct bytes selector;
    struct bytes function;
    uint32_t buffer;
    int64_t wait_ns;
};

struct wire_shutdown {
    uint64_t request;
    bool wait, cancel_queued, cancel_running;
    int64_t wait_ns;
    bool broker;
};

struct wire_ping {
    uint64_t request;
};

/* ---- broker to client ----------------------------------------------------------------------- */

struct wire_welcome {
    uint64_t request;
    uint32_t pool_id;
    struct bytes pool;
    uint64_t log_id;
    uint32_t epoch;
    uint64_t head;
    uint64_t oldest;
    struct wire_limits limits;
    uint64_t features;
    struct bytes software;
    bool insecure;
    int64_t wall_ns;
};

struct wire_submitted {
    uint64_t request;
    uint64_t first;
    uint32_t count;
    uint64_t batch;
    bool duplicate;
};

struct wire_row {
    uint64_t pos;
    uint64_t track_id;
    uint32_t attempt;
    uint32_t state;  /* final, known (base/state.h) */
    uint32_t reason; /* may be a number that this version does not know */
    int32_t exit;
    uint32_t signal;
    int64_t submitted_wall_ns;
    int64_t start_wall_ns;
    int64_t run_ns;
    int64_t waited_ns;
    uint32_t slot;
    uint32_t pid;
    int64_t throttled_ns;
    struct bytes host;
    struct bytes worker;
    struct bytes function;
    uint64_t batch;
    int64_t skew_ns;
    uint32_t crc;
    struct bytes body; /* a packed RecordBody, checked; empty where the broker ended the command */
    struct bytes command; /* a packed CommandBody, checked, if asked for */
    struct bytes why;
};

struct wire_records {
    uint64_t request;
    const struct wire_row *rows;
    uint32_t n_rows;
    uint64_t next;
    uint64_t head;
    uint64_t oldest;
    uint64_t cursor;
    bool timed_out;
};

struct wire_done {
    uint64_t request;
    uint64_t value;
    bool timed_out;
};

/* Seconds; -1 where there is nothing. */
struct wire_spread {
    uint64_t count;
    double avg, max, min, p50, p90, p99;
};

struct wire_usage {
    struct bytes log_prefix;
    uint64_t count;
};

struct wire_stats_reply {
    uint64_t request;
    uint64_t count;
    struct wire_spread time, throttle, waited;
    const struct wire_usage *pool_usage;
    uint32_t n_pool_usage;
    uint64_t peak_in_queue;
    uint64_t submitted;
    uint64_t held, queued, running;
    const uint64_t *ended; /* by final state, from OK on */
    uint32_t n_ended;
    uint64_t final_to, ok_to;
    uint64_t head, oldest;
    uint32_t hosts, slots;
    struct bytes pool;
    bool insecure;
    uint64_t disk_free;
    bool disk_low;
    int64_t uptime_ns;
    struct bytes software;
    uint64_t records_bytes;
};

struct wire_command_row {
    uint64_t track_id;
    uint32_t state; /* known (base/state.h), never NONE */
    uint32_t hold;  /* may be a number that this version does not know */
    struct bytes function;
    struct bytes selector;
    struct bytes host;
    uint32_t attempt;
    int64_t submitted_wall_ns;
    int64_t since_wall_ns;
    int32_t priority;
    uint64_t batch;
    uint64_t pos;
    uint32_t reason; /* may be a number that this version does not know */
    int64_t age_ns;
    struct bytes command; /* a packed CommandBody, checked, if asked for */
    int32_t exit;
    uint32_t signal;
    int64_t run_ns;
    uint32_t starts;
};

struct wire_list_reply {
    uint64_t request;
    const struct wire_command_row *rows;
    uint32_t n_rows;
    bool more;
    uint64_t next; /* more: ask again with after = next; there may be no rows in between */
};

struct wire_host_row {
    struct bytes host;
    struct bytes worker;
    bool present;
    uint32_t slots;
    uint32_t running;
    const struct bytes *labels;
    uint32_t n_labels;
    const struct bytes *functions;
    uint32_t n_functions;
    struct bytes software;
    int64_t seen_wall_ns;
    int64_t skew_ns;
    int64_t round_trip_ns;
    struct bytes tree_kill;
    bool draining;
};

struct wire_hosts_reply {
    uint64_t request;
    const struct wire_host_row *rows;
    uint32_t n_rows;
    bool more;
};

struct wire_cancelled {
    uint64_t request;
    uint64_t cancelled, stopping, already_final, running, unknown;
};

struct wire_room_reply {
    uint64_t request;
    bool room;
    uint64_t unfinished;
    uint32_t slots;
};

/* ---- worker to broker ----------------------------------------------------------------------- */

struct wire_worker_hello {
    struct bytes uuid; /* exactly 16 bytes */
    uint32_t incarnation;
    bool rebooted;
    struct bytes host;
    uint32_t slots;
    const struct bytes *labels;
    uint32_t n_labels;
    const struct bytes *functions;
    uint32_t n_functions;
    const struct bytes *pools;
    uint32_t n_pools;
    uint32_t credit;
    uint64_t features;
    struct bytes software;
    struct bytes tree_kill;
    bool transient;
    int64_t wall_ns;
    uint32_t part;
    bool more;
    const struct wire_attempt *attempts;
    uint32_t n_attempts;
};

struct wire_renew {
    uint32_t credit;
    int64_t wall_ns;
    uint64_t sent_ns;
    int64_t round_trip_ns;
    const struct wire_attempt *returned;
    uint32_t n_returned;
};

struct wire_record_head {
    uint32_t pool;
    uint32_t attempt;
    uint64_t track_id;
    uint32_t epoch;
    uint32_t state;  /* final, known (base/state.h) */
    uint32_t reason; /* known (base/state.h) */
    int32_t exit;
    uint32_t signal;
    int64_t start_wall_ns;
    int64_t run_ns;
    uint32_t slot;
    uint32_t pid;
    int64_t throttled_ns;
    struct bytes body; /* a packed RecordBody, checked */
};

struct wire_report {
    const struct wire_record_head *records; /* at least one */
    uint32_t n_records;
};

/* ---- broker to worker ----------------------------------------------------------------------- */

struct wire_worker_welcome {
    uint32_t epoch;
    int64_t lease_ns;
    int64_t renew_ns;
    struct wire_limits limits;
    uint64_t features;
    struct bytes software;
    int64_t wall_ns;
};

struct wire_hand_out {
    uint32_t pool;
    uint32_t attempt;
    uint64_t track_id;
    uint32_t epoch;
    bool rerunnable;
    struct bytes function;
    struct bytes body; /* a packed CommandBody, checked */
    struct bytes pool_name;
};

struct wire_commands {
    const struct wire_hand_out *commands; /* at least one */
    uint32_t n_commands;
};

struct wire_verdict {
    uint32_t pool;
    uint32_t attempt;
    uint64_t track_id;
    uint32_t epoch;
    bool stale;
    uint64_t pos; /* 0 exactly when stale */
};

struct wire_recorded {
    const struct wire_verdict *verdicts; /* at least one */
    uint32_t n_verdicts;
};

struct wire_stop {
    const struct wire_attempt *attempts; /* at least one */
    uint32_t n_attempts;
    uint32_t reason; /* may be a number that this version does not know */
    bool forget;
};

struct wire_pong {
    uint64_t sent_ns;
};

/* ---- any of them ---------------------------------------------------------------------------- */

struct wire_message {
    enum wire_type type;
    union {
        struct wire_client_hello client_hello;
        struct wire_submit submit;
        struct wire_read read;
        struct wire_wait wait;
        struct wire_cursor cursor;
        struct wire_stats stats;
        struct wire_list list;
        struct wire_hosts hosts;
        struct wire_cancel cancel;
        struct wire_room room;
        struct wire_shutdown shutdown;
        struct wire_ping ping;
        struct wire_welcome welcome;
        struct wire_submitted submitted;
        struct wire_records records;
        struct wire_done done;
        struct wire_stats_reply stats_reply;
        struct wire_list_reply list_reply;
        struct wire_hosts_reply hosts_reply;
        struct wire_cancelled cancelled;
        struct wire_room_reply room_reply;
        struct wire_worker_hello worker_hello;
        struct wire_renew renew;
        struct wire_report report;
        struct wire_worker_welcome worker_welcome;
        struct wire_commands commands;
        struct wire_recorded recorded;
        struct wire_stop stop;
        struct wire_pong pong;
        struct wire_refused error;
        struct wire_bye bye;
    } as; /* nothing for WHO_ARE_YOU, CLIENT_BYE, WORKER_BYE */
};

#endif
