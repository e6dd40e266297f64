/* Shared options: the groups of the tables, and how their values reach a command. */
#include "cli/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "cli/say.h"

enum {
    PRIORITY_MAX = 1000,
    ATTEMPTS_MAX = 10000,
    BUFFER_MAX = 1000000,
    /* It travels inside the command, whose body holds no more; the library tells the exact bound.
     */
    STDIN_BYTES_MAX = 256 * 1024
};

struct global_options globals = {.pool = NULL, .connect_timeout = 5 * MUSTER_S};
struct shared_options shared = {.lost_after = -1, .buffer = 1};

static int take_priority(void *target, const char *value, struct buffer *message)
{
    uint64_t size;
    bool negative = value[0] == '-';
    int rc = text_parse_u64(value + (negative || value[0] == '+' ? 1 : 0), 0, PRIORITY_MAX, &size);
    if (rc < 0) {
        text_append_quoted(message, bytes_of_str(value), 80);
        buffer_printf(message, " is not a whole number from -%d (first) to %d", PRIORITY_MAX,
                      PRIORITY_MAX);
        return -EINVAL;
    }
    *(int *)target = negative ? -(int)size : (int)size;
    return 0;
}

static int take_when(void *target, const char *value, struct buffer *message)
{
    struct when_option when = {.given = true, .relative = value[0] == '+'};
    int rc = when.relative ? time_parse_duration(value + 1, &when.ns)
                           : time_parse_when(value, time_wall_ns(), &when.ns);
    if (rc < 0) {
        text_append_quoted(message, bytes_of_str(value), 80);
        buffer_append_str(message, rc == -ERANGE
                                       ? " is too far away"
                                       : " is not a time: write +5m, 22:30, 2026-11-22T22:30 "
                                         "or 2026-11-22T21:30Z");
        return -EINVAL;
    }
    *(struct when_option *)target = when;
    return 0;
}

const struct opt_spec options_global[] = {
    {.kind = OPT_HEADING, .help = "Everywhere"},
    {"broker", 0, OPT_STRING, "ENDPOINT",
     "the broker, as tcp://HOST:PORT or ipc://PATH; default: "
     "$MUSTER_BROKER, else the one that `muster up` started",
     &globals.broker, NULL, 0, 0},
    {"pool", 0, OPT_STRING, "NAME", "the pool; default: $MUSTER_POOL, else \"default\"",
     &globals.pool, NULL, 0, 0},
    {"connect-timeout", 0, OPT_DURATION, "DURATION",
     "how long to wait for the broker's first word (5s)", &globals.connect_timeout, NULL, MUSTER_MS,
     (uint64_t)24 * 3600 * MUSTER_S},
    {"json", 0, OPT_FLAG, NULL, "print JSON: one object, or an array where there may be several",
     &globals.json, NULL, 0, 0},
    {"jsonl", 0, OPT_FLAG, NULL, "print JSON, one object a line", &globals.jsonl, NULL, 0, 0},
    {"quiet", 'q', OPT_FLAG, NULL, "no talk on stderr, except errors", &globals.quiet, NULL, 0, 0},
    {"no-color", 0, OPT_FLAG, NULL, "no colours; so does $NO_COLOR", &globals.no_color, NULL, 0, 0},
    {"help", 'h', OPT_FLAG, NULL, "show this help", &globals.help, NULL, 0, 0},
    {"version", 0, OPT_FLAG, NULL, "show the version", &globals.version, NULL, 0, 0},
    OPT_END};

static const struct opt_spec target_rows[] = {
    {.kind = OPT_HEADING, .help = "Where it runs"},
    {"on", 0, OPT_STRING, "SELECTOR",
     "hosts that may run it: db1, web[1-8], role=db, all, joined by commas, "
     "and, or, not",
     &shared.on, NULL, 0, 0},
    {"each", 0, OPT_FLAG, NULL, "one command for every matching host; default: any one of them",
     &shared.each, NULL, 0, 0},
    {"dry-run", 'n', OPT_FLAG, NULL, "submit nothing, print the hosts that would be taken",
     &shared.dry_run, NULL, 0, 0},
    OPT_END};

