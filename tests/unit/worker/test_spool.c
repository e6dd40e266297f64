/* What a worker must not forget, across crashes, damage and full disks (S4, S6). */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/rand.h"
#include "base/time.h"
#include "worker/spool.h"
#include "worker/spool_log.h"

struct fixture {
    char root[64];
    char dir[80], log[96], identity[96];
    struct buffer message;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->root, sizeof f->root, "/tmp/muster-spool-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    snprintf(f->dir, sizeof f->dir, "%s/spool", f->root);
    snprintf(f->log, sizeof f->log, "%s/log", f->dir);
    snprintf(f->identity, sizeof f->identity, "%s/identity", f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fs_remove_tree(f->root);
    buffer_done(&f->message);
    free(f);
    return 0;
}

static struct spool *open_spool(struct fixture *f)
{
    struct spool *spool = NULL;
    int r = spool_open(&spool, f->dir, &f->message);
    if (r < 0)
        fail_msg("%s", buffer_str(&f->message));
    return spool;
}

static struct agent_id id_of(uint64_t track_id)
{
    return (struct agent_id){.pool = 7, .attempt = 2, .epoch = 3, .track_id = track_id};
}

static uint64_t end(struct spool *spool, uint64_t handle, uint64_t track_id, const char *body)
{
    struct wire_record_head record = {.pool = 7,
                                      .attempt = 2,
                                      .epoch = 3,
                                      .track_id = track_id,
                                      .state = STATE_FAILED,
                                      .reason = REASON_EXIT,
                                      .exit = -5,
                                      .signal = 9,
                                      .start_wall_ns = 1700000000 * MUSTER_S,
                                      .run_ns = (int64_t)track_id,
                                      .slot = 4,
                                      .pid = 4711,
                                      .throttled_ns = 11,
                                      .body = bytes_of_str(body)};
    return spool_end(spool, handle, &record);
}

static void expect_record(const struct spool *spool, uint64_t handle, uint64_t track_id,
                          const char *body)
{
    const struct wire_record_head *record = spool_record(spool, handle);
    assert_non_null(record);
    assert_int_equal(record->track_id, track_id);
    assert_int_equal(record->pool, 7);
    assert_int_equal(record->attempt, 2);
    assert_int_equal(record->epoch, 3);
    assert_int_equal(record->state, STATE_FAILED);
    assert_int_equal(record->reason, REASON_EXIT);
    assert_int_equal(record->exit, -5);
    assert_int_equal(record->signal, 9);
    assert_true(record->start_wall_ns == 1700000000 * MUSTER_S);
    assert_int_equal(record->run_ns, track_id);
    assert_int_equal(record->slot, 4);
    assert_int_equal(record->pid, 4711);
    assert_int_equal(record->throttled_ns, 11);
    assert_true(bytes_equal_str(record->body, body));
}

static void read_log(const struct fixture *f, struct buffer *bytes)
{
    buffer_reset(bytes);
    assert_int_equal(fs_read_file(f->log, 1 << 20, bytes), 0);
}

static void write_log(const struct fixture *f, const void *data, size_t size)
{
    assert_int_equal(fs_write_file_atomic(f->log, data, size, 0600), 0);
}

static void test_spool__keeps_what_is_not_acknowledged(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_spool(f);
    struct agent_id first = id_of(1), second = id_of(2), third = id_of(3);
    assert_int_equal(spool_next(spool, 0), 0);
    uint64_t a = spool_start(spool, &first);
    uint64_t b = spool_start(spool, &second);
    spool_start(spool, &third);
    assert_int_equal(spool_flush(spool), 0);
    end(spool, a, 1, "one");
    end(spool, b, 2, "two");
    end(spool, 0, 4, "never noted as started");
    assert_int_equal(spool_flush(spool), 0);
    spool_forget(spool, a);
    spool_forget(spool, 0);
    assert_false(spool_is_flushed(spool));
    assert_int_equal(spool_flush(spool), 0);
    spool_close(spool);

    spool = open_spool(f);
    b = spool_next(spool, 0);
    expect_record(spool, b, 2, "two");
    uint64_t c = spool_next(spool, b);
    assert_null(spool_record(spool, c));
    assert_int_equal(spool_id(spool, c).track_id, 3);
    assert_int_equal(spool_id(spool, c).epoch, 3);
    uint64_t d = spool_next(spool, c);
    expect_record(spool, d, 4, "never noted as started");
    assert_int_equal(spool_next(spool, d), 0);
    assert_int_equal(spool_count(spool), 3);
    assert_int_equal(spool_bytes(spool), 3 + 22);
    spool_close(spool);
}

static void test_spool__what_was_not_flushed_was_not_said(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_spool(f);
    struct agent_id first = id_of(1);
    spool_start(spool, &first);
    end(spool, 0, 2, "two");
    spool_close(spool);
    spool = open_spool(f);
    assert_int_equal(spool_count(spool), 0);
    spool_close(spool);
}

static void test_spool__uuid_stays_and_incarnation_rises(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_spool(f);
    uint8_t uuid[16];
    memcpy(uuid, spool_uuid(spool), sizeof uuid);
    assert_int_equal(spool_incarnation(spool), 1);
    assert_false(spool_is_unsure(spool));
    spool_close(spool);
    for (uint32_t incarnation = 2; incarnation < 5; incarnation++) {
        spool = open_spool(f);
        assert_memory_equal(uuid, spool_uuid(spool), sizeof uuid);
        assert_int_equal(spool_incarnation(spool), incarnation);
        spool_close(spool);
    }
}

static void change_boot(const struct fixture *f)
{
    struct buffer text = BUFFER_EMPTY;
    assert_int_equal(fs_read_file(f->identity, 4096, &text), 0);
    char *boot = strstr((char *)text.data, "boot ");
    assert_non_null(boot);
    boot[5] = boot[5] == '0' ? '1' : '0';
    assert_int_equal(fs_write_file_atomic(f->identity, text.data, text.size, 0600), 0);
    buffer_done(&text);
}

static void test_spool__reboot_is_told_until_a_broker_has_heard_it(void **state)
{
    struct fixture *f = *state;
    spool_close(open_spool(f));
    change_boot(f);
    struct spool *spool = open_spool(f);
    assert_true(spool_is_unsure(spool));
    spool_close(spool);
    /* It died before a broker welcomed it: the next incarnation still says so. */
    spool = open_spool(f);
    assert_true(spool_is_unsure(spool));
    assert_int_equal(spool_welcomed(spool), 0);
    assert_false(spool_is_unsure(spool));
    spool_close(spool);
    spool = open_spool(f);
    assert_false(spool_is_unsure(spool));
    spool_close(spool);
}

static void test_spool__second_opener_is_refused(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_spool(f), *second = NULL;
    assert_int_equal(spool_open(&second, f->dir, &f->message), -EWOULDBLOCK);
    assert_non_null(strstr(buffer_str(&f->message), "another worker uses the spool"));
    assert_null(second);
    spool_close(spool);
    spool_close(open_spool(f));
}

static void test_spool__open_directory_is_refused(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = NULL;
    assert_int_equal(mkdir(f->dir, 0755), 0);
    assert_int_equal(chmod(f->dir, 0755), 0);
    assert_int_equal(spool_open(&spool, f->dir, &f->message), -EPERM);
    assert_non_null(strstr(buffer_str(&f->message), "chmod 700"));
}

static void test_spool__damaged_identity_is_refused_and_left_alone(void **state)
{
    static const char *const BAD[] = {
        "",
        "muster-worker 1\n",
        "muster-worker 2\nuuid 00\nincarnation 1\nboot x\n",
        "muster-worker 1\nuuid 0011\nincarnation 1\nboot x\n",
        "muster-worker 1\nuuid 00112233445566778899aabbccddeeff\nincarnation 0\nboot x\n",
        "muster-worker 1\nuuid 00112233445566778899aabbccddeeff\nincarnation 5\nboot x"};
    struct fixture *f = *state;
    spool_close(open_spool(f));
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct buffer after = BUFFER_EMPTY;
        struct spool *spool = NULL;
        assert_int_equal(fs_write_file_atomic(f->identity, BAD[i], strlen(BAD[i]), 0600), 0);
        assert_int_equal(spool_open(&spool, f->dir, &f->message), -EBADMSG);
        assert_int_equal(fs_read_file(f->identity, 4096, &after), 0);
        assert_string_equal(buffer_str(&after), BAD[i]);
        buffer_done(&after);
    }
}

