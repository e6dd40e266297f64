/* Sockets: options, binding, and every answer that sending and receiving can give. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"
#include "net/poll.h"
#include "net/sock.h"

struct fixture {
    void *context;
    void *router;
    void *dealer;
    int lock;
    char dir[64];
    char endpoint[96];
    struct buffer message;
    zmq_msg_t route; /* of the dealer, once it has spoken */
};

static const struct sock_options small = {
    .message_max = 1000, .send_max = 4, .receive_max = 4, .linger_ms = 0};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    strcpy(fixture->dir, "/tmp/muster-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    snprintf(fixture->endpoint, sizeof fixture->endpoint, "ipc://%s/x", fixture->dir);
    fixture->context = sock_context_new();
    fixture->router = sock_router_new(fixture->context, &small);
    fixture->dealer = sock_dealer_new(fixture->context, &small);
    fixture->lock = -1;
    zmq_msg_init(&fixture->route);
    *state = fixture;
    return fixture->router != NULL && fixture->dealer != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    zmq_msg_close(&fixture->route);
    sock_close(&fixture->dealer);
    sock_close(&fixture->router);
    sock_context_free(fixture->context);
    fs_close(fixture->lock);
    assert_int_equal(fs_remove_tree(fixture->dir), 0);
    buffer_done(&fixture->message);
    free(fixture);
    return 0;
}

static void fill(zmq_msg_t *message, const char *text)
{
    assert_int_equal(zmq_msg_init_size(message, strlen(text)), 0);
    memcpy(zmq_msg_data(message), text, strlen(text));
}

static void wait_for(void *sock, short events)
{
    zmq_pollitem_t item = {.socket = sock, .events = events};
    muster_time now = time_boot_ns();
    assert_int_equal(poll_wait(&item, 1, now, now + 30 * MUSTER_S), 1);
}

/* Bound, connected, and the dealer's route is known. */
static void meet(struct fixture *fixture)
{
    assert_int_equal(
        sock_bind(fixture->router, fixture->endpoint, &fixture->lock, &fixture->message), 0);
    assert_int_equal(sock_connect(fixture->dealer, fixture->endpoint, &fixture->message), 0);
    zmq_msg_t message;
    fill(&message, "hello");
    wait_for(fixture->dealer, ZMQ_POLLOUT);
    assert_int_equal(sock_send(fixture->dealer, &message), 0);
    wait_for(fixture->router, ZMQ_POLLIN);
    assert_int_equal(sock_receive_from(fixture->router, &fixture->route, &message), 0);
    assert_int_equal(zmq_msg_size(&message), 5);
    assert_memory_equal(zmq_msg_data(&message), "hello", 5);
    zmq_msg_close(&message);
}

static int answer(struct fixture *fixture, const char *text)
{
    zmq_msg_t message;
    fill(&message, text);
    int result = sock_send_to(fixture->router, zmq_msg_data(&fixture->route),
                              zmq_msg_size(&fixture->route), &message);
    zmq_msg_close(&message);
    return result;
}

static int get_int(void *sock, int option)
{
    int value = -77;
    size_t size = sizeof value;
    assert_int_equal(zmq_getsockopt(sock, option, &value, &size), 0);
    return value;
}

static void test_sock__options_hold_the_defences_and_none_of_the_traps(void **state)
{
    struct fixture *fixture = *state;
    void *const socks[] = {fixture->router, fixture->dealer};
    for (size_t i = 0; i < 2; i++) {
        int64_t message_max = 0;
        size_t size = sizeof message_max;
        assert_int_equal(zmq_getsockopt(socks[i], ZMQ_MAXMSGSIZE, &message_max, &size), 0);
        assert_int_equal(message_max, small.message_max);
        assert_int_equal(get_int(socks[i], ZMQ_SNDHWM), small.send_max);
        assert_int_equal(get_int(socks[i], ZMQ_RCVHWM), small.receive_max);
        assert_int_equal(get_int(socks[i], ZMQ_LINGER), small.linger_ms);
        assert_int_equal(get_int(socks[i], ZMQ_TCP_KEEPALIVE), 1);
        assert_int_equal(get_int(socks[i], ZMQ_TCP_KEEPALIVE_IDLE), 3);
        assert_int_equal(get_int(socks[i], ZMQ_TCP_KEEPALIVE_INTVL), 1);
        assert_int_equal(get_int(socks[i], ZMQ_TCP_KEEPALIVE_CNT), 3);
        assert_int_equal(get_int(socks[i], ZMQ_TCP_MAXRT), 6000);
        assert_int_equal(get_int(socks[i], ZMQ_HEARTBEAT_IVL), 0);
        char route[256];
        size = sizeof route;
        assert_int_equal(zmq_getsockopt(socks[i], ZMQ_ROUTING_ID, route, &size), 0);
        assert_int_equal(size, 0);
    }
    assert_int_equal(get_int(fixture->dealer, ZMQ_IMMEDIATE), 1);
    assert_int_equal(zmq_ctx_get(fixture->context, ZMQ_BLOCKY), 0);
    struct sock_options normal = sock_options_default();
    assert_int_equal(normal.message_max, 1024 * 1024);
    assert_true(normal.linger_ms >= 0);
}