static const struct opt_spec command_rows[] = {
    {.kind = OPT_HEADING, .help = "When it runs, and how long"},
    {"priority", 'p', OPT_CALL, "N", "from -1000 (first) to 1000; default 0", &shared.priority,
     take_priority, 0, 0},
    {"at", 0, OPT_CALL, "WHEN", "not before this time: 22:30, 2026-11-22T22:30, +5m", &shared.at,
     take_when, 0, 0},
    {"delay", 0, OPT_DURATION, "DURATION", "not before this much time has passed", &shared.delay,
     NULL, 0, 0},
    {"start-by", 0, OPT_CALL, "WHEN", "it ends `expired` when it has not started by then",
     &shared.start_by, take_when, 0, 0},
    {"timeout", 0, OPT_DURATION, "DURATION", "end it when it runs longer", &shared.timeout, NULL, 0,
     0},
    {"stall-timeout", 0, OPT_DURATION, "DURATION",
     "end it when it shows no output and no I/O for so long", &shared.stall_timeout, NULL, 0, 0},
    {"grace", 0, OPT_DURATION, "DURATION", "between TERM and KILL when it is ended", &shared.grace,
     NULL, 0, 0},
    {"idempotent", 0, OPT_FLAG, NULL, "it may be run again when its worker is lost",
     &shared.idempotent, NULL, 0, 0},
    {"max-attempts", 0, OPT_U64, "N", "starts at most, counting those after a loss",
     &shared.max_attempts, NULL, 1, ATTEMPTS_MAX},
    {"lost-after", 0, OPT_DURATION, "DURATION",
     "it ends `lost` when its worker stays silent for so long; 0: as soon as its lease expires",
     &shared.lost_after, NULL, 0, 0},
    {"request-id", 0, OPT_STRING, "ID",
     "submitting again with the same id gives the same command, not a second one",
     &shared.request_id, NULL, 0, 0},
    {"label", 0, OPT_STRING, "TEXT", "a word of your own, shown by ps and kept in the record",
     &shared.label, NULL, 0, 0},
    OPT_END};

static const struct opt_spec process_rows[] = {
    {.kind = OPT_HEADING, .help = "What runs"},
    {"shell", 'c', OPT_STRING, "STRING",
     "run STRING by `bash -e -o pipefail -c`; words after -- become $1, $2 …", &shared.shell, NULL,
     0, 0},
    {"env", 0, OPT_LIST, "NAME=VALUE", "set in its environment; NAME alone: its value here",
     &shared.env, NULL, 0, 0},
    {"cwd", 0, OPT_STRING, "DIR", "its directory on the host", &shared.cwd, NULL, 0, 0},
    {"stdin", 0, OPT_STRING, "FILE", "its standard input, at most 256k; -: that of this command",
     &shared.stdin_file, NULL, 0, 0},
    OPT_END};

static const struct opt_spec store_rows[] = {
    {"url", 0, OPT_STRING, "URL", "the store, as file:///srv/backup", &shared.url, NULL, 0, 0},
    OPT_END};

static const struct opt_spec throttle_rows[] = {
    {"throttled", 0, OPT_FLAG, NULL,
     "before each submit wait until fewer commands than slots plus --buffer are unfinished",
     &shared.throttled, NULL, 0, 0},
    {"buffer", 0, OPT_U64, "N", "with --throttled: commands beyond the slots (1)", &shared.buffer,
     NULL, 0, BUFFER_MAX},
    OPT_END};

static bool is_end(const struct opt_spec *spec)
{
    return spec->name == NULL && spec->kind != OPT_HEADING;
}

static size_t count_rows(const struct opt_spec *rows)
{
    size_t count = 0;
    while (rows != NULL && !is_end(&rows[count])) {
        count++;
    }
    return count;
}

int options_table_make(struct options_table *table, const struct opt_spec *own, unsigned groups)
{
    static const struct opt_spec own_heading[] = {{.kind = OPT_HEADING, .help = "Options"},
                                                  OPT_END};
    bool has_own = own != NULL || (groups & (OPTIONS_STORE | OPTIONS_THROTTLE)) != 0;
    const struct opt_spec *const parts[] = {has_own ? own_heading : NULL,
                                            own,
                                            (groups & OPTIONS_STORE) != 0 ? store_rows : NULL,
                                            (groups & OPTIONS_THROTTLE) != 0 ? throttle_rows : NULL,
                                            (groups & OPTIONS_PROCESS) != 0 ? process_rows : NULL,
                                            (groups & OPTIONS_TARGET) != 0 ? target_rows : NULL,
                                            (groups & OPTIONS_COMMAND) != 0 ? command_rows : NULL,
                                            options_global};
    size_t total = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        total += count_rows(parts[i]);
    }
    struct opt_spec *rows = calloc(total + 1, sizeof *rows);
    if (rows == NULL) {
        return -ENOMEM;
    }
    size_t at = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t count = count_rows(parts[i]);
        if (count > 0) {
            memcpy(rows + at, parts[i], count * sizeof *rows);
        }
        at += count;
    }
    rows[total] = (struct opt_spec)OPT_END;
    table->rows = rows;
    return 0;
}

void options_table_done(struct options_table *table)
{
    free(table->rows);
    table->rows = NULL;
}

void options_done(void)
{
    opt_list_done(&shared.env);
}

/* The library counts milliseconds: what is not zero stays so. */
static int64_t to_ms(muster_time ns)
{
    return ns / MUSTER_MS + (ns % MUSTER_MS != 0 ? 1 : 0);
}

