/*
 * muster.h -- run commands on many hosts and know, truthfully, what became of each.
 *
 * Conventions
 *   A call returns 0 (or a value >= 0), or a negative MUSTER_E… code; muster_error() has the
 * details. A command's failure is a record, never a call error. Handles are opaque. A pool handle
 * belongs to one thread at a time and to the process that opened it; after fork() the child's calls
 * return MUSTER_EFORKED. The library starts no thread, installs no signal handler, uses no atexit
 * and prints nothing. All descriptors are close-on-exec. Names of arguments carry their unit: _ms
 * milliseconds, _ns nanoseconds, _wall_ns nanoseconds since 1970-01-01T00:00:00Z. timeout_ms: 0 =
 * do not wait, -1 = wait without limit. Strings are NUL-terminated UTF-8 unless a size is given;
 * what a call is given it copies.
 */
#ifndef MUSTER_H
#define MUSTER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MUSTER_API __attribute__((visibility("default")))
#else
#define MUSTER_API
#endif

#define MUSTER_VERSION_MAJOR 0
#define MUSTER_VERSION_MINOR 1
#define MUSTER_VERSION_PATCH 0
/* "0.1.0", of the library in use. */
MUSTER_API const char *muster_version(void);

/* ---- errors --------------------------------------------------------------------------------- */

enum muster_code {
    MUSTER_OK = 0,
    /* what the broker refuses (PROTOCOL.md, "Errors") */
    MUSTER_EBUSY = -1,     /* too much at once; try again after a moment */
    MUSTER_ETOOLARGE = -2, /* a message, body or name above the limit */
    MUSTER_EQUEUEFULL = -3,
    MUSTER_EDISKLOW = -4,
    MUSTER_ESHUTTINGDOWN = -5,
    MUSTER_EDENIED = -6,
    MUSTER_ENOMATCH = -7, /* no known host matches the selector */
    MUSTER_EBADREQUEST = -8,
    MUSTER_EPROTOCOL = -9, /* the broker speaks another protocol version */
    MUSTER_EREQUESTREUSED = -10,
    MUSTER_ETRUNCATED = -11,   /* results before the oldest kept position */
    MUSTER_ELOGMISMATCH = -12, /* another result log than before */
    MUSTER_EUNKNOWNPOOL = -13,
    MUSTER_EUNKNOWNCOMMAND = -14,
    MUSTER_EUNKNOWNFUNCTION = -15, /* no host ever offered it */
    MUSTER_ESTORAGE = -16,
    MUSTER_EINTERNAL = -17,
    MUSTER_EUNKNOWNBATCH = -18,
    MUSTER_EUNKNOWNHOST = -19,
    MUSTER_EUNKNOWNKEY = -20,
    MUSTER_ELIMITMISMATCH = -21,
    MUSTER_EALREADYFINAL = -22, /* the command had already ended */
    MUSTER_ECURSORTAKEN = -23,  /* another consumer has opened this cursor since */
    MUSTER_ELIMITREACHED = -24,
    /* what the library itself finds */
    MUSTER_ETIMEDOUT = -32,    /* the given time passed; of a submit: outcome unknown */
    MUSTER_EUNREACHABLE = -33, /* no broker answered within the connect time-out */
    MUSTER_EINVAL = -34,       /* a wrong argument */
    MUSTER_ENOMEM = -35,
    MUSTER_EFORKED = -36,
    MUSTER_ECLOSED = -37,   /* the broker said goodbye for good */
    MUSTER_ESYSTEM = -38,   /* see text: errno of a system call */
    MUSTER_ESTOPPED = -39,  /* the caller's callback stopped the loop */
    MUSTER_EBADANSWER = -40 /* the broker's answer cannot be read */
};

typedef struct muster_error_info {
    int code;         /* enum muster_code */
    const char *text; /* what is wrong and what to do; valid until the next call on the handle */
    int retryable;    /* the same call may succeed later */
    /* ETOOLARGE, EQUEUEFULL: the limit; ETRUNCATED: the oldest pos; ELOGMISMATCH: the head */
    uint64_t limit;
} muster_error_info;

typedef struct muster_pool muster_pool;
typedef struct muster_options muster_options;
typedef struct muster_command muster_command;
typedef struct muster_future muster_future;
typedef struct muster_consumer muster_consumer;

/* Details of the last error on this handle; NULL: of the last muster_pool_open or _close that
 * failed in this thread. Never NULL. */
