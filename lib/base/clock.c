/* The two readers of clocks, alone in this file: whoever links them is not pure. */
#include <time.h>

#include "base/assert.h"
#include "base/time.h"

static muster_time read_clock(clockid_t clock)
{
    struct timespec now;
    MUST(clock_gettime(clock, &now) == 0);
    return (muster_time)now.tv_sec * MUSTER_S + (muster_time)now.tv_nsec;
}

muster_time time_boot_ns(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

muster_time time_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}
