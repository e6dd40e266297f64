/* Times and durations: nanoseconds in 64 bits, their texts, and the two clocks.
 *
 * The readers of clocks are defined in clock.c alone; the pure cores may use all the rest. */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

typedef int64_t muster_time; /* nanoseconds, of whichever clock the name says */

#define MUSTER_US ((muster_time)1000)
#define MUSTER_MS ((muster_time)1000000)
#define MUSTER_S ((muster_time)1000000000)
#define MUSTER_NEVER INT64_MAX

enum { TIME_TEXT_MAX = 32 }; /* room for every text that this module makes, NUL included */

/* In clock.c: time since boot, sleep included (CLOCK_BOOTTIME), and since 1970 (CLOCK_REALTIME). */
muster_time time_boot_ns(void);
muster_time time_wall_ns(void);

/* a + b without overflow; MUSTER_NEVER stays MUSTER_NEVER. */
muster_time time_add(muster_time a, muster_time b);

/* Milliseconds from now until then for poll(): rounded up, never negative, at most `cap_ms`;
 * MUSTER_NEVER gives `cap_ms`, and -1 (wait for ever) when cap_ms is -1. */
int time_poll_ms(muster_time now, muster_time then, int cap_ms);

/* "2026-11-22T20:01:02.113Z" (UTC, rounded down); MUSTER_NEVER gives "never". */
void time_format_iso(char text[TIME_TEXT_MAX], muster_time wall_ns);

/* A duration: "90s" "5m" "2h" "250ms" "1d" "1h30m" "1.5s", "0"; units ns us ms s m h d w. A number
 * other than 0 needs a unit. -EINVAL: not a duration; -ERANGE: over 100 years. */
int time_parse_duration(const char *text, muster_time *ret_ns);

/* A short human form: "0s" "250ms" "3.2s" "42s" "12m03s" "2h05m" "3d04h"; "never". */
void time_format_duration(char text[TIME_TEXT_MAX], muster_time duration_ns);

/* "2026-11-22T20:01:02.113Z", "2026-11-22 20:01+01:00", "2026-11-22T20:01", "2026-11-22": without
 * a zone it is local time. -EINVAL: not such a text or no such date; -ERANGE: outside 1970–2261. */
int time_parse_iso(const char *text, muster_time *ret_wall_ns);

/* What `--at` takes: an ISO time, "now", "+5m" (from now_wall_ns), or "HH:MM[:SS]", the next such
 * local time. Errors as above. */
int time_parse_when(const char *text, muster_time now_wall_ns, muster_time *ret_wall_ns);

#endif