MUSTER_API const muster_error_info *muster_error(const muster_pool *pool);
/* A code's name, "EBUSY". */
MUSTER_API const char *muster_code_name(int code);

/* ---- options and pools ---------------------------------------------------------------------- */

MUSTER_API muster_options *muster_options_new(void);
MUSTER_API void muster_options_free(muster_options *options);
/* The pool's name; NULL (the default): a private pool of this handle. A named pool is shared. */
MUSTER_API int muster_options_set_pool(muster_options *options, const char *name);
/* Where put, get, list, delete, query and move work when the command itself has no URL. */
MUSTER_API int muster_options_set_url(muster_options *options, const char *url);
/* Slots of the embedded default's worker; 0 (the default): one per processor. */
MUSTER_API int muster_options_set_processes(muster_options *options, unsigned slots);
/* How long muster_pool_open waits for the broker's first answer; default 5000, -1: no limit. */
MUSTER_API int muster_options_set_connect_timeout(muster_options *options, int timeout_ms);
/* How long a request may stay unanswered; default -1: until it is answered. */
MUSTER_API int muster_options_set_request_timeout(muster_options *options, int timeout_ms);
/* Where muster-broker and muster-worker are, for the embedded default. Without it:
 * $MUSTER_PROGRAM_DIR, beside the running program, beside the library, where it was installed,
 * $PATH. */
MUSTER_API int muster_options_set_program_dir(muster_options *options, const char *dir);
/* The embedded default keeps its store there, beyond the life of the pool. */
MUSTER_API int muster_options_set_store_dir(muster_options *options, const char *dir);
/* Where commands of the embedded default run; default: the current directory. */
MUSTER_API int muster_options_set_workdir(muster_options *options, const char *dir);

/* uri: "tcp://host:port", "ipc://path", "local:N" (the embedded default with N slots), or NULL:
 * $MUSTER_BROKER, else the embedded default. Waits until the broker has answered. */
MUSTER_API int muster_pool_open(muster_pool **ret_pool, const char *uri,
                                const muster_options *options);
/* Closes the handle and sets *pool to NULL; NULL and *pool NULL are fine. What was submitted goes
 * on at a broker; the embedded default ends with everything it runs, its store is deleted (kept,
 * and named in muster_error(NULL), when it did not end cleanly). Futures and consumers of the pool
 * remain the caller's to free. Refused inside a callback of this pool. */
MUSTER_API int muster_pool_close(muster_pool **pool);
/* The name that the broker gave to a private pool, or the pool's own. */
MUSTER_API const char *muster_pool_name(const muster_pool *pool);
/* The broker's address. */
MUSTER_API const char *muster_pool_broker(const muster_pool *pool);

/* ---- values --------------------------------------------------------------------------------- */

enum muster_kind {
    MUSTER_NULL = 0,
    MUSTER_BOOL,
    MUSTER_INT,
    MUSTER_DOUBLE,
    MUSTER_STRING,
    MUSTER_BYTES,
    MUSTER_LIST,
    MUSTER_MAP
};
/* A value of a record (read only, lives as long as the record) or one being built
 * (muster_value_new…). */
typedef struct muster_value muster_value;

/* Readers take NULL, which counts as MUSTER_NULL, and give 0 or NULL for a foreign kind. */
MUSTER_API enum muster_kind muster_value_kind(const muster_value *value);
MUSTER_API int muster_value_bool(const muster_value *value);
MUSTER_API int64_t muster_value_int(const muster_value *value);
MUSTER_API double muster_value_double(const muster_value *value);
/* STRING and BYTES; a NUL that is not counted stands behind. ret_size may be NULL. */
MUSTER_API const char *muster_value_data(const muster_value *value, size_t *ret_size);
/* LIST: values; MAP: pairs, with muster_value_at for the value and _key_at for the name. */
MUSTER_API size_t muster_value_count(const muster_value *value);
MUSTER_API const muster_value *muster_value_at(const muster_value *value, size_t index);
MUSTER_API const char *muster_value_key_at(const muster_value *value, size_t index,
                                           size_t *ret_size);
MUSTER_API const muster_value *muster_value_get(const muster_value *value, const char *key);

