/* trace.c -- lines of a run. Two runs with one seed must agree in every line, hence in the hash. */
#include "trace.h"

#include <stdarg.h>
#include <stdio.h>

#include "sim.h"

enum { LINE_MAX = 400 };

void trace_init(struct trace *trace, unsigned print)
{
    *trace = (struct trace){.hash = UINT64_C(0xcbf29ce484222325), .print = print};
}

void trace_done(struct trace *trace)
{
    buffer_done(&trace->kept);
}

void trace_line(struct sim *sim, enum trace_kind kind, const char *format, ...)
{
    struct trace *trace = &sim->trace;
    char line[LINE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    uint64_t hash = (trace->hash ^ (uint64_t)sim->now) * UINT64_C(0x100000001b3);
    for (const char *at = line; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
    if (kind != TRACE_CORE) { /* those are there only when somebody reads them */
        trace->hash = hash;
        trace->lines++;
    }
    if ((trace->print & kind) != 0)
        printf("%6lld.%06lld %s\n", (long long)(sim->now / MUSTER_S),
               (long long)(sim->now % MUSTER_S / MUSTER_US), line);
    if ((trace->keep & kind) != 0)
        buffer_printf(&trace->kept, "%s\n", line);
}
