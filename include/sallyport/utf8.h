/* utf8: bytes of unknown origin, read as UTF-8 for whoever writes them into a log, JSON or a terminal. */
#ifndef SALLYPORT_UTF8_H
#define SALLYPORT_UTF8_H

#include "sallyport/base.h"

/* Bytes of the sequence at the head of s (RFC 3629: no overlong form, no surrogate), its code point in *cp; 0: none. */
MUST_CHECK size_t utf8_read(struct span s, uint32_t *cp);
/* As many columns of a terminal as there are code points; what is none counts as one, byte by byte, and what is hidden
 * too: both are shown as '?'. */
MUST_CHECK size_t utf8_columns(struct span s);
/* What must not reach a terminal as it is: control characters, and those that are invisible or turn the direction of
 * what stands around them. */
MUST_CHECK bool utf8_is_hidden(uint32_t cp);

#endif
