/* sallyportctl: one function a subcommand, in a file of its name.
 *
 * argv[0] is the subcommand; what it returns is the exit code: 0 well, 1 not, 2 unusable (bad usage, no such file). */
#ifndef CTL_H
#define CTL_H

#define CTL_OK 0
#define CTL_BROKEN 1
#define CTL_UNUSABLE 2

int ctl_scan(int argc, char **argv);

#endif