static int apply_env(muster_command *command)
{
    for (size_t i = 0; i < shared.env.count; i++) {
        const char *item = shared.env.items[i];
        size_t size = strcspn(item, "=");
        char *name = strndup(item, size);
        if (name == NULL) {
            return say_no_memory();
        }
        const char *value = item[size] == '=' ? item + size + 1 : getenv(name);
        int status = 0;
        if (size == 0) {
            status = say_error("--env %s: the name is missing: write --env NAME=VALUE", item);
        } else if (value == NULL) {
            status = say_error("--env %s: there is no such variable here: write --env %s=VALUE",
                               item, item);
        } else {
            (void)muster_command_set_env(command, name, value);
        }
        free(name);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

static int read_stdin(struct buffer *content)
{
    uint8_t part[16384];
    for (;;) {
        ssize_t n = fs_read_all(STDIN_FILENO, part, sizeof part);
        if (n < 0) {
            return (int)n;
        }
        if (content->size + (size_t)n > STDIN_BYTES_MAX) {
            return -EFBIG;
        }
        int rc = buffer_append(content, part, (size_t)n);
        if (rc < 0 || (size_t)n < sizeof part) {
            return rc;
        }
    }
}

static int apply_stdin(muster_command *command)
{
    struct buffer content = BUFFER_EMPTY;
    const char *file = shared.stdin_file;
    int status = 0;
    int rc = strcmp(file, "-") == 0 ? read_stdin(&content)
                                    : fs_read_file(file, STDIN_BYTES_MAX, &content);
    if (rc == -EFBIG) {
        status = say_error("--stdin %s: it is larger than the 256k that a command can carry: store "
                           "it with `muster put` and let the command fetch it",
                           file);
    } else if (rc < 0) {
        status = say_error("--stdin %s: cannot read it: %s", file, strerror(-rc));
    } else {
        (void)muster_command_set_stdin(command, content.data, content.size);
    }
    buffer_done(&content);
    return status;
}

static void apply_times(muster_command *command)
{
    if (shared.at.given) {
        (void)(shared.at.relative ? muster_command_set_delay(command, to_ms(shared.at.ns))
                                  : muster_command_set_not_before(command, shared.at.ns));
    }
    if (shared.delay > 0) {
        (void)muster_command_set_delay(command, to_ms(shared.delay));
    }
    if (shared.start_by.given) {
        (void)(shared.start_by.relative
                   ? muster_command_set_start_within(command, to_ms(shared.start_by.ns))
                   : muster_command_set_start_by(command, shared.start_by.ns));
    }
    if (shared.timeout > 0) {
        (void)muster_command_set_timeout(command, to_ms(shared.timeout));
    }
    if (shared.stall_timeout > 0) {
        (void)muster_command_set_stall_timeout(command, to_ms(shared.stall_timeout));
    }
    if (shared.grace > 0) {
        (void)muster_command_set_grace(command, to_ms(shared.grace));
    }
    if (shared.lost_after >= 0) {
        (void)muster_command_set_lost_after(command, to_ms(shared.lost_after));
    }
}

/* The first error of a setter sticks to the command, and the submit reports it. */
int options_apply(muster_command *command)
{
    int status = 0;
    if (shared.at.given && shared.delay > 0) {
        return say_error("--at and --delay both say when to start: give one of them");
    }
    if (shared.on != NULL) {
        (void)muster_command_set_selector(command, shared.on);
    }
    (void)muster_command_set_each(command, shared.each ? 1 : 0);
    (void)muster_command_set_priority(command, shared.priority);
    apply_times(command);
    if (shared.idempotent) {
        (void)muster_command_set_idempotent(command, 1);
    }
    if (shared.max_attempts > 0) {
        (void)muster_command_set_max_attempts(command, (unsigned)shared.max_attempts);
    }
    if (shared.request_id != NULL) {
        (void)muster_command_set_request_id(command, shared.request_id);
    }
    if (shared.label != NULL) {
        (void)muster_command_set_label(command, shared.label);
    }
    if (shared.cwd != NULL) {
        (void)muster_command_set_cwd(command, shared.cwd);
    }
    if (shared.url != NULL) {
        (void)muster_command_set_url(command, shared.url);
    }
    status = apply_env(command);
    if (status == 0 && shared.stdin_file != NULL) {
        status = apply_stdin(command);
    }
    return status;
}

/* A script's unset variable would otherwise mean any host, or another pool or broker. */
const char *options_find_empty(void)
{
    const struct {
        const char *name, *value;
    } named[] = {{"--on", shared.on},
                 {"--url", shared.url},
                 {"--pool", globals.pool},
                 {"--broker", globals.broker}};
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        if (named[i].value != NULL && named[i].value[0] == '\0') {
            return named[i].name;
        }
    }
    return NULL;
}