static void test_spool__foreign_log_is_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    struct buffer after = BUFFER_EMPTY;
    struct spool *spool = NULL;
    spool_close(open_spool(f));
    write_log(f, "MUSPOOL9 from the future", 24);
    assert_int_equal(spool_open(&spool, f->dir, &f->message), -EBADMSG);
    read_log(f, &after);
    assert_string_equal(buffer_str(&after), "MUSPOOL9 from the future");
    buffer_done(&after);
}

/* Writes a log of three records and one note; returns where each entry ends. */
static void make_log(struct fixture *f, struct buffer *bytes, size_t ends[5])
{
    struct agent_id started = id_of(9);
    struct spool *spool = open_spool(f);
    ends[0] = SPOOL_HEAD_BYTES;
    for (uint64_t i = 1; i <= 3; i++) {
        end(spool, 0, i, "a body");
        assert_int_equal(spool_flush(spool), 0);
        ends[i] = spool_file_bytes(spool);
    }
    spool_start(spool, &started);
    assert_int_equal(spool_flush(spool), 0);
    ends[4] = spool_file_bytes(spool);
    spool_close(spool);
    read_log(f, bytes);
    assert_int_equal(bytes->size, ends[4]);
}

static void test_spool__every_truncation_keeps_the_whole_entries(void **state)
{
    struct fixture *f = *state;
    struct buffer bytes = BUFFER_EMPTY;
    size_t ends[5];
    make_log(f, &bytes, ends);
    for (size_t size = 0; size <= bytes.size; size++) {
        write_log(f, bytes.data, size);
        struct spool *spool = open_spool(f);
        uint32_t whole = 0;
        while (whole < 4 && ends[whole + 1] <= size)
            whole++;
        assert_int_equal(spool_count(spool), whole);
        bool is_torn = size > SPOOL_HEAD_BYTES && size != ends[whole];
        assert_int_equal(spool_damaged_bytes(spool) > 0, is_torn);
        /* What the torn end said is not known: it is told as after a reboot. */
        assert_int_equal(spool_is_unsure(spool), is_torn);
        assert_int_equal(spool_welcomed(spool), 0);
        /* It goes on behind the last whole entry. */
        end(spool, 0, 77, "after");
        assert_int_equal(spool_flush(spool), 0);
        spool_close(spool);
        spool = open_spool(f);
        assert_int_equal(spool_count(spool), whole + 1);
        assert_false(spool_is_unsure(spool));
        spool_close(spool);
    }
    buffer_done(&bytes);
}