static void test_sock__messages_go_both_ways(void **state)
{
    struct fixture *fixture = *state;
    meet(fixture);
    assert_int_equal(answer(fixture, "welcome"), 0);
    wait_for(fixture->dealer, ZMQ_POLLIN);
    assert_true(sock_has_input(fixture->dealer));
    assert_int_equal(sock_events(fixture->dealer), ZMQ_POLLIN | ZMQ_POLLOUT);
    assert_true(sock_fd(fixture->dealer) >= 0);
    zmq_msg_t message;
    zmq_msg_init(&message);
    assert_int_equal(sock_receive(fixture->dealer, &message), 0);
    assert_memory_equal(zmq_msg_data(&message), "welcome", 7);
    assert_int_equal(sock_receive(fixture->dealer, &message), -EAGAIN);
    assert_int_equal(sock_receive_from(fixture->router, &fixture->route, &message), -EAGAIN);
    zmq_msg_close(&message);
}

static void test_sock__a_dealer_without_a_connection_keeps_its_message(void **state)
{
    struct fixture *fixture = *state;
    zmq_msg_t message;
    fill(&message, "text");
    assert_int_equal(sock_send(fixture->dealer, &message), -EAGAIN);
    assert_int_equal(sock_connect(fixture->dealer, fixture->endpoint, &fixture->message), 0);
    assert_int_equal(sock_send(fixture->dealer, &message), -EAGAIN);
    assert_int_equal(zmq_msg_size(&message), 4);
    zmq_msg_close(&message);
}

static void test_sock__a_peer_that_is_gone_is_unreachable(void **state)
{
    struct fixture *fixture = *state;
    meet(fixture);
    sock_close(&fixture->dealer);
    muster_time until = time_boot_ns() + 30 * MUSTER_S;
    int result = 0;
    while ((result = answer(fixture, "x")) != -EHOSTUNREACH && time_boot_ns() < until) {
        assert_true(result == 0 || result == -EAGAIN);
        assert_int_equal(poll_wait(NULL, 0, 0, MUSTER_MS), 0);
    }
    assert_int_equal(result, -EHOSTUNREACH);
    zmq_msg_t message;
    fill(&message, "x");
    assert_int_equal(sock_send_to(fixture->router, "nobody", 6, &message), -EHOSTUNREACH);
    assert_int_equal(zmq_msg_size(&message), 1);
    zmq_msg_close(&message);
}

static void test_sock__a_peer_that_does_not_read_is_full_and_later_gets_all_in_order(void **state)
{
    struct fixture *fixture = *state;
    enum { MANY = 100000 };
    meet(fixture);
    char text[900];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    unsigned sent = 0;
    int result = 0;
    while (sent < MANY && result == 0) {
        snprintf(text, 8, "%07u", sent);
        text[7] = 'x';
        result = answer(fixture, text);
        sent += result == 0;
    }
    assert_int_equal(result, -EAGAIN);
    assert_in_range(sent, 1, MANY - 1);
    for (unsigned i = 0; i < sent; i++) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        if (!sock_has_input(fixture->dealer)) {
            wait_for(fixture->dealer, ZMQ_POLLIN);
        }
        assert_int_equal(sock_receive(fixture->dealer, &message), 0);
        assert_int_equal(strtoul((char *)zmq_msg_data(&message), NULL, 10), i);
        zmq_msg_close(&message);
    }
}