MUSTER_API muster_value *muster_value_new_null(void);
MUSTER_API muster_value *muster_value_new_bool(int b);
MUSTER_API muster_value *muster_value_new_int(int64_t i);
MUSTER_API muster_value *muster_value_new_double(double d);
MUSTER_API muster_value *muster_value_new_string(const char *s);
MUSTER_API muster_value *muster_value_new_bytes(const void *data, size_t size);
MUSTER_API muster_value *muster_value_new_list(void);
MUSTER_API muster_value *muster_value_new_map(void);
/* Take over `item`, also when they fail. */
MUSTER_API int muster_value_append(muster_value *list, muster_value *item);
MUSTER_API int muster_value_set(muster_value *map, const char *key, muster_value *item);
MUSTER_API void muster_value_free(muster_value *value);

/* ---- commands ------------------------------------------------------------------------------- */

/* NULL when memory is short or a name is unfit. */
MUSTER_API muster_command *muster_command_call(const char *function);
MUSTER_API muster_command *muster_command_exec(const char *const argv[]);
MUSTER_API void muster_command_free(muster_command *command);

/* The first error of a command's setters sticks and is returned by submit, so that a chain of them
 * need not be checked one by one. */
MUSTER_API int muster_command_arg_null(muster_command *command);
MUSTER_API int muster_command_arg_bool(muster_command *command, int b);
MUSTER_API int muster_command_arg_int(muster_command *command, int64_t i);
MUSTER_API int muster_command_arg_double(muster_command *command, double d);
MUSTER_API int muster_command_arg_string(muster_command *command, const char *s);
MUSTER_API int muster_command_arg_bytes(muster_command *command, const void *data, size_t size);
MUSTER_API int muster_command_arg_value(muster_command *command, const muster_value *value);
MUSTER_API int muster_command_kw_null(muster_command *command, const char *name);
MUSTER_API int muster_command_kw_bool(muster_command *command, const char *name, int b);
MUSTER_API int muster_command_kw_int(muster_command *command, const char *name, int64_t i);
MUSTER_API int muster_command_kw_double(muster_command *command, const char *name, double d);
MUSTER_API int muster_command_kw_string(muster_command *command, const char *name, const char *s);
MUSTER_API int muster_command_kw_bytes(muster_command *command, const char *name, const void *data,
                                       size_t size);
MUSTER_API int muster_command_kw_value(muster_command *command, const char *name,
                                       const muster_value *value);

/* Which hosts may run it: "web[1-8]", "role=db", "and", "or", "not"; NULL: any host. */
MUSTER_API int muster_command_set_selector(muster_command *command, const char *selector);
/* One command for each matching host (muster_submit_batch) instead of one on any of them. */
MUSTER_API int muster_command_set_each(muster_command *command, int each);
/* -1000 runs first, 1000 last; default 0. */
MUSTER_API int muster_command_set_priority(muster_command *command, int priority);
/* Not before: from now on, or at a wall time. */
MUSTER_API int muster_command_set_delay(muster_command *command, int64_t delay_ms);
MUSTER_API int muster_command_set_not_before(muster_command *command, int64_t wall_ns);
/* It ends `expired` if it has not started by then. */
MUSTER_API int muster_command_set_start_by(muster_command *command, int64_t wall_ns);
MUSTER_API int muster_command_set_start_within(muster_command *command, int64_t within_ms);
/* It ends `timeout` after running this long, `stalled` after this long without output; `grace` lies
 * between TERM and KILL. 0: no limit, the worker's own grace. */
MUSTER_API int muster_command_set_timeout(muster_command *command, int64_t timeout_ms);
MUSTER_API int muster_command_set_stall_timeout(muster_command *command, int64_t timeout_ms);
MUSTER_API int muster_command_set_grace(muster_command *command, int64_t grace_ms);
/* It may be run again when its worker is lost. Backend operations may, unless this says no. */
MUSTER_API int muster_command_set_idempotent(muster_command *command, int idempotent);
/* How often it may be started; 0: once, or 5 times where it may be run again. */
MUSTER_API int muster_command_set_max_attempts(muster_command *command, unsigned attempts);
/* How long after its worker fell silent it ends `lost`; 0: as soon as the lease expires. */
MUSTER_API int muster_command_set_lost_after(muster_command *command, int64_t after_ms);
/* A name that makes submitting it again safe, also after a restart of this program. */
MUSTER_API int muster_command_set_request_id(muster_command *command, const char *id);
MUSTER_API int muster_command_set_env(muster_command *command, const char *name, const char *value);
MUSTER_API int muster_command_set_cwd(muster_command *command, const char *dir);
MUSTER_API int muster_command_set_stdin(muster_command *command, const void *data, size_t size);
/* For backend operations; default: the pool's. */
MUSTER_API int muster_command_set_url(muster_command *command, const char *url);
/* Free text, shown wherever the command is. */
MUSTER_API int muster_command_set_label(muster_command *command, const char *label);

