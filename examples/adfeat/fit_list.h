/* 'adfeat fit --list'. */
#ifndef ADFEAT_FIT_LIST_H
#define ADFEAT_FIT_LIST_H

/* Every method with its source, what it needs and its cost. Returns an exit code. */
int fit_list_print(void);

#endif /* ADFEAT_FIT_LIST_H */