static void test_spool__no_flipped_bit_is_believed(void **state)
{
    struct fixture *f = *state;
    struct buffer bytes = BUFFER_EMPTY;
    size_t ends[5];
    make_log(f, &bytes, ends);
    for (size_t bit = SPOOL_HEAD_BYTES * 8; bit < bytes.size * 8; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        write_log(f, bytes.data, bytes.size);
        bytes.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        struct spool *spool = open_spool(f);
        uint32_t before = 0;
        while (ends[before + 1] <= bit / 8)
            before++;
        assert_int_equal(spool_count(spool), before);
        assert_int_equal(spool_damaged_bytes(spool), bytes.size - ends[before]);
        for (uint64_t h = spool_next(spool, 0), i = 1; h != 0; h = spool_next(spool, h), i++)
            expect_record(spool, h, i, "a body");
        assert_true(spool_is_unsure(spool));
        spool_close(spool);
    }
    /* A copy of what was cut off is there to be looked at. */
    char path[96];
    snprintf(path, sizeof path, "%s/damaged", f->dir);
    assert_true(fs_exists(path));
    buffer_done(&bytes);
}

static void test_spool__killed_writer_leaves_what_it_flushed(void **state)
{
    enum { ROUNDS = 20 };
    struct fixture *f = *state;
    uint64_t last_seen = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int pipe_fds[2];
        assert_int_equal(pipe(pipe_fds), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct spool *spool = NULL;
            if (spool_open(&spool, f->dir, &f->message) < 0)
                _exit(1);
            for (uint64_t i = last_seen + 1;; i++) {
                end(spool, 0, i, "written before it was told");
                if (spool_flush(spool) < 0 || write(pipe_fds[1], &i, sizeof i) != sizeof i)
                    _exit(2);
            }
        }
        close(pipe_fds[1]);
        uint64_t told = 0, number;
        for (int i = 0; i < 5 + round; i++) {
            assert_int_equal(read(pipe_fds[0], &number, sizeof number), sizeof number);
            told = number;
        }
        kill(child, SIGKILL);
        while (read(pipe_fds[0], &number, sizeof number) == sizeof number)
            told = number;
        close(pipe_fds[0]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        struct spool *spool = open_spool(f);
        /* All that was told is there; the one after it may be. */
        assert_in_range(spool_count(spool), told, told + 1);
        last_seen = spool_count(spool);
        spool_close(spool);
    }
}