/* ---- records and statistics ----------------------------------------------------------------- */

enum muster_state { /* the same numbers as on the wire */
                    MUSTER_HELD = 1,
                    MUSTER_QUEUED,
                    MUSTER_RUNNING,
                    MUSTER_STATE_OK,
                    MUSTER_FAILED,
                    MUSTER_SIGNALED,
                    MUSTER_TIMEOUT,
                    MUSTER_STALLED,
                    MUSTER_EXPIRED,
                    MUSTER_SKIPPED,
                    MUSTER_CANCELLED,
                    MUSTER_LOST,
                    MUSTER_REJECTED
};
/* "ok", "failed"; "unknown" for other numbers. */
MUSTER_API const char *muster_state_name(int state);

typedef struct muster_output {
    uint64_t total;   /* bytes the stream produced */
    const char *head; /* the first 64 KiB; NUL-terminated, may hold NULs */
    size_t head_size;
    const char *tail; /* the last 64 KiB of the rest */
    size_t tail_size;
    int incomplete; /* still held open by another process when the command had ended */
} muster_output;

/* One final track record. Valid during the callback, or until the handle's next call where
 * returned. */
typedef struct muster_record {
    size_t size; /* of this struct, as the library knows it */
    int64_t pos;
    int64_t track_id;
    int64_t batch; /* 0 = none */
    int state;     /* enum muster_state */
    int attempt;   /* 0 = never handed out */
    int exit;      /* exit status of an argv */
    int signal;    /* 0 = none */
    const char *function;
    const char *host; /* "" where it never ran */
    const char *worker;
    const char *log_prefix; /* "db1/2: " */
    int slot;
    int64_t pid;
    int64_t submitted_wall_ns;
    int64_t start_wall_ns; /* on the worker's clock; 0 = never started */
    int64_t stop_wall_ns;
    double waited_s; /* from submit to hand-out */
    double run_s;
    double throttled_s;
    double skew_ms;     /* worker's wall clock minus the broker's */
    const char *reason; /* why it ended so; "" for ok */
    const char *warning;
    const muster_value *result;
    const char *error_type; /* NULL when it did not fail with an error of its function */
    const char *error_message;
    int error_code;
    const char *trace_back; /* lines */
    muster_output out, err;
    double utime_s, stime_s;
    int64_t maxrss_kb;
    int tries;
    /* the command, where it was asked for (muster_results_read, muster_list) */
    const char *const *argv; /* NULL-terminated; NULL for other functions */
    const muster_value *args;
    const muster_value *kwargs;
    const char *label;
    uint32_t crc; /* running CRC-32C of the result log up to here */
} muster_record;

typedef int muster_record_fn(const muster_record *record, void *arg); /* non-zero stops */

typedef struct muster_spread {
    double avg, max, min, p50, p90, p99;
} muster_spread; /* seconds; -1 where there is nothing */
typedef struct muster_usage {
    const char *log_prefix;
    int64_t count;
} muster_usage;

typedef struct muster_stats {
    size_t size;
    int64_t count;      /* final records looked at */
    muster_spread time; /* run time */
    muster_spread throttle;
    muster_spread waited;
    const muster_usage *pool_usage; /* records per log prefix; valid until the next call */
    size_t n_pool_usage;
    int64_t peak_in_queue; /* -1 where there is nothing */
    int64_t submitted, held, queued, running;
    int64_t ended[16];       /* by enum muster_state */
    int64_t final_to, ok_to; /* track ids: all up to here are final; … ended ok */
    int64_t head, oldest;    /* positions of the result log */
    int hosts, slots;        /* connected workers that serve this pool */
    int insecure;            /* the broker serves without certificates on a network */
    int disk_low;
    int64_t disk_free;
    double uptime_s;
    const char *broker_version;
} muster_stats;

/* ---- a pool's verbs ------------------------------------------------------------------------- */

/* Submit returns when the command is durably queued: its track id (> 0), or an error. The command
 * may be submitted again or freed. MUSTER_ETIMEDOUT (only with a request time-out set): outcome
 * unknown; give the command a request id to make a repetition safe. */
