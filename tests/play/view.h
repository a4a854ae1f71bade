/* view: XML as a list of lines that can be compared whatever the order of attributes, quotes or references.
 *
 * Read by libexpat, in namespace mode, so that what the gateway writes is judged by a parser that is not its own.  An
 * element's prefix counts as well as its namespace, since some servers compare names literally. */
#ifndef PLAY_VIEW_H
#define PLAY_VIEW_H

#include "match.h"
#include "sallyport/base.h"

struct view;

enum view_rc {
	VIEW_ITEM,
	VIEW_MORE, /* the bytes end before the item does */
	VIEW_BAD,  /* not XML, or white space or text between elements */
};

/* The first item of bytes.  header n == 0: a stream header, declarations included; else a top-level element of the
 * stream that this header opened.  *used: the bytes of the item.  The view is the caller's; NULL unless VIEW_ITEM, and
 * why says what is wrong. */
MUST_CHECK enum view_rc view_read(
    struct span header, struct span bytes, struct view **view, size_t *used, char *why, size_t why_n);
void view_free(struct view *view);

/* A pattern as a script writes it: an element, or the start tag of a header.  The namespaces that every stream of
 * servers declares need not be written.  NULL: not XML; why says so. */
struct view *view_pattern(const char *text, bool header, char *why, size_t why_n);

/* Compares line by line, each with match().  False: why shows the first two lines that differ. */
MUST_CHECK bool view_match(
    const struct view *pattern, const struct view *got, struct vars *vars, char *why, size_t why_n);

#endif
