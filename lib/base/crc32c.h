/* CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected), as in RFC 3720 appendix B.4. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Begin with crc = 0 and feed the result of one call to the next:
 * crc32c(crc32c(0, a), b) = crc32c(0, a b). Uses SSE 4.2 where the processor has it. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

/* The same by table, whatever the processor: for tests. */
uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t size);

#endif
