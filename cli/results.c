/* muster results: the result log from a position on, or through a durable cursor. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/broker.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/record.h"
#include "cli/say.h"
#include "cli/verb.h"

enum { PAGE = 1000, FOLLOW_MS = 60000, HOST_WIDTH = 12 };

struct from_option {
    bool given;
    int64_t pos;
};

static struct from_option from;
static bool follow;
static const char *consumer_name;
static uint64_t max;

static int take_pos(void *target, const char *value, struct buffer *message)
{
    uint64_t pos;
    if (text_parse_u64(value, 0, INT64_MAX, &pos) < 0) {
        text_append_quoted(message, bytes_of_str(value), 80);
        buffer_append_str(message, " is not a position of the result log: 0, 1, 2 …");
        return -EINVAL;
    }
    *(struct from_option *)target = (struct from_option){.given = true, .pos = (int64_t)pos};
    return 0;
}

static const struct opt_spec options[] = {
    {"from", 0, OPT_CALL, "POS", "records behind this position; default: the oldest kept", &from,
     take_pos, 0, 0},
    {"follow", 'f', OPT_FLAG, NULL, "go on with what ends later, until Ctrl-C or --max", &follow,
     NULL, 0, 0},
    {"consumer", 0, OPT_STRING, "NAME",
     "go on where this durable cursor stands, and move it past what was printed", &consumer_name,
     NULL, 0, 0},
    {"max", 0, OPT_U64, "N", "at most so many records", &max, NULL, 1, INT64_MAX},
    OPT_END};

struct reader {
    struct emit emit;
    uint64_t count;
    int64_t pos;
};

static void print_line(const muster_record *record)
{
    struct buffer line = BUFFER_EMPTY;
    char time[TIME_TEXT_MAX];
    time_format_iso(time,
                    record->stop_wall_ns != 0 ? record->stop_wall_ns : record->submitted_wall_ns);
    buffer_printf(&line, "%6lld  %6lld  %s  ", (long long)record->pos, (long long)record->track_id,
                  time);
    record_append_line(&line, record, HOST_WIDTH, false);
    buffer_append_char(&line, '\n');
    fwrite(buffer_str(&line), 1, line.size, stdout);
    buffer_done(&line);
}

static int on_record(const muster_record *record, void *arg)
{
    struct reader *reader = arg;
    if (emit_is_wanted()) {
        emit_record(&reader->emit, record);
    } else {
        print_line(record);
    }
    reader->pos = record->pos;
    reader->count++;
    return ferror(stdout) != 0;
}

static bool is_enough(const struct reader *reader)
{
    return max != 0 && reader->count >= max;
}

static int64_t page_size(const struct reader *reader)
{
    return max != 0 && max - reader->count < PAGE ? (int64_t)(max - reader->count) : PAGE;
}

static int read_log(struct broker *broker, struct reader *reader)
{
    if (!from.given) {
        muster_stats stats = {.size = sizeof stats};
        int code = muster_get_stats(broker->pool, 0, &stats);
        if (code < 0) {
            return say_failed(broker->pool, code, "ask for the oldest record");
        }
        from.pos = stats.oldest;
    }
    reader->pos = from.pos;
    while (!is_enough(reader)) {
        uint64_t before = reader->count;
        int64_t next = reader->pos;
        int64_t code = muster_results_read(broker->pool, reader->pos, page_size(reader),
                                           follow ? FOLLOW_MS : 0, MUSTER_WITH_COMMAND, on_record,
                                           reader, &next);
        if (code == MUSTER_ESTOPPED) {
            return EXIT_OURS;
        }
        if (code < 0 && code != MUSTER_ETIMEDOUT) {
            return say_failed(broker->pool, code, "read the results");
        }
        fflush(stdout);
        if (reader->count == before && !follow) {
            break;
        }
    }
    return EXIT_OK;
}

/* Each record is acknowledged only when it is out of our hands, so that none is lost. */
static int read_consumer(struct broker *broker, struct reader *reader)
{
    muster_consumer *consumer = NULL;
    int status = EXIT_OK;
    int code = muster_consumer_open(broker->pool, consumer_name, &consumer);
    while (code >= 0 && !is_enough(reader)) {
        const muster_record *record = NULL;
        code = muster_consumer_next(consumer, &record, follow ? FOLLOW_MS : 0);
        if (code == 0 && !follow) {
            break;
        }
        if (code <= 0) {
            continue;
        }
        int64_t pos = record->pos;
        (void)on_record(record, reader);
        if (fflush(stdout) != 0 || ferror(stdout)) {
            status = EXIT_OURS;
            break;
        }
        code = muster_consumer_ack(consumer, pos);
    }
    if (code < 0) {
        status = say_failed(broker->pool, code, "read the results");
    }
    muster_consumer_close(consumer);
    return status;
}

static int run(const struct opt_result *args)
{
    struct broker broker;
    struct reader reader = {0};
    if (args->operand_count > 0) {
        return say_usage("results", "unexpected \"%s\": muster show ID shows one command",
                         args->operands[0]);
    }
    if (from.given && consumer_name != NULL) {
        return say_usage("results", "--from and --consumer both say where to begin: give one");
    }
    int status = broker_open(BROKER_RUNNING, &broker);
    if (status != 0) {
        return status;
    }
    emit_begin(&reader.emit, muster_pool_name(broker.pool), true);
    status = consumer_name != NULL ? read_consumer(&broker, &reader) : read_log(&broker, &reader);
    if (emit_is_wanted()) {
        emit_end(&reader.emit);
    }
    return broker_close(&broker, status);
}

const struct verb verb_results = {
    .name = "results",
    .summary = "read the final records in order",
    .usage = (const char *const[]){"[OPTION…]", NULL},
    .about =
        "Prints the pool's final records by position, without a gap and each once. Reading "
        "changes nothing: the same --from gives the same answer. A position before the oldest "
        "kept record is an error, never an empty answer.\n\n"
        "With --consumer the broker remembers, durably, how far the records were printed; the "
        "next call with the same name goes on there. The first call with a name sets it behind the "
        "newest record: it prints what ends from then on.",
    .examples = (const char *const[]){"muster results --from 0 --jsonl > all.jsonl",
                                      "muster results -f --max 10",
                                      "muster results --consumer report --jsonl", NULL},
    .options = options,
    .exits = VERB_EXITS_PLAIN,
    .run = run};
