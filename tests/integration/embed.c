#include "embed.h"

#include "tests/unit/cmocka_first.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/time.h"

static void pause_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

/* ---- fixture -------------------------------------------------------------------------------- */

int embed_setup_without_pool(void **state)
{
    struct embed *embed = calloc(1, sizeof *embed);
    assert_non_null(embed);
    strcpy(embed->dir, "/tmp/muster-it-XXXXXX");
    assert_non_null(mkdtemp(embed->dir));
    snprintf(embed->work, sizeof embed->work, "%s/work", embed->dir);
    snprintf(embed->store, sizeof embed->store, "%s/backend", embed->dir);
    snprintf(embed->url, sizeof embed->url, "file://%s", embed->store);
    assert_int_equal(mkdir(embed->work, 0700), 0);
    assert_int_equal(mkdir(embed->store, 0700), 0);
    assert_int_equal(setenv("XDG_RUNTIME_DIR", embed->dir, 1), 0);
    *state = embed;
    return 0;
}

muster_options *embed_options(const struct embed *embed)
{
    muster_options *options = muster_options_new();
    assert_non_null(options);
    assert_int_equal(muster_options_set_workdir(options, embed->work), 0);
    assert_int_equal(muster_options_set_url(options, embed->url), 0);
    return options;
}

void embed_open(struct embed *embed, const char *uri, const muster_options *options)
{
    embed_good(NULL, muster_pool_open(&embed->pool, uri, options));
}

int embed_setup(void **state)
{
    embed_setup_without_pool(state);
    struct embed *embed = *state;
    muster_options *options = embed_options(embed);
    embed_open(embed, "local:2", options);
    muster_options_free(options);
    return 0;
}

int embed_teardown(void **state)
{
    struct embed *embed = *state;
    embed_good(NULL, muster_pool_close(&embed->pool));
    assert_int_equal(embed_child(getpid(), "muster-broker"), 0);
    assert_int_equal(embed_child(getpid(), "muster-worker"), 0);
    /* work, backend, and what the test itself made: no private directory of the library's. */
    DIR *dir = opendir(embed->dir);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, "muster-", 7) == 0)
            fail_msg("%s is left in %s", entry->d_name, embed->dir);
    closedir(dir);
    assert_int_equal(fs_remove_tree(embed->dir), 0);
    free(embed);
    return 0;
}

int64_t embed_good(const muster_pool *pool, int64_t value)
{
    if (value < 0)
        fail_msg("%s: %s", muster_code_name((int)value), muster_error(pool)->text);
    return value;
}

/* ---- records -------------------------------------------------------------------------------- */

static void format_value(const muster_value *value, char *text, size_t size)
{
    size_t used = 0;
    char part[256];
    switch (muster_value_kind(value)) {
    case MUSTER_NULL:
        snprintf(text, size, "null");
        break;
    case MUSTER_BOOL:
        snprintf(text, size, "%s", muster_value_bool(value) ? "true" : "false");
        break;
    case MUSTER_INT:
        snprintf(text, size, "%lld", (long long)muster_value_int(value));
        break;
    case MUSTER_DOUBLE:
        snprintf(text, size, "%g", muster_value_double(value));
        break;
    case MUSTER_STRING:
    case MUSTER_BYTES:
        snprintf(text, size, "\"%s\"", muster_value_data(value, NULL));
        break;
    case MUSTER_LIST:
    case MUSTER_MAP:
        text[0] = '\0';
        for (size_t i = 0; i < muster_value_count(value) && used < size; i++) {
            const char *key = muster_value_key_at(value, i, NULL);
            format_value(muster_value_at(value, i), part, sizeof part);
            used += (size_t)snprintf(text + used, size - used, "%s%s%s%s", i ? "," : "[",
                                     key ? key : "", key ? "=" : "", part);
        }
        if (used < size)
            snprintf(text + used, size - used, "%s", used ? "]" : "[]");
        break;
    default:
        fail();
    }
}