static void test_sock__more_than_one_frame_is_refused_and_leaves_nothing_behind(void **state)
{
    struct fixture *fixture = *state;
    meet(fixture);
    zmq_msg_t message;
    for (int i = 0; i < 3; i++) {
        fill(&message, "part");
        assert_int_equal(zmq_msg_send(&message, fixture->dealer, i < 2 ? ZMQ_SNDMORE : 0), 4);
    }
    fill(&message, "good");
    assert_int_equal(sock_send(fixture->dealer, &message), 0);
    wait_for(fixture->router, ZMQ_POLLIN);
    zmq_msg_t route;
    zmq_msg_init(&route);
    zmq_msg_init(&message);
    assert_int_equal(sock_receive_from(fixture->router, &route, &message), -EBADMSG);
    assert_int_equal(zmq_msg_size(&route), zmq_msg_size(&fixture->route));
    wait_for(fixture->router, ZMQ_POLLIN);
    assert_int_equal(sock_receive_from(fixture->router, &route, &message), 0);
    assert_memory_equal(zmq_msg_data(&message), "good", 4);

    for (int i = 0; i < 2; i++) {
        const void *id = zmq_msg_data(&route);
        if (i == 0) {
            assert_true(zmq_send(fixture->router, id, zmq_msg_size(&route), ZMQ_SNDMORE) > 0);
        }
        assert_int_equal(zmq_send(fixture->router, "part", 4, i == 0 ? ZMQ_SNDMORE : 0), 4);
    }
    assert_int_equal(answer(fixture, "good"), 0);
    wait_for(fixture->dealer, ZMQ_POLLIN);
    assert_int_equal(sock_receive(fixture->dealer, &message), -EBADMSG);
    wait_for(fixture->dealer, ZMQ_POLLIN);
    assert_int_equal(sock_receive(fixture->dealer, &message), 0);
    assert_memory_equal(zmq_msg_data(&message), "good", 4);
    zmq_msg_close(&message);
    zmq_msg_close(&route);
}

static void test_sock__too_large_a_frame_never_arrives(void **state)
{
    struct fixture *fixture = *state;
    meet(fixture);
    struct sock_options large = small;
    large.message_max = 100000;
    void *other = sock_dealer_new(fixture->context, &large);
    assert_int_equal(sock_connect(other, fixture->endpoint, &fixture->message), 0);
    wait_for(other, ZMQ_POLLOUT);
    zmq_msg_t message;
    zmq_msg_init_size(&message, 5000);
    memset(zmq_msg_data(&message), 0, 5000);
    assert_int_equal(sock_send(other, &message), 0);
    fill(&message, "after");
    assert_int_equal(sock_send(fixture->dealer, &message), 0);
    wait_for(fixture->router, ZMQ_POLLIN);
    zmq_msg_t route;
    zmq_msg_init(&route);
    zmq_msg_init(&message);
    assert_int_equal(sock_receive_from(fixture->router, &route, &message), 0);
    assert_int_equal(zmq_msg_size(&message), 5);
    zmq_msg_close(&message);
    zmq_msg_close(&route);
    sock_close(&other);
}

static void test_sock__a_second_server_on_one_path_is_refused_and_takes_nothing(void **state)
{
    struct fixture *fixture = *state;
    meet(fixture);
    void *second = sock_router_new(fixture->context, &small);
    int lock = -1;
    assert_int_equal(sock_bind(second, fixture->endpoint, &lock, &fixture->message), -EADDRINUSE);
    assert_int_equal(lock, -1);
    char pid[32];
    snprintf(pid, sizeof pid, "pid %d", (int)getpid());
    assert_non_null(strstr(buffer_str(&fixture->message), pid));
    sock_close(&second);
    assert_int_equal(answer(fixture, "still here"), 0);
}

static void test_sock__a_stale_socket_file_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/x", fixture->dir);
    int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(stale, (const struct sockaddr *)&address, sizeof address), 0);
    fs_close(stale);
    meet(fixture);
}

