/* Assertions about our own impossible states. They stay on in release builds.
 *
 * Never for bytes from outside: those get a typed refusal. */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

/* Aborts with "file:line: must hold: cond" on stderr when `cond` is false. Evaluates it once. */
#define MUST(cond) ((cond) ? (void)0 : must_fail(#cond, __FILE__, __LINE__))

/* Prints what failed and where, then aborts. Also the end of a branch that cannot be reached:
 * must_fail("state is known", __FILE__, __LINE__). */
_Noreturn void must_fail(const char *what, const char *file, int line);

#endif
