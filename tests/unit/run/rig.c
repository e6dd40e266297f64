/* rig.c -- see rig.h. Nothing here sleeps for an event that can be waited for. */
#include "tests/unit/run/rig.h"

#include "base/fs.h"
#include "base/time.h"
#include "proto/wire.h"
#include "tests/unit/cmocka_first.h"

#include <ctype.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void rig_init(struct rig *rig, uint32_t slots)
{
    *rig = (struct rig){.tokens = 100};
    arena_init(&rig->arena, 256 * 1024 * 1024);
    snprintf(rig->dir, sizeof rig->dir, "%s", "/tmp/muster-run-XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    rig->records = calloc(RIG_RECORDS_MAX, sizeof *rig->records);
    assert_non_null(rig->records);
    assert_int_equal(mkdir(rig_path(rig, "spool"), 0700), 0);
    rig->options = (struct run_options){.slots = slots,
                                        .host = "testhost",
                                        .workdir = rig->dir,
                                        .spool_dir = rig_path(rig, "spool"),
                                        .grace_ns = 500 * MUSTER_MS,
                                        .drain_output_ns = 300 * MUSTER_MS};
}

void rig_open(struct rig *rig)
{
    assert_int_equal(run_open(&rig->run, &rig->options), 0);
}

void rig_done(struct rig *rig)
{
    run_close(rig->run);
    fs_remove_tree(rig->dir);
    arena_done(&rig->arena);
    free(rig->records);
    *rig = (struct rig){.run = NULL};
}

uint64_t rig_start(struct rig *rig, uint32_t slot, const char *function,
                   const struct wire_command_body *body)
{
    size_t size = wire_command_body_size(body);
    uint8_t *packed = malloc(size + 1);
    assert_non_null(packed);
    wire_command_body_encode(body, packed, size);
    struct run_start start = {.token = ++rig->tokens,
                              .slot = slot,
                              .function = bytes_of_str(function),
                              .body = bytes_of(packed, size),
                              .pool_name = bytes_of_str("pool1"),
                              .track_id = 7,
                              .attempt = 2};
    assert_int_equal(run_start(rig->run, &start), 0);
    free(packed);
    return start.token;
}

uint64_t rig_exec(struct rig *rig, uint32_t slot, ...)
{
    struct bytes argv[64];
    uint32_t n = 0;
    va_list args;
    va_start(args, slot);
    for (const char *arg; (arg = va_arg(args, const char *)) && n < 64;)
        argv[n++] = bytes_of_str(arg);
    va_end(args);
    struct wire_command_body body = {.argv = argv, .n_argv = n};
    return rig_start(rig, slot, "exec", &body);
}

uint64_t rig_shell(struct rig *rig, uint32_t slot, const char *text, int64_t timeout_ns)
{
    struct bytes argv[] = {bytes_of_str("/bin/sh"), bytes_of_str("-c"), bytes_of_str(text)};
    struct wire_command_body body = {.argv = argv, .n_argv = 3, .timeout_ns = timeout_ns};
    return rig_start(rig, slot, "exec", &body);
}

static void keep(struct rig *rig, const struct run_ended *ended)
{
    struct wire_error error;
    struct bytes body;
    assert_true(rig->n_records < RIG_RECORDS_MAX);
    struct rig_record *record = &rig->records[rig->n_records++];
    record->ended = *ended;
    assert_true(arena_copy(&rig->arena, ended->body, &body));
    record->ended.body = body;
    assert_int_equal(wire_record_body_decode(body, &rig->arena, &record->body, &error), 0);
}

bool rig_poll(struct rig *rig, int wait_ms)
{
    struct pollfd readable = {.fd = run_fd(rig->run), .events = POLLIN};
    struct run_ended ended;
    size_t before = rig->n_records;
    poll(&readable, 1, wait_ms);
    int next;
    while ((next = run_next(rig->run, &ended)) > 0)
        keep(rig, &ended);
    assert_int_equal(next, 0);
    return rig->n_records > before;
}

const struct rig_record *rig_wait(struct rig *rig, uint64_t token)
{
    muster_time until = time_boot_ns() + RIG_WAIT_MS * MUSTER_MS;
    for (;;) {
        for (size_t i = 0; i < rig->n_records; i++) {
            if (rig->records[i].ended.token != token)
                continue;
            struct bytes copy;
            assert_true(
                arena_copy(&rig->arena, bytes_of(&rig->records[i], sizeof *rig->records), &copy));
            rig->records[i] = rig->records[--rig->n_records];
            return (const struct rig_record *)(const void *)copy.data;
        }
        if (time_boot_ns() >= until)
            fail_msg("no record of token %llu", (unsigned long long)token);
        rig_poll(rig, 1000);
    }
}

const char *rig_text(struct rig *rig, const struct wire_output *output)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_append_bytes(&text, output->head);
    buffer_append_bytes(&text, output->tail);
    const char *copy = rig_bytes_text(rig, buffer_bytes(&text));
    buffer_done(&text);
    return copy;
}