MUSTER_API int64_t muster_submit(muster_pool *pool, const muster_command *command);
/* The same, but first wait while this handle's unfinished commands number at least the matching
 * slots (at least 1) + commands_in_buffer. The delay is recorded with the command. */
MUSTER_API int64_t muster_submit_throttled(muster_pool *pool, const muster_command *command,
                                           int commands_in_buffer, int timeout_ms);
/* Many per message, several messages at a time. Returns the number accepted, or an error when none
 * was. ret_ids[i]: the track id, or the negative code of a refused one, or 0: not sent, because an
 * earlier one was refused. Messages already on their way when one is refused may still be accepted.
 * muster_error tells about the first refused one. */
MUSTER_API int64_t muster_submit_many(muster_pool *pool, const muster_command *const *commands,
                                      size_t n, int64_t *ret_ids);
/* A command with `each`: returns the batch; ret_count and ret_first (may be NULL): its commands are
 * first … first + count - 1. */
MUSTER_API int64_t muster_submit_batch(muster_pool *pool, const muster_command *command,
                                       int64_t *ret_first, int64_t *ret_count);

/* Commands of the pool that are not final. */
MUSTER_API int64_t muster_queue_length(muster_pool *pool);

#define MUSTER_SINCE_LAST (-1) /* from_pos: go on where the last call stopped */
/* Calls `each` for every final record with pos > from_pos, in order, without waiting for more. The
 * remembered position moves past a record only after its callback has returned 0 (or stopped with a
 * non-zero value: that record counts as processed too). It begins at 0 in a private pool, at the
 * newest record in a named one. A record that cannot be decoded is handed over with its pos and
 * error_type "muster.undecodable". Returns the number of records, or an error. */
MUSTER_API int64_t muster_results_since_last_call(muster_pool *pool, int64_t from_pos,
                                                  muster_record_fn *each, void *arg);

#define MUSTER_WITH_COMMAND 1u /* argv, args, kwargs, label too */
/* At most `max` records with pos > from_pos; waits up to timeout_ms for the first. Does not move
 * the remembered position. ret_next (may be NULL): where to read on. */
MUSTER_API int64_t muster_results_read(muster_pool *pool, int64_t from_pos, int64_t max,
                                       int timeout_ms, unsigned flags, muster_record_fn *each,
                                       void *arg, int64_t *ret_next);

#define MUSTER_ALL INT64_MAX
/* Over the first last_index records (0 … count, or MUSTER_ALL); other values: MUSTER_EINVAL. */
MUSTER_API int muster_get_stats(muster_pool *pool, int64_t last_index, muster_stats *ret_stats);

#define MUSTER_WAIT 1u
#define MUSTER_CANCEL_QUEUED 2u
#define MUSTER_CANCEL_RUNNING 4u
/* Ends this handle: no more submits. With WAIT returns when every command of it is final.
 * Idempotent. */
MUSTER_API int muster_shutdown(muster_pool *pool, unsigned flags);
MUSTER_API int muster_shutdown_timed(muster_pool *pool, unsigned flags, int timeout_ms);
/* Ends the broker and its workers. */
MUSTER_API int muster_shutdown_broker(muster_pool *pool);

/* ---- waiting, cancelling, looking ----------------------------------------------------------- */

/* Waits until the commands are final; calls `each` once for each as it ends. 0, MUSTER_ETIMEDOUT …
 */
MUSTER_API int muster_wait(muster_pool *pool, const int64_t *track_ids, size_t n, int timeout_ms,
                           unsigned flags, muster_record_fn *each, void *arg);
MUSTER_API int muster_wait_batch(muster_pool *pool, int64_t batch, int timeout_ms);
/* Until no command of the pool is unfinished. */
MUSTER_API int muster_wait_all(muster_pool *pool, int timeout_ms);

typedef struct muster_cancelled {
    int64_t cancelled, stopping, already_final, running, unknown;
} muster_cancelled;
/* A queued or running one. MUSTER_EALREADYFINAL, MUSTER_EUNKNOWNCOMMAND. */
MUSTER_API int muster_cancel(muster_pool *pool, int64_t track_id, const char *why);
/* first … last, or every command of the pool (first 0, last 0), or of a batch; running ones if
 * asked. */
MUSTER_API int muster_cancel_range(muster_pool *pool, int64_t first, int64_t last, int running,
                                   const char *why, muster_cancelled *ret);
