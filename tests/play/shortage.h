/* shortage: makes one chosen allocation of the gateway's fail.
 *
 * Linked with --wrap for malloc, calloc, realloc and strdup, so it catches BoringSSL's as well. */
#ifndef PLAY_SHORTAGE_H
#define PLAY_SHORTAGE_H

#include <stdint.h>

/* The nth allocation from now on fails, once; 0: none. */
void shortage_begin(uint64_t nth);
void shortage_end(void);
/* How many there were between the two. */
uint64_t shortage_count(void);

#endif
