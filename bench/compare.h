/* compare: two reports, figure by figure. */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

/* `compare [--margin PERCENT] [--margin FIGURE=PERCENT]… BEFORE.json AFTER.json`: 0: no figure became worse by more
 * than its margin; 1: one did, or AFTER was not verified; 2: the two can't be compared. */
int compare_main(int argc, char **argv);

#endif