MUSTER_API int muster_cancel_batch(muster_pool *pool, int64_t batch, int running, const char *why,
                                   muster_cancelled *ret);

typedef struct muster_command_info {
    size_t size;
    int64_t track_id, batch, pos;
    int state;
    const char
        *why; /* why it is held, queued, silent, or ended so; "" where there is nothing to say */
    const char *function, *selector, *host;
    int attempt, starts, priority;
    int64_t submitted_wall_ns, since_wall_ns;
    double age_s, run_s;
    int exit, signal;
    const char *const *argv;
    const muster_value *args, *kwargs;
    const char *label;
} muster_command_info;
typedef int muster_command_fn(const muster_command_info *info, void *arg);

#define MUSTER_STATE_BIT(state) (1u << (state))
/* Commands first … last (0, 0: all) in the given states (0: every one that is not final), by track
 * id. */
MUSTER_API int64_t muster_list(muster_pool *pool, int64_t first, int64_t last, unsigned states,
                               int64_t batch, muster_command_fn *each, void *arg);

typedef struct muster_host_info {
    size_t size;
    const char *host, *worker, *version, *tree_kill;
    int present, draining, slots, running;
    const char *const *labels; /* NULL-terminated, KEY=VALUE */
    const char *const *functions;
    int64_t seen_wall_ns;
    double skew_ms, round_trip_ms; /* round_trip_ms: -1 = not measured yet */
} muster_host_info;
typedef int muster_host_fn(const muster_host_info *info, void *arg);
MUSTER_API int64_t muster_hosts(muster_pool *pool, muster_host_fn *each, void *arg);
/* Only those that match the selector as a submit would take it; NULL: all. */
MUSTER_API int64_t muster_hosts_matching(muster_pool *pool, const char *selector,
                                         muster_host_fn *each, void *arg);

/* ---- futures and events --------------------------------------------------------------------- */

/* Submits without waiting for anything; many started ones travel together. */
MUSTER_API int muster_start(muster_pool *pool, const muster_command *command,
                            muster_future **ret_future);
/* 0 until it is accepted; the negative code when it was refused. */
MUSTER_API int64_t muster_future_track_id(const muster_future *future);
/* `done` is called once from muster_process or a wait; with record NULL when the command was
 * refused (muster_future_error). It may free the future. */
MUSTER_API int muster_future_then(muster_future *future, muster_record_fn *done, void *arg);
/* 0 when its record is there, the code when it was refused, MUSTER_ETIMEDOUT. */
MUSTER_API int muster_future_wait(muster_future *future, int timeout_ms);
/* NULL while there is none. Lives as long as the future. */
MUSTER_API const muster_record *muster_future_record(muster_future *future);
/* Why it was refused; 0 otherwise. */
MUSTER_API int muster_future_error(const muster_future *future);
/* Index of a future that is done (NULLs are passed over), or an error. */
MUSTER_API int64_t muster_wait_any(muster_pool *pool, muster_future *const *futures, size_t n,
                                   int timeout_ms);
/* At any time: the command goes on, nobody is told. */
MUSTER_API void muster_future_free(muster_future *future);

/* For event loops: poll the descriptor for reading, at most muster_timeout_ms, then muster_process.
 * Level-triggered: readable until muster_process has nothing left. */
MUSTER_API int muster_fd(muster_pool *pool);
/* How long the loop may sleep; -1: no limit. The descriptor becomes readable then, too. */
MUSTER_API int muster_timeout_ms(muster_pool *pool);
/* Does what is due without waiting, and calls the callbacks of futures that became done: their
 * number, or an error. */
MUSTER_API int muster_process(muster_pool *pool);

/* ---- durable consumers ---------------------------------------------------------------------- */

/* A named cursor on the broker: a record is delivered again until it is acknowledged. */
MUSTER_API int muster_consumer_open(muster_pool *pool, const char *name,
                                    muster_consumer **ret_consumer);
/* 1 and a record (valid until the next call), 0 after the time-out, or an error. */
MUSTER_API int muster_consumer_next(muster_consumer *consumer, const muster_record **ret_record,
                                    int timeout_ms);
/* That record and all before it are processed: they are not delivered again. */
MUSTER_API int muster_consumer_ack(muster_consumer *consumer, int64_t pos);
MUSTER_API void muster_consumer_close(muster_consumer *consumer);

#ifdef __cplusplus
}
#endif
#endif