static void test_sock__a_directory_that_others_can_enter_is_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(chmod(fixture->dir, 0755), 0);
    assert_int_equal(
        sock_bind(fixture->router, fixture->endpoint, &fixture->lock, &fixture->message), -EPERM);
    assert_non_null(strstr(buffer_str(&fixture->message), "0700"));
    assert_int_equal(chmod(fixture->dir, 0700), 0);
}

static void test_sock__a_missing_directory_is_made_private(void **state)
{
    struct fixture *fixture = *state;
    char endpoint[128];
    char dir[96];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/new/x", fixture->dir);
    snprintf(dir, sizeof dir, "%s/new", fixture->dir);
    assert_int_equal(sock_bind(fixture->router, endpoint, &fixture->lock, &fixture->message), 0);
    struct stat st;
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void test_sock__the_system_chooses_a_port_and_tells_it(void **state)
{
    struct fixture *fixture = *state;
    struct buffer bound = BUFFER_EMPTY;
    assert_int_equal(
        sock_bind(fixture->router, "tcp://127.0.0.1:*", &fixture->lock, &fixture->message), 0);
    assert_int_equal(fixture->lock, -1);
    assert_int_equal(sock_bound_endpoint(fixture->router, &bound), 0);
    assert_true(strncmp(buffer_str(&bound), "tcp://127.0.0.1:", 16) == 0);
    assert_true(strtoul(buffer_str(&bound) + 16, NULL, 10) > 0);

    void *second = sock_router_new(fixture->context, &small);
    int lock = -1;
    assert_int_equal(sock_bind(second, buffer_str(&bound), &lock, &fixture->message), -EADDRINUSE);
    assert_non_null(strstr(buffer_str(&fixture->message), "another program"));
    sock_close(&second);

    assert_int_equal(sock_connect(fixture->dealer, buffer_str(&bound), &fixture->message), 0);
    wait_for(fixture->dealer, ZMQ_POLLOUT);
    buffer_done(&bound);
}

static void test_sock__addresses_that_cannot_be_are_refused(void **state)
{
    struct fixture *fixture = *state;
    int lock = -1;
    assert_int_equal(sock_connect(fixture->dealer, "nas1:5701", &fixture->message), -EINVAL);
    assert_int_equal(sock_connect(fixture->dealer, "tcp://nas1:*", &fixture->message), -EINVAL);
    assert_int_equal(sock_bind(fixture->router, "tcp://nas1", &lock, &fixture->message), -EINVAL);
    /* An address of the documentation's own network: no machine has it. */
    assert_true(sock_bind(fixture->router, "tcp://192.0.2.1:5701", &lock, &fixture->message) < 0);
    assert_int_equal(lock, -1);
    assert_non_null(strstr(buffer_str(&fixture->message), "192.0.2.1"));
}

static void test_sock__linger_can_be_changed_before_closing(void **state)
{
    struct fixture *fixture = *state;
    sock_set_linger(fixture->dealer, 250);
    assert_int_equal(get_int(fixture->dealer, ZMQ_LINGER), 250);
    assert_int_equal(sock_events(fixture->dealer), 0);
}

static void test_sock__closing_nothing_is_fine(void **state)
{
    (void)state;
    void *none = NULL;
    sock_close(NULL);
    sock_close(&none);
    sock_context_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sock__options_hold_the_defences_and_none_of_the_traps),
        TEST(test_sock__messages_go_both_ways),
        TEST(test_sock__a_dealer_without_a_connection_keeps_its_message),
        TEST(test_sock__a_peer_that_is_gone_is_unreachable),
        TEST(test_sock__a_peer_that_does_not_read_is_full_and_later_gets_all_in_order),
        TEST(test_sock__more_than_one_frame_is_refused_and_leaves_nothing_behind),
        TEST(test_sock__too_large_a_frame_never_arrives),
        TEST(test_sock__a_second_server_on_one_path_is_refused_and_takes_nothing),
        TEST(test_sock__a_stale_socket_file_is_replaced),
        TEST(test_sock__a_directory_that_others_can_enter_is_refused),
        TEST(test_sock__a_missing_directory_is_made_private),
        TEST(test_sock__the_system_chooses_a_port_and_tells_it),
        TEST(test_sock__addresses_that_cannot_be_are_refused),
        TEST(test_sock__linger_can_be_changed_before_closing),
        TEST(test_sock__closing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
