// The public header is C++ too.
#include <muster.h>

int main()
{
    muster_pool *pool = nullptr;
    muster_command *command = muster_command_call("echo");
    muster_stats stats;
    int64_t id = muster_submit(pool, command);
    muster_command_free(command);
    return id == MUSTER_EINVAL && muster_get_stats(pool, MUSTER_ALL, &stats) < 0 ? 0 : 1;
}