int embed_see(const muster_record *record, void *arg)
{
    struct embed *embed = arg;
    assert_true(embed->n < EMBED_SEEN_MAX);
    struct seen *seen = &embed->seen[embed->n++];
    *seen = (struct seen){
        .pos = record->pos,
        .track_id = record->track_id,
        .pid = record->pid,
        .submitted_wall_ns = record->submitted_wall_ns,
        .start_wall_ns = record->start_wall_ns,
        .stop_wall_ns = record->stop_wall_ns,
        .state = record->state,
        .attempt = record->attempt,
        .exit = record->exit,
        .signal = record->signal,
        .error_code = record->error_code,
        .run_s = record->run_s,
        .waited_s = record->waited_s,
        .throttled_s = record->throttled_s,
    };
    snprintf(seen->host, sizeof seen->host, "%s", record->host);
    snprintf(seen->log_prefix, sizeof seen->log_prefix, "%s", record->log_prefix);
    snprintf(seen->reason, sizeof seen->reason, "%s", record->reason);
    if (record->error_type)
        snprintf(seen->error, sizeof seen->error, "%s: %s %s", record->error_type,
                 record->error_message, record->trace_back);
    snprintf(seen->out, sizeof seen->out, "%s", record->out.head);
    format_value(record->result, seen->json, sizeof seen->json);
    return embed->n == embed->stop_at;
}

int64_t embed_read(struct embed *embed)
{
    return embed_good(embed->pool, muster_results_since_last_call(embed->pool, MUSTER_SINCE_LAST,
                                                                  embed_see, embed));
}

int64_t embed_read_all(struct embed *embed)
{
    embed_good(embed->pool, muster_wait_all(embed->pool, -1));
    return embed_read(embed);
}

const struct seen *embed_find(const struct embed *embed, int64_t track_id)
{
    for (int i = 0; i < embed->n; i++)
        if (embed->seen[i].track_id == track_id)
            return &embed->seen[i];
    fail_msg("no record of command %lld", (long long)track_id);
    return NULL;
}

/* ---- commands ------------------------------------------------------------------------------- */

int64_t embed_submit(struct embed *embed, muster_command *command)
{
    int64_t id = muster_submit(embed->pool, command);
    muster_command_free(command);
    return embed_good(embed->pool, id);
}

int64_t embed_echo(struct embed *embed, int64_t i)
{
    muster_command *command = muster_command_call("echo");
    muster_command_arg_int(command, i);
    return embed_submit(embed, command);
}

int64_t embed_sleep(struct embed *embed, double seconds)
{
    muster_command *command = muster_command_call("sleep");
    muster_command_arg_double(command, seconds);
    return embed_submit(embed, command);
}

muster_command *embed_shell(const char *line)
{
    const char *argv[] = {"/bin/sh", "-c", line, NULL};
    return muster_command_exec(argv);
}

/* ---- processes and files -------------------------------------------------------------------- */

/* Name, state and parent from /proc/PID/stat; false when there is no such process. */
static bool look_at(pid_t pid, char name[32], char *ret_state, pid_t *ret_parent)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    char *open_mark = strchr(text, '('), *close_mark = strrchr(text, ')');
    if (!open_mark || !close_mark)
        return false;
    *close_mark = '\0';
    snprintf(name, 32, "%.31s", open_mark + 1);
    int parent;
    if (sscanf(close_mark + 1, " %c %d", ret_state, &parent) != 2)
        return false;
    *ret_parent = parent;
    return true;
}

pid_t embed_child(pid_t parent, const char *program)
{
    DIR *dir = opendir("/proc");
    pid_t found = 0;
    assert_non_null(dir);
    for (struct dirent *entry; found == 0 && (entry = readdir(dir)) != NULL;) {
        char name[32], state;
        pid_t its_parent, pid = atoi(entry->d_name);
        /* A name in /proc is cut to 15 bytes. */
        if (pid > 0 && look_at(pid, name, &state, &its_parent) && its_parent == parent &&
            strncmp(name, program, 15) == 0 && state != 'Z')
            found = pid;
    }
    closedir(dir);
    return found;
}

bool embed_is_alive(pid_t pid)
{
    char name[32], state;
    pid_t parent;
    return look_at(pid, name, &state, &parent) && state != 'Z';
}

void embed_await_gone(pid_t pid)
{
    muster_time deadline = time_boot_ns() + 60 * MUSTER_S;
    while (embed_is_alive(pid)) {
        if (time_boot_ns() > deadline)
            fail_msg("process %d is still there", (int)pid);
        pause_ms(10);
    }
}

int embed_count_files(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return n;
}

void embed_write_file(const char *dir, const char *name, const void *data, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fs_write_all(fd, data, size), 0);
    close(fd);
}
