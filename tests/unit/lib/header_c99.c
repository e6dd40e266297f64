/* A program of somebody else: the public header alone, in plain C99; every name can be linked, and
 * names of its own that the library uses inside do no harm. */
#include <muster.h>

/* Names of functions inside the library. */
int list_init(void);
int map_get(void);
int request_new(void);
int wire_decode(void);
int call_new(void);

int list_init(void)
{
    return 1;
}
int map_get(void)
{
    return 1;
}
int request_new(void)
{
    return 1;
}
int wire_decode(void)
{
    return 1;
}
int call_new(void)
{
    return 1;
}

static int each(const muster_record *record, void *arg)
{
    (void)record;
    (void)arg;
    return 0;
}

int main(void)
{
    muster_pool *pool = NULL;
    muster_stats stats;
    muster_cancelled cancelled;
    muster_future *future = NULL;
    muster_consumer *consumer = NULL;
    const muster_record *record = NULL;
    int64_t next = 0, id = 0;
    muster_command *command = muster_command_call("echo");
    muster_command_arg_int(command, 1);
    /* Without a pool every call is refused, none is a crash. */
    int wrong = 0;
    wrong += muster_pool_open(NULL, NULL, NULL) != MUSTER_EINVAL;
    wrong += muster_submit(pool, command) != MUSTER_EINVAL;
    wrong += muster_submit_throttled(pool, command, 1, 0) != MUSTER_EINVAL;
    wrong += muster_submit_batch(pool, command, NULL, NULL) != MUSTER_EINVAL;
    wrong += muster_submit_many(pool, NULL, 0, &id) != MUSTER_EINVAL;
    wrong += muster_queue_length(pool) != MUSTER_EINVAL;
    wrong += muster_results_since_last_call(pool, MUSTER_SINCE_LAST, each, NULL) != MUSTER_EINVAL;
    wrong += muster_results_read(pool, 0, 1, 0, 0, each, NULL, &next) != MUSTER_EINVAL;
    wrong += muster_get_stats(pool, MUSTER_ALL, &stats) != MUSTER_EINVAL;
    wrong += muster_shutdown(pool, MUSTER_WAIT) != MUSTER_EINVAL;
    wrong += muster_shutdown_timed(pool, MUSTER_WAIT, 0) != MUSTER_EINVAL;
    wrong += muster_shutdown_broker(pool) != MUSTER_EINVAL;
    wrong += muster_wait(pool, &id, 1, 0, 0, each, NULL) != MUSTER_EINVAL;
    wrong += muster_wait_batch(pool, 1, 0) != MUSTER_EINVAL;
    wrong += muster_wait_all(pool, 0) != MUSTER_EINVAL;
    wrong += muster_cancel(pool, 1, NULL) != MUSTER_EINVAL;
    wrong += muster_cancel_range(pool, 0, 0, 0, NULL, &cancelled) != MUSTER_EINVAL;
    wrong += muster_cancel_batch(pool, 1, 0, NULL, &cancelled) != MUSTER_EINVAL;
    wrong += muster_list(pool, 0, 0, 0, 0, NULL, NULL) != MUSTER_EINVAL;
    wrong += muster_hosts(pool, NULL, NULL) != MUSTER_EINVAL;
    wrong += muster_start(pool, command, &future) != MUSTER_EINVAL;
    wrong += muster_wait_any(pool, NULL, 0, 0) != MUSTER_EINVAL;
    wrong += muster_future_then(future, each, NULL) != MUSTER_EINVAL;
    wrong += muster_future_wait(future, 0) != MUSTER_EINVAL;
    wrong += muster_future_error(future) != MUSTER_EINVAL;
    wrong += muster_future_track_id(future) != MUSTER_EINVAL;
    wrong += muster_future_record(future) != NULL;
    wrong += muster_fd(pool) != MUSTER_EINVAL;
    wrong += muster_timeout_ms(pool) != MUSTER_EINVAL;
    wrong += muster_process(pool) != MUSTER_EINVAL;
    wrong += muster_consumer_open(pool, "a", &consumer) != MUSTER_EINVAL;
    wrong += muster_consumer_next(consumer, &record, 0) != MUSTER_EINVAL;
    wrong += muster_consumer_ack(consumer, 1) != MUSTER_EINVAL;
    wrong += muster_pool_close(&pool) != MUSTER_OK;
    wrong += muster_pool_close(NULL) != MUSTER_OK;
    wrong += muster_error(pool) == NULL;
    wrong += muster_version()[0] == '\0';
    muster_future_free(future);
    muster_consumer_close(consumer);
    muster_command_free(command);
    muster_command_free(NULL);
    muster_options_free(NULL);
    muster_value_free(NULL);
    return wrong;
}