static void test_spool__full_disk_loses_nothing_and_recovers(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_spool(f);
    struct rlimit old, limit;
    signal(SIGXFSZ, SIG_IGN);
    end(spool, 0, 1, "fits");
    assert_int_equal(spool_flush(spool), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = spool_file_bytes(spool) + 50; /* half an entry */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    uint64_t second = end(spool, 0, 2, "does not fit");
    assert_true(spool_flush(spool) < 0);
    assert_true(spool_flush(spool) < 0);
    assert_false(spool_is_flushed(spool));
    expect_record(spool, second, 2, "does not fit");
    end(spool, 0, 3, "neither");
    assert_true(spool_flush(spool) < 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(spool_flush(spool), 0);
    assert_true(spool_is_flushed(spool));
    spool_close(spool);
    spool = open_spool(f);
    assert_int_equal(spool_count(spool), 3);
    assert_int_equal(spool_damaged_bytes(spool), 0);
    spool_close(spool);
}

static void test_spool__log_shrinks_when_all_is_acknowledged(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_spool(f);
    char *body = calloc(1, 100001);
    memset(body, 'x', 100000);
    for (uint64_t i = 1; i <= 20; i++) {
        uint64_t handle = end(spool, 0, i, body);
        assert_int_equal(spool_flush(spool), 0);
        spool_forget(spool, handle);
        assert_int_equal(spool_flush(spool), 0);
        assert_true(spool_file_bytes(spool) < (2 << 20));
    }
    assert_int_equal(spool_bytes(spool), 0);
    free(body);
    spool_close(spool);
    spool = open_spool(f);
    assert_int_equal(spool_count(spool), 0);
    spool_close(spool);
}

static void test_spool__log_is_rewritten_when_most_of_it_is_garbage(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_spool(f);
    struct agent_id runs_long = id_of(1);
    char *body = calloc(1, 100001);
    memset(body, 'x', 100000);
    /* A command that runs for hours keeps the log from ever being empty. */
    uint64_t keeps = spool_start(spool, &runs_long);
    end(spool, 0, 2, "stays");
    for (uint64_t i = 10; i <= 400; i++) {
        uint64_t handle = end(spool, 0, i, body);
        assert_int_equal(spool_flush(spool), 0);
        spool_forget(spool, handle);
        assert_int_equal(spool_flush(spool), 0);
        assert_true(spool_file_bytes(spool) < (10 << 20));
    }
    assert_null(spool_record(spool, keeps));
    free(body);
    spool_close(spool);
    spool = open_spool(f);
    assert_int_equal(spool_count(spool), 2);
    uint64_t first = spool_next(spool, 0);
    assert_null(spool_record(spool, first));
    expect_record(spool, spool_next(spool, first), 2, "stays");
    spool_close(spool);
}

static void test_spool__random_history_is_what_is_read_back(void **state)
{
    enum { IDS = 64, STEPS = 3000 };
    struct fixture *f = *state;
    struct rand rand;
    uint64_t handles[IDS] = {0};
    bool has_record[IDS] = {0};
    uint64_t next = 1, ids[IDS];
    rand_seed(&rand, 20261128);
    struct spool *spool = open_spool(f);
    for (int step = 0; step < STEPS; step++) {
        uint64_t i = rand_below(&rand, IDS);
        if (handles[i] == 0) {
            ids[i] = next++;
            struct agent_id id = id_of(ids[i]);
            has_record[i] = rand_chance(&rand, 1, 2);
            handles[i] = has_record[i] ? end(spool, 0, ids[i], "direct") : spool_start(spool, &id);
        } else if (!has_record[i]) {
            has_record[i] = true;
            end(spool, handles[i], ids[i], "direct");
        } else {
            spool_forget(spool, handles[i]);
            handles[i] = 0;
        }
        if (rand_chance(&rand, 1, 4))
            assert_int_equal(spool_flush(spool), 0);
        if (!rand_chance(&rand, 1, 100))
            continue;
        assert_int_equal(spool_flush(spool), 0);
        spool_close(spool);
        spool = open_spool(f);
        uint32_t found = 0, expected = 0;
        for (uint64_t h = spool_next(spool, 0); h != 0; h = spool_next(spool, h)) {
            for (uint64_t j = 0; j < IDS; j++) {
                if (handles[j] == 0 || ids[j] != spool_id(spool, h).track_id)
                    continue;
                assert_int_equal(spool_record(spool, h) != NULL, has_record[j]);
                handles[j] = h;
                found++;
            }
        }
        for (uint64_t j = 0; j < IDS; j++)
            expected += handles[j] != 0;
        assert_int_equal(found, expected);
        assert_int_equal(spool_count(spool), expected);
    }
    spool_close(spool);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_spool__keeps_what_is_not_acknowledged),
        TEST(test_spool__what_was_not_flushed_was_not_said),
        TEST(test_spool__uuid_stays_and_incarnation_rises),
        TEST(test_spool__reboot_is_told_until_a_broker_has_heard_it),
        TEST(test_spool__second_opener_is_refused),
        TEST(test_spool__open_directory_is_refused),
        TEST(test_spool__damaged_identity_is_refused_and_left_alone),
        TEST(test_spool__foreign_log_is_refused_and_left_alone),
        TEST(test_spool__every_truncation_keeps_the_whole_entries),
        TEST(test_spool__no_flipped_bit_is_believed),
        TEST(test_spool__killed_writer_leaves_what_it_flushed),
        TEST(test_spool__full_disk_loses_nothing_and_recovers),
        TEST(test_spool__log_shrinks_when_all_is_acknowledged),
        TEST(test_spool__log_is_rewritten_when_most_of_it_is_garbage),
        TEST(test_spool__random_history_is_what_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