const char *rig_bytes_text(struct rig *rig, struct bytes bytes)
{
    struct bytes copy;
    assert_true(arena_copy(&rig->arena, bytes, &copy));
    return (const char *)copy.data;
}

const char *rig_path(struct rig *rig, const char *name)
{
    struct buffer path = BUFFER_EMPTY;
    fs_join(&path, rig->dir, name);
    const char *copy = rig_bytes_text(rig, buffer_bytes(&path));
    buffer_done(&path);
    return copy;
}

void rig_write(struct rig *rig, const char *name, const void *data, size_t size)
{
    assert_int_equal(fs_write_file_atomic(rig_path(rig, name), data, size, 0644), 0);
}

const char *rig_wait_file(struct rig *rig, const char *name)
{
    muster_time until = time_boot_ns() + RIG_WAIT_MS * MUSTER_MS;
    struct buffer text = BUFFER_EMPTY;
    while (fs_read_file(rig_path(rig, name), 4096, &text) < 0 || text.size == 0) {
        buffer_reset(&text);
        assert_true(time_boot_ns() < until);
        poll(NULL, 0, 5);
    }
    const char *copy = rig_bytes_text(rig, buffer_bytes(&text));
    buffer_done(&text);
    return copy;
}

static bool is_zombie(const char *pid)
{
    char path[300], text[512];
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return true;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = 0;
    const char *end = strrchr(text, ')');
    return !end || end[2] == 'Z';
}

int rig_count_marked(const char *marker)
{
    DIR *proc = opendir("/proc");
    assert_non_null(proc);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(proc));) {
        char path[300];
        struct buffer text = BUFFER_EMPTY;
        snprintf(path, sizeof path, "/proc/%s/environ", entry->d_name);
        if (isdigit((unsigned char)entry->d_name[0]) &&
            fs_read_file(path, 1024 * 1024, &text) == 0 && text.size > 0 &&
            memmem(text.data, text.size, marker, strlen(marker)) && !is_zombie(entry->d_name))
            count++;
        buffer_done(&text);
    }
    closedir(proc);
    return count;
}

bool rig_wait_gone(const char *marker, int wait_ms)
{
    muster_time until = time_boot_ns() + wait_ms * MUSTER_MS;
    while (rig_count_marked(marker) > 0) {
        if (time_boot_ns() >= until)
            return false;
        poll(NULL, 0, 10);
    }
    return true;
}

int rig_spawner_pid(struct rig *rig)
{
    (void)rig;
    char path[64];
    int pid = 0, more = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_true(fscanf(file, "%d %d", &pid, &more) >= 1);
    fclose(file);
    assert_int_equal(more, 0); /* the spawner is the only child */
    return pid;
}

int rig_spawner_files(struct rig *rig)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", rig_spawner_pid(rig));
    DIR *files = opendir(path);
    assert_non_null(files);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(files));)
        count += isdigit((unsigned char)entry->d_name[0]) ? 1 : 0;
    closedir(files);
    return count;
}

uint64_t rig_spawner_peak_bytes(struct rig *rig)
{
    char path[64];
    struct buffer text = BUFFER_EMPTY;
    snprintf(path, sizeof path, "/proc/%d/status", rig_spawner_pid(rig));
    assert_int_equal(fs_read_file(path, 65536, &text), 0);
    const char *line = strstr(buffer_str(&text), "VmHWM:");
    assert_non_null(line);
    uint64_t bytes = strtoull(line + 6, NULL, 10) * 1024;
    buffer_done(&text);
    return bytes;
}

const char *rig_zoo(void)
{
    return RIG_ZOO;
}
